"""What bridge tests stand on: a Chatwoot (the sandbox), a Dify that says what it is told, real sockets.

async with stand(tmp_path, {"question": Said("answer", 0.8)}) as at:
    async with at.bridge():
        visit = at.ask("question")
        await at.until(lambda: at.replies(visit) == ["answer"])
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from httpx_aiohttp import HttpxAiohttpClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route as Path_
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge import signature
from bridge.improve.workshop import Workshop
from bridge.sandbox import BotSettings, DeliverySettings, Sandbox, SandboxSettings, create_sandbox
from bridge.sandbox.records import ContactInbox, Conversation, MessageType
from bridge.sandbox.settings import UserSettings
from bridge.serve import Bridge, Streamed, Told, address_of, bridge, listen, serving
from bridge.settings import BridgeSettings, Mode, Patience, Route
from kbtool.dify.client import DifyClient
from kbtool.handoff import Policy
from tests.ports import free_port
from tests.waiting import until

QUICK = Patience(
    answer=30.0, attempts=2, first_pause=0.01, longest_pause=0.05, post_limit=0.2, drain=3.0, quiet=0.0
)
DIFY_KEY = "app-test"


@dataclass(frozen=True)
class Said:
    """What Dify answers: a text and the texts it cites, scored alike or each with its own of `scores`.

    `status` other than 200 is an error.
    """

    text: str = ""
    score: float | None = 0.8
    sources: tuple[str, ...] = ("Refunds › Time limit\n\nYou have 30 days.",)
    status: int = 200
    hangs: bool = False
    scores: tuple[float | None, ...] = ()


@dataclass
class Dify:
    """Streams what it is told, in the events of a Dify chat app, and remembers what it was asked.

    Answers go by question, or by `user: question`. What `hangs` goes on when `released` is set. With
    `has_citations` false its app is set up to name no sources; what it answers stays as it was told. One that
    is not `is_published` says nothing of itself.
    """

    answers: Mapping[str, Said]
    asked: list[dict[str, Any]] = field(default_factory=list)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    has_citations: bool = True
    is_published: bool = True

    @property
    def app(self) -> ASGIApp:
        return Starlette(
            routes=[
                Path_("/v1/chat-messages", self._chat, methods=["POST"]),
                Path_("/v1/info", self._info),
                Path_("/v1/parameters", self._parameters),
            ]
        )

    async def _info(self, _: Request) -> Response:
        if not self.is_published:
            return JSONResponse({"code": "app_unavailable", "message": "gone", "status": 404}, 404)
        return JSONResponse({"name": "Support bot", "description": "", "tags": [], "mode": "chat"})

    async def _parameters(self, _: Request) -> Response:
        shown = {
            "opening_statement": "",
            "suggested_questions": [],
            "retriever_resource": {"enabled": self.has_citations},
            "suggested_questions_after_answer": {"enabled": False},
            "user_input_form": [],
        }
        return JSONResponse(shown)

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        own = self.answers.get(f"{body['user']}: {body['query']}")
        said = own or self.answers.get(body["query"], Said("I don't know.", 0.1))
        if said.status != 200:
            return JSONResponse({"code": "broken", "message": "broken", "status": said.status}, said.status)
        return StreamingResponse(self._events(body, said), media_type="text/event-stream")

    async def _events(self, body: dict[str, Any], said: Said) -> AsyncIterator[str]:
        ids = {"conversation_id": body["conversation_id"] or f"conversation-{len(self.asked)}"}
        if said.hangs:
            yield "event: ping\n\n"
            await self.released.wait()
        for piece in (said.text[:5], said.text[5:]):
            yield _line({"event": "message", "answer": piece, **ids})
        resources = [
            {
                "segment_id": f"s{number}",
                "document_id": f"d{number}",
                "document_name": f"Page {number}",
                "content": text,
                "score": said.scores[number] if said.scores else said.score,
            }
            for number, text in enumerate(said.sources)
        ]
        yield _line({"event": "message_end", "metadata": {"retriever_resources": resources}, **ids})


def _line(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event)}\n\n"


@dataclass
class Proxy:
    """What stands before Chatwoot and fails as told: each post of a message takes the next fault.

    "lost": the post arrives, its answer does not. "down": 503 at once. "refused": 422. "busy": 429.
    With `drops_marks` it is one that forgets what it does not know in `content_attributes`.
    """

    app: ASGIApp
    faults: list[str] = field(default_factory=list)
    posts: int = 0
    drops_marks: bool = False
    requests: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            self.requests.append(f"{scope['method']} {scope['path']}")
        is_post = (
            scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/messages")
        )
        if not is_post or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        self.posts += 1
        if self.drops_marks:
            receive = _unmarked(await Request(scope, receive).json())
        fault = self.faults.pop(0) if self.faults else ""
        status = {"lost": 502, "down": 503, "refused": 422, "busy": 429}.get(fault)
        if status is None:
            await self.app(scope, receive, send)
            return
        if fault == "lost":
            await self.app(scope, receive, _swallow)
        await JSONResponse({"error": f"as told: {fault}"}, status)(scope, receive, send)


def _unmarked(body: dict[str, Any]) -> Receive:
    """The request's body as a Chatwoot reads it that knows no attributes but its own."""
    content = json.dumps(body | {"content_attributes": {}}).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    return receive


