"""Any permutation and repetition of a set of deliveries comes to the same, known and said."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select
from sqlalchemy.pool import StaticPool

from bridge import intake
from bridge.conversation import next_step
from bridge.settings import Mode
from bridge.store.schema import conversations, messages, metadata
from bridge.tables import inbox, turns
from bridge.tables.leases import claim
from tests.bridging import QUICK, Said, stand
from tests.server import run
from tests.test_bridge_events import body_of

CUSTOMER, PERSON = (
    body_of("message_created_incoming_text_web"),
    body_of("message_created_outgoing_human_agent"),
)
STATUS = body_of("conversation_updated")


def message(number: int, conversation: int, at: int, status: str, *, by_person: bool) -> dict[str, Any]:
    body = PERSON if by_person else CUSTOMER
    own = body["conversation"] | {"id": conversation, "status": status, "updated_at": float(at)}
    own["meta"] = own["meta"] | {"assignee": None}
    stamp = f"2026-01-01T00:00:{at:02}.000Z"
    return body | {
        "id": number,
        "content": f"message {number}",
        "created_at": stamp,
        "conversation": own | {"updated_at": 1767225600.0 + at + 0.1},
    }


def changed(conversation: int, at: int, status: str) -> dict[str, Any]:
    return STATUS | {
        "id": conversation,
        "status": status,
        "updated_at": 1767225600.0 + at + 0.2,
        "meta": STATUS["meta"] | {"assignee": None},
    }


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What happened in up to two conversations, in the order in which it did."""
    bodies = []
    for at in range(draw(st.integers(1, 8))):
        conversation = draw(st.integers(1, 2))
        status = draw(st.sampled_from(["pending", "pending", "pending", "open", "resolved"]))
        kind = draw(st.sampled_from(["customer", "customer", "person", "status"]))
        if kind == "status":
            bodies.append(changed(conversation, at, status))
        else:
            bodies.append(message(100 + at, conversation, at, status, by_person=kind == "person"))
    return bodies


def come_to(bodies: Sequence[dict[str, Any]], sizes: Sequence[int]) -> Any:
    """What is known, what would be asked, and whether it would be, when these are sorted in batches."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        metadata.create_all(connection)
        left = list(enumerate(bodies))
        cuts = iter(sizes)
        while left:
            size = next(cuts, 1)
            batch, left = left[:size], left[size:]
            for number, body in batch:
                inbox.accept(connection, "kbtool", f"d-{number}", json.dumps(body).encode(), 0.0)
            new = inbox.unsorted(connection)
            intake.sort(connection, new, lambda _: frozenset(), 0.0)
        outcome = known(connection), taken(connection)
    engine.dispose()
    return outcome


def known(connection: Connection) -> list[Any]:
    facts = select(*(c for c in conversations.c if c.name != "due_at")).order_by(conversations.c.id)
    kept = select(messages).order_by(messages.c.id)
    return [*connection.execute(facts).all(), *connection.execute(kept).all()]


def taken(connection: Connection) -> list[Any]:
    """What each conversation's turn would be, and what would be done about it."""
    found = []
    for lease in sorted(
        claim(connection, "me", ["kbtool"], 1.0, 9), key=lambda one: one.subject.conversation
    ):
        one = turns.take(connection, lease, lambda *_: Mode.REPLY, 1.0, merges=True)
        assert one is not None
        found.append((one.work, one.facts, one.before, next_step(one.facts, one.work.at, Mode.REPLY)))
    return found


@settings(deadline=None, max_examples=60)
@given(histories(), st.randoms(use_true_random=False), st.lists(st.integers(1, 4), max_size=8))
def test_the_order_and_the_number_of_deliveries_change_nothing(
    bodies: list[dict[str, Any]], chance: random.Random, sizes: list[int]
) -> None:
    again = [*bodies, *chance.choices(bodies, k=len(bodies) // 2)]
    chance.shuffle(again)
    assert come_to(again, sizes) == come_to(bodies, [])


QUESTIONS = ("How long may I wait", "for a refund", "of a kettle?")
ALL = "\n".join(QUESTIONS)


@pytest.mark.parametrize("seed", range(4))
def test_a_bridge_says_the_same_whatever_the_order_and_number_of_deliveries(
    tmp_path: Path, seed: int
) -> None:
    """Through the real webhook and worker, and with what it says itself echoed back to it."""

    async def scenario() -> None:
        chance = random.Random(seed)
        async with stand(tmp_path, {ALL: Said("You have 30 days.", 0.9)}) as at:
            state, bodies = at.sandbox.state, []
            for conversation in range(3):  # written while no bridge was there, so that it is told by us only
                visit = state.arrive()
                for question in QUESTIONS:
                    said = state.say(visit, question)
                    body = CUSTOMER | {"id": said.id, "content": question}
                    own = CUSTOMER["conversation"] | {"id": at.conversation(visit).id, "status": "pending"}
                    bodies.append(body | {"conversation": own, "created_at": said.created_at.isoformat()})
                assert at.conversation(visit).id == conversation + 1
            await at.sandbox.settle()
            for visit in state.visits.values():
                if found := state.conversation_of(visit):
                    state.save(found, None, status="pending")
            sent = [*bodies, *chance.choices(bodies, k=6)]
            chance.shuffle(sent)
            async with at.bridge(patience=replace(QUICK, quiet=0.5)):
                assert set(await asyncio.gather(*(at.deliver(json.dumps(one).encode()) for one in sent))) == {
                    200
                }
                visits = [visit for visit in state.visits.values() if state.conversation_of(visit)]
                await at.until(lambda: all(at.replies(visit) == ["You have 30 days."] for visit in visits))
                await asyncio.sleep(0.3)
                assert all(at.replies(visit) == ["You have 30 days."] for visit in visits)

    run(scenario())
