"""The yardstick: an inbox of 100 lines on aiohttp and SQLite that makes the calls it is told to.

    python -m benchmarks.bridge_probe URL STORE show,ask,show,post CONCURRENCY

It verifies the signature, keeps the delivery before it answers (WAL, synchronous=FULL, one writer that
commits in groups), then makes the calls, and marks the message before and after the post. No order, lease,
merging, retry or second look: what one Python process reaches that does only this.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sqlite3
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from aiohttp import web

SECRET, BOT = b"bench-secret", {"Api-Access-Token": "bench-bot"}
Statement = tuple[str, Sequence[object]]


class Probe:
    """`calls` are those for each message, in order; "post" is the answer."""

    def __init__(self, url: str, store: str, calls: Sequence[str], concurrency: int) -> None:
        self._url, self._calls = url, calls
        self._room = asyncio.Semaphore(concurrency)
        self._thread = ThreadPoolExecutor(1)
        self._waiting: list[tuple[Statement, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._base = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self._base.execute(f"PRAGMA {pragma}")
        self._base.execute("CREATE TABLE inbox (id TEXT PRIMARY KEY, body BLOB, state TEXT, answer TEXT)")

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = request.headers["X-Chatwoot-Timestamp"].encode() + b"." + body
        right = "sha256=" + hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, request.headers["X-Chatwoot-Signature"]):
            return web.Response(status=401)
        name = request.headers["X-Chatwoot-Delivery"]
        await self._write("INSERT OR IGNORE INTO inbox VALUES (?, ?, 'new', '')", (name, body))
        task = asyncio.create_task(self._answer(name, json.loads(body)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return web.Response()

    async def _answer(self, name: str, message: dict[str, object]) -> None:
        conversation = message["conversation"]
        assert isinstance(conversation, dict)
        path = f"{self._url}/api/v1/accounts/1/conversations/{conversation['id']}"
        said = ""
        async with self._room:
            for call in self._calls:
                if call == "ask":
                    said = await self._ask(str(message["content"]), str(conversation["id"]))
                    await self._write("UPDATE inbox SET state='asked', answer=? WHERE id=?", (said, name))
                elif call == "post":
                    post = {"content": said, "content_attributes": {"mark": name}}
                    async with self._http.post(f"{path}/messages", json=post, headers=BOT) as answer:
                        await answer.json()
                elif call == "typing":
                    typing = {"typing_status": "on"}
                    async with self._http.post(f"{path}/toggle_typing_status", json=typing, headers=BOT):
                        pass
                else:
                    async with self._http.get(
                        path if call == "show" else f"{path}/messages", headers=BOT
                    ) as answer:
                        await answer.json()
        await self._write("UPDATE inbox SET state='done', body=NULL WHERE id=?", (name,))

    async def _ask(self, query: str, user: str) -> str:
        body = {
            "query": query,
            "user": user,
            "inputs": {},
            "response_mode": "streaming",
            "conversation_id": "",
        }
        said = ""
        async with self._http.post(f"{self._url}/v1/chat-messages", json=body) as answer:
            async for line in answer.content:
                if line.startswith(b"data: "):
                    said += json.loads(line[6:]).get("answer", "")
        return said

    async def _write(self, sql: str, values: Sequence[object]) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(((sql, values), future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await future

    async def _write_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            statements = [statement for statement, _ in group]
            await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, statements)
            for _, future in group:
                future.set_result(None)

    def _commit(self, statements: Sequence[Statement]) -> None:
        self._base.execute("BEGIN")
        for sql, values in statements:
            self._base.execute(sql, values)
        self._base.execute("COMMIT")


async def main(url: str, store: str, calls: str, concurrency: str) -> None:
    probe = Probe(url, store, calls.split(","), int(concurrency))
    app = web.Application()
    app.add_routes([web.post("/webhooks/chatwoot/bench", probe.receive)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
