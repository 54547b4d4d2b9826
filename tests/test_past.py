"""Another threshold, tried on past conversations: the bridge's rows, and what is counted from them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.operating.past import past_turns
from kbtool.errors import ConfigError
from kbtool.handoff import Action, Policy, Reason
from kbtool.tune import Past, preview
from tests.bridging import Said, stand
from tests.postgres import database
from tests.server import run

ANSWERED, BELOW = (Action.REPLY, Reason.ANSWERED), (Action.HANDOFF, Reason.BELOW_THRESHOLD)
LOST = (Action.HANDOFF, Reason.REFUSED)
scores = st.one_of(st.none(), st.floats(0, 1))
turns_of = st.lists(
    st.builds(
        Past,
        st.sampled_from(["1", "2", "3"]),
        st.floats(0, 9),
        st.just("why"),
        scores,
        st.sampled_from([action.value for action in Action]),
        st.sampled_from([reason.value for reason in Reason]),
        st.sampled_from(["", "de"]),
    ),
    max_size=12,
)


def turn(conversation: str, score: float | None, decision: tuple[Action, Reason], at: float = 0.0) -> Past:
    return Past(conversation, at, f"question {conversation}", score, decision[0].value, decision[1].value)


def test_conversations_are_counted_that_would_have_gone_otherwise() -> None:
    turns = [
        turn("kept", 0.9, ANSWERED),
        turn("lost", 0.55, ANSWERED, at=1),
        turn("lost", 0.9, ANSWERED, at=2),
        turn("refused", 0.9, LOST),
        turn("handed", 0.4, BELOW),
    ]
    stricter = preview(turns, Policy(0.5), Policy(0.63), days=30)
    assert stricter.sentence == (
        "With 0.63 instead of 0.50, 1 of last month's 4 conversations would have gone to a person, "
        "0 would have been answered."
    )
    assert [each.score for each in stricter.examples_to_person] == [0.55]
    looser = preview(turns, Policy(0.5), Policy(0.3), days=7)
    assert (looser.to_person, looser.answered) == (0, 1)
    assert "the last 7 days' 4 conversations" in looser.sentence
    assert [each.conversation for each in looser.examples_answered] == ["handed"]


def test_what_was_asked_back_and_what_has_no_score_hang_on_no_threshold() -> None:
    turns = [turn("a", 0.4, (Action.CLARIFY, Reason.BELOW_THRESHOLD)), turn("b", None, ANSWERED)]
    found = preview(turns, Policy(0.5), Policy(0.9), days=30)
    assert (found.to_person, found.answered) == (0, 0)
    assert "no conversations" in preview([], Policy(), Policy(0.9), days=30).sentence


@given(turns_of, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_only_takes_and_a_lower_one_only_gives(
    turns: list[Past], a: float, b: float
) -> None:
    low, high = sorted((a, b))
    up = preview(turns, Policy(low), Policy(high), days=30)
    down = preview(turns, Policy(high), Policy(low), days=30)
    assert (up.answered, down.to_person) == (0, 0)
    assert up.to_person == down.answered <= up.conversations


def test_the_bridges_rows_are_read_while_it_runs_and_hold_no_personal_data(tmp_path: Path) -> None:
    asked = "Where is order FB-204418? Write to jo@example.com please."

    async def scenario() -> None:
        answers = {asked: Said("It is on its way.", 0.55), "Und wann kommt es an?": Said("Bald.", 0.8)}
        async with stand(tmp_path, answers) as at, at.bridge():
            first = at.ask(asked)
            other = at.sandbox.state.arrive()
            at.sandbox.state.say(other, "Und wann kommt es an?", browser_language="de")
            await at.until(lambda: bool(at.replies(first) and at.replies(other)))
            turns = past_turns(tmp_path / "bridge.sqlite", time.time() - 3600)
            assert past_turns(tmp_path / "bridge.sqlite", time.time() + 60) == []
        by_score = {each.score: each for each in turns}
        assert by_score[0.55].question == "Where is order [number]? Write to [email] please."
        assert (by_score[0.8].language, by_score[0.55].action) == ("de", "reply")
        assert {each.inbox for each in turns} == {str(at.conversation(first).inbox.id)}
        assert by_score[0.55].conversation != by_score[0.8].conversation
        found = preview(turns, Policy(0.5), Policy(0.63), days=30)
        assert (found.conversations, found.to_person) == (2, 1)
        own = preview(turns, Policy(0.5), Policy(0.5, languages={"de": 0.9}), days=30)
        assert [each.score for each in own.examples_to_person] == [0.8]

    run(scenario())


def test_a_store_in_postgresql_is_read_alike(tmp_path: Path) -> None:
    async def scenario() -> None:
        with database() as url:
            async with stand(tmp_path, {"Why?": Said("So.", 0.55)}) as at, at.bridge(database=url):
                visit = at.ask("Why?")
                await at.until(lambda: bool(at.replies(visit)))
                (turn,) = past_turns(tmp_path / "none.sqlite", 0.0, url)
                assert (turn.question, turn.score, turn.inbox) == ("Why?", 0.55, "1")
                assert past_turns(tmp_path / "none.sqlite", time.time() + 60, url) == []

    run(scenario())


def test_a_store_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no bridge store"):
        past_turns(tmp_path / "none.sqlite", 0)
    with pytest.raises(ConfigError, match=r"mysql://… is no address of a PostgreSQL"):
        past_turns(tmp_path / "none.sqlite", 0, "mysql://me:hunter2@host/name")
    (tmp_path / "text.sqlite").write_text("not a database at all, but long enough to be looked at", "utf-8")
    with pytest.raises(ConfigError, match="not a store that this kbtool can read"):
        past_turns(tmp_path / "text.sqlite", 0)
