"""Bridges as processes that are killed at any moment, between a Dify and a Chatwoot that loses its answers.

    async with world(folder, seed, bridges=2, database=url) as at:
        at.start(0)
        ...
        at.kill(0)

Customers write one message after another, each when the one before was acknowledged or lost. The app answers
by saying the question again, so that what was answered, how often and in which order can be read off the
conversation.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import random
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
from httpx_aiohttp import HttpxAiohttpClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route as Path_
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge import log
from bridge.sandbox import BotSettings, DeliverySettings, Sandbox, SandboxSettings, create_sandbox
from bridge.sandbox.records import ContactInbox, MessageType
from bridge.serve import address_of, bridge, listen, serving
from bridge.settings import BridgeSettings, Mode, Patience, Route
from kbtool.dify.client import DifyClient
from kbtool.handoff import Policy
from tests.ports import free_port
from tests.waiting import until

POST_LIMIT = 1.0
LEASE = 1.5
PATIENCE = Patience(
    answer=5.0, attempts=3, first_pause=0.05, longest_pause=0.2, post_limit=POST_LIMIT, lease=LEASE, quiet=0.1
)
MADE_BY_FORK = multiprocessing.get_context("forkserver")
MADE_BY_FORK.set_forkserver_preload(["tests.killing", "bridge.store.sqlite", "bridge.store.postgres"])
QUESTION = re.compile(r"number (\d+) of my order")


@dataclass(frozen=True)
class Place:
    """Where a bridge process works: all that it must be told."""

    store: Path
    port: int
    chatwoot: str
    dify: str
    database: str
    bot: BotSettings
    user_token: str
    log: Path


def serve(place: Place) -> None:
    """A bridge process, until it is killed."""
    with place.log.open("a") as lines:
        sys.stderr = lines
        log.to_stderr()
        logging.getLogger("bridge").setLevel(logging.WARNING)
        asyncio.run(_serve(place))


async def _serve(place: Place) -> None:
    route = Route("kbtool", place.bot.secret, place.bot.token, place.user_token, Mode.REPLY)
    settings = BridgeSettings(place.store, (route,), Policy(), PATIENCE, database=place.database)
    asker = HttpxAiohttpClient(base_url=f"{place.dify}/v1", trust_env=False, verify=False)
    async with (
        DifyClient(asker, app_key="app-test", attempts=1) as chat,
        HttpxAiohttpClient(base_url=place.chatwoot, trust_env=False, verify=False) as http,
        bridge(settings, chat, http) as running,
        serving((running.app, listen("127.0.0.1", place.port))),
    ):
        await running.work


@dataclass
class Unreliable:
    """Chatwoot behind a network: a post is taken after a while, perhaps with no word of it, or late.

    As contracts go, a post whose answer is lost is there within `POST_LIMIT`, or never.
    """

    app: ASGIApp
    random: random.Random
    late: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].endswith("/messages"):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        fate = self.random.random()
        if fate < 0.05:
            await JSONResponse({"error": "busy"}, 429)(scope, receive, send)
            return
        if fate < 0.10:
            await JSONResponse({"error": "down"}, 502)(scope, receive, send)
            return
        if fate < 0.25:
            wait = self.random.uniform(0, POST_LIMIT * 0.9)
            task = asyncio.create_task(self._take(scope, body, wait, _swallow))
            self.late.add(task)
            task.add_done_callback(self.late.discard)
            await JSONResponse({"error": "gateway timeout"}, 504)(scope, receive, send)
            return
        # Not given up when the caller is killed: Chatwoot's work is not either.
        await asyncio.shield(self._take(scope, body, self.random.uniform(0, 0.05), send))

    async def _take(self, scope: Scope, body: bytes, wait: float, send: Any) -> None:
        await asyncio.sleep(wait)

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, receive, send)


async def _swallow(_: Any) -> None:
    """An answer that does not get through."""


class Balanced(httpx.AsyncBaseTransport):
    """What Chatwoot's webhooks go through: a bridge that takes connections. `acknowledged` numbers the ids of
    the questions that were, in the order in which they were.
    """

    def __init__(self, ports: Sequence[int], chance: random.Random) -> None:
        self._ports = ports
        self._random = chance
        self._inner = HttpxAiohttpClient(trust_env=False, timeout=5.0)
        self.acknowledged: dict[int, int] = {}
        self.told: dict[int, asyncio.Event] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        body = json.loads(content)
        is_question = body.get("event") == "message_created" and body.get("message_type") == "incoming"
        try:
            answer = await self._send(request, content)
            if is_question and answer.status_code == 200:
                self.acknowledged.setdefault(body["id"], len(self.acknowledged))
            return httpx.Response(answer.status_code, request=request)
        finally:
            if is_question:
                self.told.setdefault(body["id"], asyncio.Event()).set()

    async def _send(self, request: httpx.Request, content: bytes) -> httpx.Response:
        ports = self._random.sample(list(self._ports), len(self._ports))
        for port in ports[:-1]:
            try:
                return await self._post(request, content, port)
            except (httpx.ConnectError, httpx.ConnectTimeout):  # which of them is said for a refusal varies
                continue
        return await self._post(request, content, ports[-1])

    async def _post(self, request: httpx.Request, content: bytes, port: int) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        return await self._inner.post(request.url.copy_with(port=port), content=content, headers=headers)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def chat(request: Request) -> Response:
    """An app that says the question again, with a source that says it too."""
    body = await request.json()
    await asyncio.sleep(0.05)
    ids = {"conversation_id": body["conversation_id"] or "c"}
    resource = {"segment_id": "s", "document_id": "d", "document_name": "Page", "score": 0.9}
    events = (
        {"event": "message", "answer": body["query"], **ids},
        {"event": "message_end", "metadata": {"retriever_resources": [resource | {"content": body["query"]}]}}
        | ids,
    )
    lines = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    return StreamingResponse(iter([lines]), media_type="text/event-stream")


@dataclass
class World:
    """Everything around the bridges, and the bridges."""

    sandbox: Sandbox
    balanced: Balanced
    places: Sequence[Place]
    random: random.Random
    bridges: dict[int, BaseProcess] = field(default_factory=dict)
    visits: list[ContactInbox] = field(default_factory=list)
    asked: dict[int, int] = field(default_factory=dict)
    """The number in a question by its message's id."""
    known: dict[int, int] = field(default_factory=dict)
    """How many questions had been acknowledged when this number was asked."""

    async def start(self, number: int) -> None:
        """A bridge, when it takes connections."""
        place = self.places[number]
        process = MADE_BY_FORK.Process(target=serve, args=(place,), daemon=True)
        process.start()
        self.bridges[number] = process

        async def answers() -> bool:
            assert process.is_alive(), place.log.read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", place.port)
            except OSError:
                return False
            writer.close()
            return True

        await until(answers, place.log.read_text)

    def kill(self, number: int) -> None:
        process = self.bridges.pop(number)
        assert process.is_alive(), self.places[number].log.read_text()
        process.kill()
        process.join()
        process.close()

    async def write(self, visit: ContactInbox) -> None:
        """A customer who writes, and writes again when that was acknowledged, or lost."""
        while True:
            number = len(self.asked) + 1
            self.known[number] = len(self.balanced.acknowledged)
            message = self.sandbox.state.say(visit, f"What of number {number} of my order?")
            self.asked[message.id] = number
            await self.balanced.told.setdefault(message.id, asyncio.Event()).wait()
            await asyncio.sleep(self.random.expovariate(4.0))

    def answers(self) -> Iterator[list[int]]:
        """For each customer the numbers in what the bot has replied, in the order of its posts."""
        for visit in self.visits:
            found = self.sandbox.state.conversation_of(visit)
            if found is None:  # who has not written yet
                continue
            said = [
                message.content or ""
                for message in self.sandbox.state.messages(found)
                if message.message_type is MessageType.outgoing and not message.private
            ]
            yield [int(number) for text in said for number in QUESTION.findall(text)]

    def overtaken(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """Pairs of one customer's numbers answered in the wrong order, though the earlier question had been
        acknowledged before the later one was asked. What Chatwoot had to deliver again, nobody knew sooner.
        """
        acknowledged = {self.asked[id_]: place for id_, place in self.balanced.acknowledged.items()}
        return [
            (later, earlier)
            for at, later in enumerate(numbers)
            for earlier in numbers[at + 1 :]
            if earlier < later and acknowledged.get(earlier, self.known[later]) < self.known[later]
        ]

    def unanswered(self) -> set[int]:
        """The numbers of acknowledged questions that no reply names."""
        answered = {number for numbers in self.answers() for number in numbers}
        return {self.asked[message] for message in self.balanced.acknowledged} - answered


@asynccontextmanager
async def world(
    folder: Path, seed: int, *, bridges: int = 1, database: str = "", customers: int = 6
) -> AsyncIterator[World]:
    """All but the bridges, which the caller starts."""
    chance = random.Random(seed)
    here, there = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    ports = [free_port() for _ in range(bridges)]
    balanced = Balanced(ports, chance)
    bot = BotSettings(url=f"http://127.0.0.1:{ports[0]}/webhooks/chatwoot/kbtool")
    delivery = DeliverySettings(retry_seconds=0.1, keep_pending_on_bot_failure=True, concurrency=50)
    settings = SandboxSettings(bot=bot, delivery=delivery, messages_per_minute=1_000_000)
    sandbox = create_sandbox(settings, httpx.AsyncClient(transport=balanced))
    places = [
        Place(
            folder / "bridge.sqlite", port, address_of(here), address_of(there), database, bot,
            settings.administrator.token, folder / f"bridge-{port}.log",
        )
        for port in ports
    ]  # fmt: skip
    dify = Starlette(routes=[Path_("/v1/chat-messages", chat, methods=["POST"])])
    at = World(sandbox, balanced, places, chance)
    writers: list[asyncio.Task[None]] = []
    try:
        async with serving((Unreliable(sandbox, chance), here), (dify, there)):
            at.visits = [sandbox.state.arrive() for _ in range(customers)]
            try:
                yield at
            finally:
                for writer in writers:
                    writer.cancel()
                for number in list(at.bridges):
                    at.kill(number)
    finally:
        await sandbox.aclose()
        await balanced.aclose()
