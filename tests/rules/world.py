"""A bridge between a Chatwoot and a Dify, seen from outside: webhooks go in, HTTP calls come out.

    async with world(tmp_path, {"Why?": Said("Because.")}) as at:
        visit = at.ask("Why?")
        await at.until(lambda: at.replies(visit) == ["Because."])

Nothing here knows how the bridge is made, but for `tests/bridging.py`, which starts it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.sandbox import DeliverySettings, SandboxSettings
from bridge.sandbox.records import Bot, Channel, ContactInbox, Conversation, User
from bridge.settings import Mode
from tests.bridging import Said, Stand, stand

SAMPLES = Path(__file__).parent.parent / "contract" / "chatwoot"
SETTINGS = SandboxSettings()
BOT_TOKEN, USER_TOKEN = SETTINGS.bot.token, SETTINGS.administrator.token
QUESTION, ANSWER = "How long may I wait for my refund?", "You have 30 days."
GOOD: Mapping[str, Said] = {QUESTION: Said(ANSWER)}
KEEPS_PENDING = DeliverySettings(retry_seconds=0.05, keep_pending_on_bot_failure=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the bridge to Chatwoot. `action` is the last part of its path, with the method."""

    method: str
    path: str
    token: str
    body: Mapping[str, Any]

    @property
    def action(self) -> str:
        last = self.path.rsplit("/", 1)[-1]
        return f"{self.method} {'conversation' if last.isdigit() else last}"

    @property
    def is_public_post(self) -> bool:
        return self.action == "POST messages" and not self.body.get("private")


@dataclass
class Recorder:
    """Stands before Chatwoot and writes down what it is asked."""

    app: ASGIApp
    calls: list[Call] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        given = json.loads(body) if body else {}
        self.calls.append(Call(scope["method"], scope["path"], headers.get("api-access-token", ""), given))

        async def again() -> Message:
            return {"type": "http.request", "body": body}

        await self.app(scope, again, send)


@dataclass
class World:
    """What a test does and sees. `stand` is what it stands on."""

    stand: Stand
    recorder: Recorder

    @property
    def calls(self) -> list[Call]:
        return self.recorder.calls

    @property
    def state(self) -> Any:
        return self.stand.sandbox.state

    @property
    def asked(self) -> list[str]:
        """What Dify was asked, in order."""
        return [body["query"] for body in self.stand.dify.asked]

    @property
    def agent(self) -> User:
        agent: User = self.state.directory.users[1]
        return agent

    @property
    def bot(self) -> Bot:
        bot: Bot = self.state.directory.bots[1]
        return bot

    def visit_on(self, channel: Channel, **attributes: Any) -> ContactInbox:
        """A customer of another channel, whose inbox has the bot."""
        directory = self.state.directory
        inbox = directory.add_inbox(directory.accounts[1], f"Fennbrook {channel}", channel, self.bot)
        visit: ContactInbox = self.state.arrive(inbox, **attributes)
        return visit

    def ask(self, text: str | None = QUESTION, visit: ContactInbox | None = None) -> ContactInbox:
        return self.stand.ask(text, visit)

    def conversation(self, visit: ContactInbox) -> Conversation:
        return self.stand.conversation(visit)

    def status(self, visit: ContactInbox) -> str:
        return self.stand.status(visit)

    def replies(self, visit: ContactInbox) -> list[str]:
        return self.stand.replies(visit)

    def notes(self, visit: ContactInbox) -> list[str]:
        return self.stand.notes(visit)

    async def until(self, is_so: Any) -> None:
        await self.stand.until(is_so)

    async def until_asked(self, count: int = 1) -> None:
        await self.until(lambda: len(self.asked) >= count)

    async def deliver(self, body: Mapping[str, Any] | bytes, **headers: str) -> int:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.stand.deliver(raw, **headers)

    async def idle(self) -> None:
        """Everything that was delivered has been dealt with: somebody else who asks now is answered."""
        await self.stand.sandbox.settle()
        other = self.ask()
        await self.until(lambda: self.replies(other) or self.notes(other))
        await self.stand.sandbox.settle()
        await asyncio.sleep(0.1)

    async def answered(self, visit: ContactInbox | None = None) -> ContactInbox:
        """A customer whose question has just been answered."""
        before = len(self.replies(visit)) if visit and self.state.conversation_of(visit) else 0
        visit = self.ask(QUESTION, visit)
        await self.until(lambda: len(self.replies(visit)) == before + 1)
        return visit

    def bodies(self, visit: ContactInbox, event: str = "message_created") -> list[dict[str, Any]]:
        """What Chatwoot has told, or tried to tell, the bot of the customer's conversation."""
        number = self.conversation(visit).id
        return [
            delivery.event.body
            for delivery in self.stand.sandbox.deliveries.log
            if delivery.event.name == event and delivery.event.conversation_id == number
        ]


@asynccontextmanager
async def world(
    folder: Path,
    answers: Mapping[str, Said] = GOOD,
    *,
    mode: Mode = Mode.REPLY,
    runs: bool = True,
    **options: Any,
) -> AsyncIterator[World]:
    """A world whose bridge runs, unless the test starts it itself with `at.stand.bridge()`."""
    async with stand(folder, answers, mode=mode, user_token=USER_TOKEN, **options) as at:
        recorder = Recorder(at.chatwoot.app)
        at.chatwoot.app = recorder
        made = World(at, recorder)
        if not runs:
            yield made
            return
        try:
            async with at.bridge():
                try:
                    yield made
                finally:
                    at.dify.released.set()
        finally:
            at.dify.released.set()


def alerts_in(folder: Path) -> list[str]:
    """The keys of the alerts in the bridge's store, without whom they are about."""
    with closing(sqlite3.connect(folder / "bridge.sqlite")) as store:
        return [key.partition(":")[0] for (key,) in store.execute("select key from alerts order by id")]


def sample(name: str) -> dict[str, Any]:
    """The body of one of the samples that were written down from Chatwoot's serialisers."""
    body: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))["body"]
    return body


@contextmanager
def logged() -> Iterator[list[str]]:
    """Everything that is logged meanwhile, by whatever logger, formatted; each line once."""
    lines: list[str] = []

    class Listening(logging.Handler):
        last: logging.LogRecord | None = None

        def emit(self, record: logging.LogRecord) -> None:
            if record is not self.last:  # a logger hands it on to the one above
                lines.append(self.format(record))
            self.last = record

    listener = Listening(logging.DEBUG)
    loggers = [logging.getLogger(name) for name in ("", "bridge", "kbtool")]
    before = [(logger, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(listener)
        logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        for logger, level in before:
            logger.removeHandler(listener)
            logger.setLevel(level)
