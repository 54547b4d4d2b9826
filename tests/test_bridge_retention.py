"""What is forgotten and when: bodies at once, words after a while, rows at last, and nothing that waits."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from bridge.settings import Keep
from bridge.store.postgres import PostgresStore
from bridge.store.schema import deliveries, messages, posts, trace, turns
from bridge.store.sqlite import SqliteStore
from bridge.tables import drafts, inbox, retention, sessions
from bridge.tables.drafts import Drafted, Source
from bridge.tables.retention import BATCH, DAY, forget
from bridge.tables.trace import Subject
from tests.postgres import database
from tests.server import run

KEEP = Keep(deliveries=7, words=90, rows=400)
KEY = {"bot": "kbtool", "account": 1}


def fill(connection: Connection) -> None:
    """A turn that was answered at time 0, a question that waits since then, and deliveries of both."""
    said = KEY | {"conversation": 1, "at": 0.0, "received_at": 0.0, "role": "customer", "verdict": "asks",
                  "text": "My number is 555", "attachments": [], "contact": 7, "mark": ""}  # fmt: skip
    connection.execute(messages.insert(), said | {"id": 1, "state": "done"})
    connection.execute(messages.insert(), said | {"id": 2, "state": "waiting"})
    turn = KEY | {"message": 1, "conversation": 1, "at": 0.0, "action": "reply", "reason": "r", "score": 0.9}
    connection.execute(turns.insert(), turn)
    post = KEY | {"message": 1, "number": 0, "kind": "reply", "text": "Dear 555", "begun_at": 0.0}
    connection.execute(posts.insert(), post | {"state": "sent"})
    connection.execute(posts.insert(), post | {"number": 1, "state": "planned"})
    told = {"conversation": 1, "at": 0.0, "step": "post", "text": "t", "detail": {}}
    connection.execute(trace.insert(), KEY | told)
    inbox.accept(connection, "kbtool", "sorted", b"{}", 0.0)
    inbox.set_sorted(connection, [1])
    inbox.accept(connection, "kbtool", "unreadable", b"pubsub_token", 0.0)
    inbox.set_unreadable(connection, 2)
    inbox.accept(connection, "kbtool", "new", b"{}", 0.0)


def left(connection: Connection) -> dict[str, int]:
    tables = (deliveries, messages, turns, posts, trace)
    return {
        one.name: connection.execute(select(func.count()).select_from(one)).scalar_one() for one in tables
    }


ALL = {"deliveries": 3, "messages": 2, "turns": 1, "posts": 2, "trace": 1}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (6, ALL),
        (8, ALL | {"deliveries": 1}),
        (91, ALL | {"deliveries": 1, "posts": 1, "trace": 0}),
        (401, {"deliveries": 1, "messages": 1, "turns": 0, "posts": 1, "trace": 0}),
    ],
)
def test_rows_go_when_their_time_has_come_and_what_waits_stays(
    tmp_path: Path, days: int, expected: dict[str, int]
) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            await store.write(fill)
            await forget(store, KEEP, days * DAY)
            assert await store.read(left) == expected
            assert await forget(store, KEEP, days * DAY) == 0

    run(scenario())


def test_rows_go_on_postgresql_too() -> None:
    async def scenario(url: str) -> None:
        async with PostgresStore.open(url) as store:
            await store.write(fill)
            assert await forget(store, KEEP, 401 * DAY) > 0
            last = {"deliveries": 1, "messages": 1, "turns": 0, "posts": 1, "trace": 0}
            assert await store.read(left) == last

    with database() as url:
        run(scenario(url))


def test_words_go_before_the_rows_that_are_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            await store.write(fill)
            await forget(store, KEEP, 91 * DAY)
            texts = select(messages.c.id, messages.c.text).order_by(messages.c.id)
            assert (await store.read(lambda c: c.execute(texts).all())) == [(1, ""), (2, "My number is 555")]

    run(scenario())


def test_much_is_forgotten_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    assert BATCH > 3

    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            for number in range(10):
                await store.write(
                    partial(inbox.accept, bot="kbtool", delivery=f"{number}", body=b"{}", at=0.0)
                )
            await store.write(lambda c: inbox.set_sorted(c, range(1, 11)))
            assert await forget(store, KEEP, 8 * DAY) == 10

    run(scenario())


def test_drafts_lose_their_words_then_go_and_sessions_end_by_themselves(tmp_path: Path) -> None:
    drafted = Drafted("My number is 555", "Dear 555", "reply", "answered", 0.8, 0.5, (Source("Returns"),))

    def fill_in(connection: Connection) -> None:
        drafts.add(connection, Subject("kbtool", 1, 7, 10), drafted, 0.0)
        sessions.add(connection, sessions.Row("digest", 4, "Ann", b"sealed", ends_at=50.0))

    async def check() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            await store.write(fill_in)
            assert await forget(store, KEEP, 49.0) == 0
            assert await forget(store, KEEP, 91 * DAY) == 2
            assert await store.read(lambda c: sessions.get(c, "digest", 0.0)) is None
            kept = await store.read(lambda c: drafts.newest(c, 1, 7))
            assert kept is not None
            assert (kept.drafted.asked, kept.drafted.text, kept.drafted.sources) == ("", "", ())
            assert kept.drafted.score == 0.8
            assert await forget(store, KEEP, 401 * DAY) == 1

    run(check())
