"""The least that a webhook can cost: FastAPI, and one durable insert before the answer.

python -m benchmarks.bridge_bare STORE        prints {"port": …}
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys

import uvicorn
from fastapi import FastAPI, Request, Response

from bridge.serve import listen


async def main(store: str) -> None:
    app = FastAPI()
    base = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
    for statement in (
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "CREATE TABLE inbox (id TEXT PRIMARY KEY, body BLOB)",
    ):
        base.execute(statement)
    turn = asyncio.Lock()

    @app.post("/webhooks/chatwoot/bench")
    async def receive(request: Request) -> Response:
        row = (request.headers["X-Chatwoot-Delivery"], await request.body())
        async with turn:
            await asyncio.to_thread(base.execute, "INSERT OR IGNORE INTO inbox VALUES (?, ?)", row)
        return Response()

    hooks = listen("127.0.0.1", 0)
    print(json.dumps({"port": hooks.getsockname()[1]}), flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_config=None)).serve(sockets=[hooks])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
