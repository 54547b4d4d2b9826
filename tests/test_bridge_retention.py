"""What is forgotten and when: bodies at once, words after a while, rows at last, and nothing that waits."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from bridge.conversation import Facts, learn, next_step
from bridge.events import Message, Role, Snapshot
from bridge.settings import Keep, Mode
from bridge.store.personal import HELD
from bridge.store.postgres import PostgresStore
from bridge.store.schema import conversations, deliveries, messages, metadata, posts, trace, turns
from bridge.store.sqlite import SqliteStore
from bridge.tables import drafts, inbox, known, retention, sessions
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


def test_every_column_says_whose_it_is() -> None:
    """Whoever adds a column says in bridge/store/personal.py what it holds, or this fails."""
    for table in metadata.sorted_tables:
        assert table in HELD, f"{table.name}: is there anything of a customer in it?"
        assert HELD[table].columns == set(table.columns.keys()), table.name
        kinds = [*HELD[table].forgotten, *HELD[table].facts.split(), *HELD[table].staff.split()]
        assert len(kinds) == len(set(kinds)), f"{table.name}: a column stands there twice"


SIGHT = {"attachments": [{"kind": "image", "url": "https://chat.example.com/me.png"}], "mark": "kbtool:1:0"}
PLACE = Facts(
    status="resolved", status_at=5.0, ended_at=5.0, left_at=5.0, dify_conversation="d-1", language="de",
    channel="Channel::WebWidget", inbox=1, labels=("vip",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "days", "expected"),
    [
        (PLACE, 89, PLACE),
        (PLACE, 91, replace(PLACE, dify_conversation="", language="", labels=())),
        (PLACE, 401, None),
        # A person has spoken since it was last anybody's but the bot's: that goes on silencing the bot.
        (replace(PLACE, person_at=6.0), 401, "there"),
        (replace(PLACE, captain_at=6.0), 401, "there"),
    ],
    ids=["kept", "blank", "gone", "a person's", "Captain's"],
)
def test_a_conversation_is_forgotten_behind_its_messages(
    tmp_path: Path, facts: Facts, days: int, expected: Facts | str | None
) -> None:
    at = Subject("kbtool", 1, 1)

    def fill_in(connection: Connection) -> None:
        fill(connection)
        connection.execute(messages.delete().where(messages.c.state == "waiting"))
        connection.execute(messages.update().values(SIGHT))
        known.add(connection, at, facts, None)

    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            await store.write(fill_in)
            await forget(store, KEEP, days * DAY)
            found = await store.read(lambda c: known.facts_of(c, at))
            assert (found is not None) if expected == "there" else (found == expected)
            seen = await store.read(
                lambda c: c.execute(select(messages.c.attachments, messages.c.mark)).all()
            )
            assert seen == [] if days > 400 else [([], "")] if days > 90 else [tuple(SIGHT.values())]

    run(scenario())


def test_a_conversation_that_is_due_or_in_hand_is_not_forgotten(tmp_path: Path) -> None:
    def fill_in(connection: Connection) -> None:
        known.add(connection, Subject("kbtool", 1, 1), PLACE, 7.0)
        known.add(connection, Subject("kbtool", 1, 2), PLACE, None)
        is_second = conversations.c.id == 2
        connection.execute(conversations.update().where(is_second).values(owner="a bridge"))

    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            await store.write(fill_in)
            assert await forget(store, KEEP, 500 * DAY) == 0

    run(scenario())


TIMES = st.sampled_from([0.0, 1.0, 2.0, 3.0])


@given(
    st.builds(
        Facts,
        status=st.sampled_from(["pending", "open", "resolved", "snoozed"]),
        status_at=TIMES, has_person=st.booleans(), ended_at=TIMES, left_at=TIMES, person_at=TIMES,
        captain_at=TIMES, has_rival=st.booleans(), episode_at=TIMES, language=st.sampled_from(["", "de"]),
    ),
    st.sampled_from(["pending", "open", "resolved"]),
    st.booleans(),
    st.sampled_from(list(Mode)),
)  # fmt: skip
def test_what_is_forgotten_of_a_conversation_changes_no_decision(
    facts: Facts, status: str, has_person: bool, mode: Mode
) -> None:
    """The rule of `retention._conversations`, over all that may have happened before."""
    is_silenced = facts.person_at > max(facts.ended_at, facts.left_at) or facts.captain_at > facts.ended_at
    seen = Snapshot(1, 1, status, at=9.0, has_person=has_person)
    asked = Message(5, Role.CUSTOMER, "How long?", 9.0, is_incoming=True)
    with_row, without = learn(facts, seen, asked), learn(Facts(), seen, asked)
    if not is_silenced:
        assert next_step(with_row, 9.0, mode) == next_step(without, 9.0, mode)
