"""A review page at work for tests: Chatwoot, Dify and a bridge in draft mode, in a thread beside the browser.

with reviewed(tmp_path, {"question": Said("answer", 0.8)}) as world:
    visit = world.ask("question")
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

from sqlalchemy import Connection

from bridge.sandbox.records import ContactInbox, MessageType
from bridge.sandbox.settings import UserSettings
from bridge.serve import Bridge
from bridge.settings import Mode, Review
from bridge.tables import drafts
from bridge.tables.drafts import Draft
from tests.bridging import Said, Stand, stand
from tests.waiting import PATIENCE

SECRET = "a secret of more than thirty-two characters"
AGENT = "sandbox-agent-token"
STRANGER = UserSettings("Stranger", "stranger@fennbrook.example", "stranger-token", inboxes=(2,))
T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """What a test in another thread does to a stand."""

    at: Stand
    bridge: Bridge
    loop: asyncio.AbstractEventLoop

    @property
    def review(self) -> str:
        return f"http://127.0.0.1:{self.at.port}/review"

    @property
    def desk(self) -> str:
        return str(self.at.http.base_url).rstrip("/")

    def do(self, act: Callable[[], T]) -> T:
        async def call() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(30)

    def read(self, work: Callable[[Connection], T]) -> T:
        return asyncio.run_coroutine_threadsafe(self.bridge.store.read(work), self.loop).result(30)

    def ask(self, text: str, visit: ContactInbox | None = None) -> ContactInbox:
        """A customer writes; back when the conversation has its draft, and people have it."""
        visit = self.do(lambda: self.at.ask(text, visit))
        message = self.do(
            lambda: max(one.id for one in self.at.sandbox.state.messages(self.at.conversation(visit)))
        )

        def is_drafted() -> bool:
            return self.at.conversation(visit).status == "open" and len(self.at.notes(visit)) > 0

        self.until(lambda: self.do(is_drafted) and self.draft(visit).subject.message >= message)
        return visit

    def until(self, is_so: Callable[[], bool]) -> None:
        """As `tests.waiting`, which needs an event loop: Playwright has this thread's."""
        ends = monotonic() + PATIENCE
        while not is_so():
            assert monotonic() < ends, "it never became so"
            sleep(0.02)

    def number(self, visit: ContactInbox) -> int:
        return self.do(lambda: self.at.conversation(visit).id)

    def draft(self, visit: ContactInbox) -> Draft:
        number = self.number(visit)
        found = self.read(lambda c: drafts.newest(c, 1, number))
        assert found is not None
        return found

    def said_by_people(self, visit: ContactInbox) -> list[str]:
        """What the customer got from people."""
        return self.do(
            lambda: [
                message.content or ""
                for message in self.at.sandbox.state.messages(self.at.conversation(visit))
                if message.message_type is MessageType.outgoing
                and not message.private
                and message.sender != self.at.conversation(visit).inbox.bot
            ]
        )


@contextmanager
def reviewed(
    folder: Path,
    answers: Mapping[str, Said],
    *,
    review: Review | None = None,
    is_elsewhere: bool = False,
    **changes: Any,
) -> Iterator[World]:
    """With `is_elsewhere` Chatwoot is on another site than the bridge: `localhost`."""
    started, ready, failed = threading.Event(), [], []

    async def live() -> None:
        end = asyncio.Event()
        async with stand(folder, answers, mode=Mode.DRAFT, users=(STRANGER,)) as at:
            kept = review or Review(secret=SECRET)
            if is_elsewhere:
                kept = replace(kept, desk=str(at.http.base_url).rstrip("/").replace("127.0.0.1", "localhost"))
            async with at.bridge(review=kept, **changes) as running:
                ready.append((World(at, running, asyncio.get_running_loop()), end))
                started.set()
                await end.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001 told in the test's own thread
            failed.append(error)
            started.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    started.wait(30)
    if failed:
        raise failed[0]
    world, end = ready[0]
    try:
        yield world
    finally:
        world.loop.call_soon_threadsafe(end.set)
        thread.join(30)
    if failed:
        raise failed[0]
