"""Canaries: the same chunk at another score is other settings, another chunk is another page."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.canary import TOLERANCE, Canary, Drift, Seen, check, drift, mark
from kbtool.errors import Unavailable
from kbtool.model import Answer, Hit, Question

FIVE = tuple(Canary(f"question {i}", 0.5 + i / 10, mark(f"chunk {i}")) for i in range(5))
SAME = tuple((one.score, one.chunk) for one in FIVE)


@dataclass
class App:
    """Answers with one hit, or fails; remembers who asked."""

    scores: dict[str, float | None]
    text: str = "chunk {}"
    users: list[str] = field(default_factory=list)

    async def chat(self, question: Question, *, user: str, conversation_id: str = "") -> Answer:
        assert conversation_id == ""
        self.users.append(user)
        if question.text not in self.scores:
            raise Unavailable("away")
        number = question.text.split()[-1]
        hit = Hit("c", "d", "D", self.text.format(number), self.scores[question.text])
        return Answer(question, "yes", (hit,))


def test_an_unchanged_app_holds_within_the_tolerance() -> None:
    app = App({one.question: one.score + TOLERANCE / 2 for one in FIVE})
    seen = asyncio.run(check(app, FIVE))
    assert seen.seen == (Seen.SAME,) * 5
    assert not seen.is_stale
    assert seen.is_known
    assert set(app.users) == {"kbtool-canary"}


def test_other_settings_move_the_scores_of_the_same_chunks() -> None:
    seen = asyncio.run(check(App({one.question: one.score / 2 for one in FIVE}), FIVE))
    assert seen.is_stale
    assert seen.has_moved
    assert "5 moved (0.50 → 0.25" in seen.sentence
    assert "question" not in seen.sentence.replace("canary questions", "")


def test_other_pages_make_the_policy_stale_but_are_no_other_settings() -> None:
    seen = asyncio.run(check(App({one.question: one.score for one in FIVE}, text="new {}"), FIVE))
    assert seen.is_stale
    assert not seen.has_moved


def test_two_edited_pages_do_not_make_a_policy_stale() -> None:
    seen = drift(FIVE, [*SAME[:3], (0.2, "other"), (None, "")])
    assert seen.seen == (Seen.SAME,) * 3 + (Seen.OTHER,) * 2
    assert not seen.is_stale


def test_a_server_that_is_away_proves_nothing() -> None:
    away = asyncio.run(check(App({}), FIVE))
    assert away.seen == (Seen.UNKNOWN,) * 5
    assert not away.is_stale
    assert not away.is_known
    half = asyncio.run(check(App({one.question: one.score for one in FIVE[:2]}), FIVE))
    assert (half.is_stale, half.is_known) == (False, False)


def test_without_canaries_there_is_nothing_to_be_stale_by() -> None:
    assert not drift((), ()).is_stale
    assert Drift(()).sentence == "0 canary questions: none"


def test_a_chunk_is_known_by_its_words() -> None:
    assert mark("You have  30 days\n") == mark("you have 30 days")
    assert mark("You have 30 days") != mark("You have 60 days")


@given(st.lists(st.sampled_from(list(Seen)), max_size=9))
def test_what_has_moved_is_stale_too(seen: list[Seen]) -> None:
    found = Drift(tuple(seen))
    if found.has_moved:
        assert found.is_stale


@pytest.mark.parametrize("score", [None, 0.1])
def test_a_missing_score_is_not_the_same(score: float | None) -> None:
    assert drift(FIVE[:1], [(score, FIVE[0].chunk)]).seen[0] is not Seen.SAME
