"""A small project with a bridge's store, its operator's pages served in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert
from starlette.applications import Starlette
from typer.testing import CliRunner

from bridge.improve.page import Queue
from bridge.kpi.page import routes as kpi_pages
from bridge.kpi.watch import Watch
from bridge.operator import operator_pages
from bridge.operator.guard import Guard
from bridge.serve import address_of, listen, serving
from bridge.settings import BridgeSettings
from bridge.store.schema import messages, posts, ratings, trace, turns
from bridge.store.sqlite import SqliteStore
from kbtool.cli import app
from kbtool.cli.bridge.workshop import workshop
from kbtool.config import load
from kbtool.handoff import Policy

KB = """\
[corpus]
sources = ["pages"]

[evals]
golden = ["evals/*.yaml"]

[kpi]
deflection = 0.4
csat = 0.9
first_response_ai_p90 = 20
"""
SHIPPING = """\
# Shipping

## Countries

We ship to all countries of the European Union, and to Norway. We do not ship to Iceland.

## Standard shipping

Standard shipping within the country costs 4.90 € and takes three working days.
"""
ORDERS = """\
# Orders

## Standard shipping

Standard shipping within the country costs 5.90 € and takes three working days.

## Cancelling an order

An order can be cancelled until it is packed: open it in your account and choose Cancel.
"""
ICELAND = "Do you ship to Iceland?"
HOSTILE = "<script>alert(1)</script> when will my order FB-204418 come, marta@example.net"


def project(folder: Path) -> Path:
    """Two pages, ingested into the embedded engine; its kb.toml."""
    (folder / "pages").mkdir(parents=True)
    (folder / "pages" / "shipping.md").write_text(SHIPPING, encoding="utf-8")
    (folder / "pages" / "orders.md").write_text(ORDERS, encoding="utf-8")
    config = folder / "kb.toml"
    config.write_text(KB, encoding="utf-8")
    # In a thread of its own: beside a browser's event loop no other can run.
    with ThreadPoolExecutor(1) as thread:
        called = ["ingest", "--yes", "--config", str(config)]
        done = thread.submit(CliRunner().invoke, app, called, catch_exceptions=False).result()
    assert done.exit_code == 0, done.output
    return config


class Happened:
    """Writes what happened into a store, one conversation after the other."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now
        self._conversation = 0

    def turn(
        self,
        question: str,
        action: str,
        reason: str,
        *,
        human: str = "",
        section: str = "",
        days: float = 1.0,
    ) -> int:
        """A customer asks, the AI decides, perhaps a person answers; the conversation."""
        self._conversation += 1
        number, at = self._conversation * 10, self._now - days * 86_400
        key: dict[str, Any] = {"bot": "kbtool", "account": 1, "conversation": self._conversation}
        said = {"attachments": [], "mark": "", "state": "done", "verdict": "asks", "contact": number}
        row = key | said | {"id": number, "at": at, "role": "customer", "text": question, "turn": number}
        self._connection.execute(insert(messages), row)
        decided = {"message": number, "at": at + 2, "action": action, "reason": reason, "score": 0.3}
        self._connection.execute(insert(turns), key | decided)
        if section:
            detail = {"sources": [{"line": f"{section} (0.31)", "score": 0.31, "document": "d"}]}
            told = {"message": number, "at": at + 2, "step": "sources", "text": "", "detail": detail}
            self._connection.execute(insert(trace), key | told)
        if human:
            reply = {"id": number + 2, "at": at + 600, "role": "person", "text": human, "verdict": "no"}
            self._connection.execute(insert(messages), row | reply)
        if action == "reply":
            echo = {"id": number + 1, "at": at + 4, "role": "bot", "text": "An answer.", "verdict": "no"}
            self._connection.execute(insert(messages), row | echo)
            own = {name: value for name, value in key.items() if name != "conversation"}
            post = {"number": 0, "kind": "reply", "text": "An answer.", "state": "sent"}
            sent = own | post | {"message": number, "begun_at": at + 4, "posted": number + 1}
            self._connection.execute(insert(posts), sent)
        return self._conversation

    def rated(self, conversation: int, stars: int, words: str = "", days: float = 1.0) -> None:
        row = {"bot": "kbtool", "account": 1, "message": conversation * 10 + 5, "conversation": conversation}
        value = {"at": self._now - days * 86_400 + 60, "rating": stars, "words": words}
        self._connection.execute(insert(ratings), row | value)


def a_week(connection: Connection, now: float) -> None:
    """What comes up at a small help desk."""
    happened = Happened(connection, now)
    near = "Shipping › Countries"
    for number, words in enumerate(
        (ICELAND, ICELAND, "can you ship to iceland", "shipping to Iceland possible?")
    ):
        human = "No, we do not ship to Iceland yet." if number == 1 else ""
        happened.turn(words, "handoff", "below_threshold", human=human, section=near, days=1 + number)
    happened.turn("你们发货到冰岛吗", "handoff", "no_sources")
    happened.turn("请问可以发货到冰岛吗？", "handoff", "refused", human="目前不发货到冰岛。")
    happened.turn(HOSTILE, "handoff", "asked_for_person", human="It left the house today.")
    for days in (2, 3, 4, 5):
        answered = happened.turn("how do I cancel my order", "reply", "answered", days=days)
        happened.rated(answered, 5, days=days)
    bad = happened.turn(
        "how much is standard shipping", "reply", "answered", section="Orders › Standard shipping"
    )
    happened.rated(bad, 1, "I paid less last time")


@contextmanager
def pages(config: Path) -> Iterator[str]:
    """The operator's pages of the project, at the address that is given."""
    ready, address = threading.Event(), [""]
    stopping: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        settings, now = load(config), time.time()
        stop = asyncio.Event()
        stopping.append((asyncio.get_running_loop(), stop))
        bridge = BridgeSettings(settings.root, (), Policy(), kpi=settings.kpi)
        async with (
            SqliteStore.open(settings.resolve(settings.bridge.store)) as store,
            workshop(settings) as at_hand,
        ):
            if not await store.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM turns").scalar_one()):
                await store.write(lambda c: a_week(c, now))
            guard, watch, look = Guard(), Watch(store, lambda: bridge), operator_pages()
            queue = Queue(store, look, guard, at_hand)
            routes = [
                *look.routes(),
                *kpi_pages(watch, look, guard, lambda: bridge),
                *queue.routes(),
            ]
            listening = listen("127.0.0.1", 0)
            async with serving((Starlette(routes=routes), listening)):
                address[0] = address_of(listening)
                ready.set()
                await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(30)
        yield address[0]
    finally:
        for loop, stop in stopping:
            loop.call_soon_threadsafe(stop.set)
        thread.join(30)
