"""When the bot speaks, when it keeps silent, and where one episode ends."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.conversation import Facts, Step, begin, learn, next_step
from bridge.events import Message, Rival, Role, Snapshot
from bridge.settings import Mode


def seen(status: str, at: float, *, has_person: bool = False) -> Snapshot:
    return Snapshot(1, 7, status, at, has_person)


def said(role: Role, at: float) -> Message:
    return Message(int(at * 10) + 1, role, "…", at)


def after(*events: tuple[Snapshot, Message | None]) -> Facts:
    return reduce(lambda facts, event: learn(facts, *event), events, Facts())


def test_a_pending_conversation_is_the_bots() -> None:
    facts = after((seen("pending", 10), said(Role.CUSTOMER, 10)))
    assert next_step(facts, 10, Mode.REPLY) is Step.ANSWER


@pytest.mark.parametrize("status", ["open", "resolved", "snoozed", ""])
def test_a_reply_is_for_pending_conversations_only(status: str) -> None:
    assert next_step(Facts(status=status), 10, Mode.REPLY) is Step.NOT_PENDING


@pytest.mark.parametrize(("status", "step"), [("pending", Step.ANSWER), ("open", Step.ANSWER),
                                              ("resolved", Step.NOT_PENDING)])  # fmt: skip
def test_a_draft_is_written_in_open_conversations_too(status: str, step: Step) -> None:
    assert next_step(Facts(status=status, has_person=True), 10, Mode.DRAFT) is step


def test_no_draft_is_written_for_what_a_person_has_answered() -> None:
    facts = after((seen("open", 10), said(Role.CUSTOMER, 10)), (seen("open", 20), said(Role.PERSON, 20)))
    assert next_step(facts, 10, Mode.DRAFT) is Step.ANSWERED
    assert next_step(facts, 30, Mode.DRAFT) is Step.ANSWER


def test_a_person_who_wrote_in_a_pending_conversation_has_it() -> None:
    facts = after((seen("pending", 10), None), (seen("pending", 20), said(Role.PERSON, 20)))
    assert next_step(facts, 30, Mode.REPLY) is Step.OPEN


def test_a_note_a_template_and_the_bot_take_nothing_over() -> None:
    for role in (Role.NOTE, Role.SYSTEM, Role.BOT):
        facts = after((seen("pending", 10), None), (seen("pending", 20), said(role, 20)))
        assert next_step(facts, 30, Mode.REPLY) is Step.ANSWER


def test_a_pending_conversation_that_is_assigned_to_a_person_is_shown_to_people() -> None:
    facts = after((seen("pending", 10, has_person=True), None))
    assert next_step(facts, 10, Mode.REPLY) is Step.OPEN


OURS, OTHER = Rival(3, "agent_bot", 2, "Ours"), Rival(3, "agent_bot", 5, "Other")
CAPTAIN = Rival(3, "captain_assistant", 2, "Captain")


@pytest.mark.parametrize("mode", [Mode.REPLY, Mode.DRAFT, Mode.OFF])
@pytest.mark.parametrize("other", [OTHER, CAPTAIN])
def test_what_is_pending_for_another_bot_is_left_to_it(other: Rival, mode: Mode) -> None:
    facts = learn(Facts(), replace(seen("pending", 10), owner=other), None, own_bot=2)
    assert next_step(facts, 10, mode) is Step.RIVAL
    given_back = learn(facts, replace(seen("pending", 20), owner=OURS), None, own_bot=2)
    assert next_step(given_back, 20, Mode.REPLY) is Step.ANSWER


def test_a_bot_that_may_be_ours_silences_nothing() -> None:
    facts = learn(Facts(), replace(seen("pending", 10), owner=OTHER), None, own_bot=0)
    assert next_step(facts, 10, Mode.REPLY) is Step.ANSWER


def test_where_captain_has_spoken_we_are_silent_until_the_next_episode() -> None:
    captains = replace(said(Role.BOT, 12), speaker=CAPTAIN)
    facts = after((seen("pending", 10), said(Role.CUSTOMER, 10)), (seen("pending", 12), captains))
    assert next_step(facts, 30, Mode.REPLY) is Step.RIVAL
    facts = after(
        (seen("pending", 12), captains), (seen("resolved", 20), None), (seen("pending", 30.1), None)
    )
    assert next_step(facts, 30, Mode.REPLY) is Step.ANSWER


def test_a_resolved_conversation_comes_back_as_a_new_episode() -> None:
    facts = after((seen("open", 10), said(Role.PERSON, 12)), (seen("resolved", 20), None))
    facts = learn(facts, seen("pending", 30.1), said(Role.CUSTOMER, 30))
    known = replace(facts, dify_conversation="old", was_clarified=True)
    assert next_step(known, 30, Mode.REPLY) is Step.ANSWER
    fresh = begin(known, 30, Mode.REPLY)
    assert (fresh.dify_conversation, fresh.was_clarified, fresh.episode_at) == ("", False, 20)


def test_a_conversation_given_back_to_the_bot_is_a_new_episode() -> None:
    facts = after((seen("open", 10), said(Role.PERSON, 12)), (seen("pending", 20), None))
    assert next_step(facts, 30, Mode.REPLY) is Step.ANSWER
    assert begin(facts, 30, Mode.REPLY).episode_at == 12


def test_giving_back_may_be_seen_first_in_the_customers_message() -> None:
    facts = after((seen("open", 10), said(Role.PERSON, 12)), (seen("pending", 30.2), said(Role.CUSTOMER, 30)))
    assert next_step(facts, 30, Mode.REPLY) is Step.ANSWER


def test_a_message_of_the_same_episode_goes_on_with_it() -> None:
    facts = Facts(status="pending", episode_at=20, ended_at=20, dify_conversation="c", was_clarified=True)
    assert begin(facts, 30, Mode.REPLY) == facts


EVENTS = st.lists(
    st.builds(
        lambda status, at, role: (seen(status, at), said(role, at) if role else None),
        st.sampled_from(["pending", "open", "resolved", "snoozed"]),
        st.integers(1, 50).map(float),
        st.sampled_from([None, *Role]),
    ),
    max_size=6,
    unique_by=lambda event: event[0].at,
)


@given(EVENTS, st.randoms())
def test_the_order_of_arrival_changes_nothing_that_decides_silence(events, random) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)
    one, other = after(*events), after(*shuffled)
    assert (one.status, one.ended_at, one.person_at) == (other.status, other.ended_at, other.person_at)


@given(EVENTS)
def test_an_event_that_comes_twice_teaches_nothing_new(events) -> None:
    assert after(*events, *events).status == after(*events).status
    assert after(*events, *events).person_at == after(*events).person_at
