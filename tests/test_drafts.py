"""Drafts in the store: claimed once, not when the conversation moved on, matched to what people wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from bridge.store.postgres import PostgresStore
from bridge.store.schema import conversations, messages, metadata
from bridge.tables import drafts
from bridge.tables.drafts import Draft, Drafted, Moved, State, distance
from bridge.tables.trace import Subject
from tests.postgres import database
from tests.server import run

DRAFTED = Drafted("How long?", "You have 30 days.", "reply", "answered", 0.8, 0.5)


def subject(message: int, conversation: int = 7) -> Subject:
    return Subject("kbtool", 1, conversation, message)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        known = {"bot": "kbtool", "account": 1, "id": 7, "status": "open", "status_at": 0.0,
                 "has_person": False, "ended_at": 0.0, "person_at": 0.0, "episode_at": 0.0,
                 "dify_conversation": "", "was_clarified": False, "language": ""}  # fmt: skip
        connection.execute(conversations.insert(), known)
        drafts.add(connection, subject(10), DRAFTED, 100.0)
        yield connection
    engine.dispose()


def hear(connection: Connection, number: int, role: str, *, mark: str = "") -> None:
    row = {"bot": "kbtool", "account": 1, "id": number, "conversation": 7, "at": 0.0, "role": role,
           "text": "", "verdict": "", "attachments": [], "contact": 3, "mark": mark,
           "state": "done"}  # fmt: skip
    connection.execute(messages.insert(), row)


def found(connection: Connection, message: int = 10) -> Draft:
    draft = drafts.get(connection, subject(message))
    assert draft is not None
    return draft


def test_a_draft_is_claimed_once(connection: Connection) -> None:
    first = drafts.claim(connection, subject(10), "You have 30 days.", 4, 101.0)
    assert isinstance(first, Draft)
    assert first.state is State.SENDING
    assert drafts.claim(connection, subject(10), "Other words", 5, 101.0) is None
    assert not drafts.discard(connection, subject(10), "wrong", 5, 101.0)


@pytest.mark.parametrize(
    ("sent", "state", "changed"),
    [("You have 30 days.", State.SENT, 0), ("You have 14 days.", State.EDITED, 2)],
)
def test_what_arrived_is_sent_or_edited(
    connection: Connection, sent: str, state: State, changed: int
) -> None:
    drafts.claim(connection, subject(10), sent, 4, 101.0)
    drafts.arrived(connection, subject(10), 12, 102.0)
    draft = found(connection)
    assert (draft.state, draft.distance, draft.sent, draft.agent, draft.posted) == (
        state,
        changed,
        sent,
        4,
        12,
    )


def test_what_surely_did_not_arrive_is_open_again(connection: Connection) -> None:
    drafts.claim(connection, subject(10), "x", 4, 101.0)
    drafts.release(connection, subject(10))
    assert found(connection).state is State.OPEN
    assert found(connection).decided_at is None


@pytest.mark.parametrize(("role", "how"), [("customer", Moved.ASKED), ("person", Moved.ANSWERED)])
def test_a_draft_is_not_claimed_behind_what_was_written_later(
    connection: Connection, role: str, how: Moved
) -> None:
    hear(connection, 11, role)
    assert drafts.claim(connection, subject(10), "x", 4, 101.0) is how
    assert (found(connection).state, found(connection).why) == (State.SUPERSEDED, how.value)


@pytest.mark.parametrize("role", ["bot", "note", "system"])
def test_what_is_nobodys_word_leaves_a_draft_as_it_is(connection: Connection, role: str) -> None:
    hear(connection, 11, role)
    assert isinstance(drafts.claim(connection, subject(10), "x", 4, 101.0), Draft)


@pytest.mark.parametrize("status", ["resolved", "snoozed"])
def test_a_draft_of_a_closed_conversation_is_not_claimed(connection: Connection, status: str) -> None:
    connection.execute(conversations.update().values(status=status))
    assert drafts.claim(connection, subject(10), "x", 4, 101.0) is Moved.STATUS


def test_a_newer_draft_supersedes_the_older_one_of_its_conversation_only(connection: Connection) -> None:
    drafts.add(connection, subject(20, conversation=8), DRAFTED, 100.0)
    drafts.add(connection, subject(12), DRAFTED, 101.0)
    assert found(connection).state is State.SUPERSEDED
    assert [one.subject.message for one in drafts.waiting(connection, 9)] == [12, 20]
    newest = drafts.newest(connection, 1, 7)
    assert newest is not None
    assert newest.subject.message == 12


def test_a_persons_own_answer_decides_the_newest_draft_before_it(connection: Connection) -> None:
    drafts.add(connection, subject(12), DRAFTED, 101.0)
    drafts.answered(connection, subject(13), "You have 14 days.", "", 4, 102.0)
    draft = found(connection, 12)
    assert (draft.state, draft.distance, draft.sent, draft.agent) == (
        State.BY_HAND,
        2,
        "You have 14 days.",
        4,
    )
    assert found(connection).state is State.SUPERSEDED
    drafts.answered(connection, subject(14), "Anything else?", "", 4, 103.0)
    assert found(connection, 12).sent == "You have 14 days."


def test_an_answer_that_is_older_than_the_draft_says_nothing_of_it(connection: Connection) -> None:
    drafts.answered(connection, subject(9), "Hello", "", 4, 102.0)
    assert found(connection).state is State.OPEN


def test_our_own_post_told_back_is_no_answer_by_hand(connection: Connection) -> None:
    drafts.claim(connection, subject(10), "You have 30 days.", 4, 101.0)
    hear(connection, 11, "person", mark=found(connection).mark)
    drafts.answered(connection, subject(11), "You have 30 days.", found(connection).mark, 4, 102.0)
    assert (found(connection).state, found(connection).posted) == (State.SENT, 11)
    drafts.answered(connection, subject(11), "You have 30 days.", found(connection).mark, 4, 102.0)
    assert found(connection).state is State.SENT


def test_what_was_decided_since_then_is_told_in_order(connection: Connection) -> None:
    drafts.discard(connection, subject(10), "wrong", 4, 105.0)
    drafts.add(connection, subject(12), DRAFTED, 106.0)
    drafts.discard(connection, subject(12), "unclear", 4, 107.0)
    assert [one.why for one in drafts.decided(connection, 0.0)] == ["wrong", "unclear"]
    assert [one.why for one in drafts.decided(connection, 106.0)] == ["unclear"]


def test_on_postgresql_a_draft_is_claimed_once_by_many_at_the_same_time() -> None:
    async def check(url: str) -> None:
        async with PostgresStore.open(url) as store:
            await store.write(lambda c: drafts.add(c, subject(10), DRAFTED, 100.0))
            claims = await asyncio.gather(
                *(store.write(partial(drafts.claim, subject=subject(10), text="x", agent=n, now=101.0))
                  for n in range(1, 9))
            )  # fmt: skip
            (claimed,) = [one for one in claims if one is not None]
            assert isinstance(claimed, Draft)
            await store.write(lambda c: drafts.arrived(c, subject(10), 12, 102.0))
            (kept,) = await store.read(lambda c: drafts.decided(c, 0.0))
            assert (kept.agent, kept.state, kept.sent) == (claimed.agent, State.EDITED, "x")

    with database() as url:
        run(check(url))


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_distance_is_a_distance(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one) <= max(len(one), len(other))
    assert (distance(one, other) == 0) == (one == other)
