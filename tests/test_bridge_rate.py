"""A flood costs no tokens: what is over an hour's limit goes to people, and nobody is left without a word."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bridge.asking.rate import HOUR, Rate
from bridge.settings import BridgeSettings, Limits, Mode
from bridge.speech import RATE_LIMITED
from bridge.speech.words import ENGLISH
from bridge.tables import alerts
from kbtool.config import Bridge as Table
from kbtool.handoff import Policy
from tests.bridging import Said, stand
from tests.server import run
from tests.waiting import until

ASKED = st.lists(st.tuples(st.floats(0, 1500), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60)
"""Seconds since the last question, its contact and its inbox; 0 is one that is not known."""


@given(ASKED, st.integers(0, 4), st.integers(0, 8))
def test_within_any_hour_exactly_what_the_limits_allow_is_asked(
    asked: list[tuple[float, int, int]], of_contact: int, of_inbox: int
) -> None:
    now = 0.0
    rate = Rate(lambda: now)
    admitted: list[tuple[float, int, int]] = []
    for seconds, contact, inbox in asked:
        now += seconds
        within = [one for one in admitted if one[0] > now - HOUR]
        contacts, inboxes = Counter(one[1] for one in within), Counter(one[2] for one in within)
        is_over = (contact and of_contact and contacts[contact] >= of_contact) or (
            inbox and of_inbox and inboxes[inbox] >= of_inbox
        )
        said = rate.admit(Limits(of_contact, of_inbox), 1, contact, inbox)
        assert bool(said) == bool(is_over)
        if not said:
            admitted.append((now, contact, inbox))


def test_who_asks_nothing_any_more_takes_no_memory() -> None:
    now = 0.0
    rate = Rate(lambda: now)
    for contact in range(1, 5000):
        now += 10.0
        rate.admit(Limits(contact=5), 1, contact, 0)
    assert len(rate._asked) < HOUR / 10 + 1001


def test_a_contact_who_floods_gets_a_person_and_others_are_answered(tmp_path: Path) -> None:
    answers = {f"Question {number}?": Said("30 days.", 0.9) for number in range(9)}

    async def scenario() -> None:
        async with stand(tmp_path, answers) as at, at.bridge(limits=Limits(contact=3)) as running:
            visit = at.sandbox.state.arrive()
            for number in range(3):
                at.ask(f"Question {number}?", visit)
                await at.until(lambda count=number + 1: len(at.replies(visit)) == count)  # type: ignore[misc]
            at.ask("hello", visit)
            await at.until(lambda: at.replies(visit)[-1:] == [ENGLISH.greeting])
            at.ask("Question 4?", visit)
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit)[-1] == ENGLISH.handoff
            assert f"[{RATE_LIMITED}]" in at.notes(visit)[0]
            other = at.ask("Question 5?")
            await at.until(lambda: at.replies(other) == ["30 days."])
            assert len(at.dify.asked) == 4

            async def is_told() -> bool:
                told = await running.store.read(lambda c: alerts.after(c, 0))
                return [one.message.key for one in told] == ["rate_limited:kbtool"]

            await until(is_told, lambda: "nobody was told of the flood")

    run(scenario())


def test_many_contacts_of_one_inbox_are_bounded_too_and_drafts_as_replies(tmp_path: Path) -> None:
    async def scenario() -> None:
        good = {"How long?": Said("30 days.", 0.9)}
        async with stand(tmp_path, good, mode=Mode.DRAFT) as at, at.bridge(limits=Limits(inbox=2)):
            for _ in range(2):
                visit = at.ask("How long?")
                await at.until(lambda visit=visit: bool(at.notes(visit)))  # type: ignore[misc]
            late = at.ask("How long?")
            await at.until(lambda: bool(at.notes(late)))
            assert f"[{RATE_LIMITED}]" in at.notes(late)[0]
            assert len(at.dify.asked) == 2

    run(scenario())


def test_a_limit_is_taken_without_a_restart_and_stands_in_the_log() -> None:
    old = BridgeSettings(Path("b.sqlite"), (), Policy())
    new = replace(old, limits=Limits(5, 50))
    assert list(old.changes(new)) == ["questions an hour: 5 of a contact, 50 of an inbox"]


def test_there_are_limits_by_default() -> None:
    table = Table()
    assert 0 < table.questions_per_contact < table.questions_per_inbox