async def _swallow(_: Any) -> None:
    """An answer that does not get through."""


@dataclass
class Stand:
    """Chatwoot and Dify at work; a bridge comes and goes between them."""

    sandbox: Sandbox
    chatwoot: Proxy
    dify: Dify
    settings: BridgeSettings
    port: int
    chat: DifyClient
    http: HttpxAiohttpClient
    ops: str = ""

    @asynccontextmanager
    async def bridge(
        self,
        *,
        clock: Callable[[], float] = time.time,
        workshop: Workshop | None = None,
        told: Told | None = None,
        streamed: Streamed | None = None,
        **changes: Any,
    ) -> AsyncIterator[Bridge]:
        """A bridge on the store and the port of the last one."""
        hooks, ops = listen("127.0.0.1", self.port), listen("127.0.0.1", 0)
        self.ops = address_of(ops)
        async with (
            bridge(
                replace(self.settings, **changes),
                self.chat,
                self.http,
                clock,
                workshop=workshop,
                told=told,
                streamed=streamed,
            ) as running,
            serving((running.app, hooks), (running.ops, ops)),
        ):
            yield running

    def ask(self, text: str | None, visit: ContactInbox | None = None) -> ContactInbox:
        """A customer writes: a new one, or the one who came before."""
        visit = visit or self.sandbox.state.arrive()
        self.sandbox.state.say(visit, text)
        return visit

    def conversation(self, visit: ContactInbox) -> Conversation:
        found = self.sandbox.state.conversation_of(visit)
        assert found is not None
        return found

    def status(self, visit: ContactInbox) -> str:
        return self.conversation(visit).status

    def said(self, visit: ContactInbox, *, private: bool) -> list[str]:
        """What the bot wrote, in order."""
        return [
            message.content or ""
            for message in self.sandbox.state.messages(self.conversation(visit))
            if message.message_type is MessageType.outgoing
            and message.private is private
            and message.sender == self.conversation(visit).inbox.bot
        ]

    def replies(self, visit: ContactInbox) -> list[str]:
        return self.said(visit, private=False)

    def notes(self, visit: ContactInbox) -> list[str]:
        return self.said(visit, private=True)

    async def trace(self, visit: ContactInbox) -> list[dict[str, Any]]:
        at = self.conversation(visit)
        answer = await self.http.get(f"{self.ops}/trace/{at.account_id}/{at.id}")
        steps: list[dict[str, Any]] = answer.json()
        return steps

    async def traced(self, visit: ContactInbox, word: str) -> None:
        """Until a trace row says `word`."""
        steps: list[str] = []

        async def is_there() -> bool:
            steps[:] = [step["text"] for step in await self.trace(visit)]
            return any(word in step for step in steps)

        await until(is_there, lambda: f"{word!r} is not in {steps}")

    async def ready(self) -> dict[str, Any]:
        """What `/readyz` says once the bridge is."""

        async def look() -> dict[str, Any]:
            answer = await self.http.get(f"{self.ops}/readyz")
            return dict(answer.json()) if answer.status_code == 200 else {}

        return await until(look, lambda: "the bridge does not get ready")

    async def deliver(self, body: bytes, *, delivery: str = "", to: str = "", **headers: str) -> int:
        """The status of a delivery to the bot, or `to`, signed as Chatwoot signs, but for `headers`."""
        timestamp = str(int(time.time()))
        route = self.settings.routes[0]
        right = {
            "X-Chatwoot-Timestamp": timestamp,
            "X-Chatwoot-Signature": signature.sign(body, timestamp, route.secret),
            "X-Chatwoot-Delivery": delivery or str(uuid.uuid4()),
        }
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        url = to or f"http://127.0.0.1:{self.port}/webhooks/chatwoot/{route.address}"
        return (await self.http.post(url, content=body, headers=right | given)).status_code

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Until it is so, or the test's patience has ended."""
        await until(is_so)


@asynccontextmanager
async def stand(
    folder: Path,
    answers: Mapping[str, Said],
    *,
    mode: Mode = Mode.REPLY,
    policy: Policy | None = None,
    user_token: str = "",
    delivery: DeliverySettings | None = None,
    users: tuple[UserSettings, ...] = (),
) -> AsyncIterator[Stand]:
    port = free_port()
    bot = BotSettings(url=f"http://127.0.0.1:{port}/webhooks/chatwoot/kbtool")
    sandbox = create_sandbox(
        SandboxSettings(
            bot=bot,
            delivery=delivery or DeliverySettings(retry_seconds=0.05),
            users=users,
            dashboard_app=f"http://127.0.0.1:{port}/review",
        )
    )
    chatwoot, dify = Proxy(sandbox), Dify(answers)
    here, there = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    route = Route("kbtool", bot.secret, bot.token, user_token, mode)
    settings = BridgeSettings(folder / "bridge.sqlite", (route,), policy or Policy(), QUICK)
    asker = HttpxAiohttpClient(base_url=f"{address_of(there)}/v1", trust_env=False)
    try:
        async with (
            serving((chatwoot, here), (dify.app, there)),
            DifyClient(asker, app_key=DIFY_KEY, attempts=1) as chat,
            HttpxAiohttpClient(base_url=address_of(here), trust_env=False) as http,
        ):
            yield Stand(sandbox, chatwoot, dify, settings, port, chat, http)
    finally:
        await sandbox.aclose()
