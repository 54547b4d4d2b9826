"""One question judged, at three levels, and an error that is never a fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kbtool.evaluate.record import Expected, Found, Golden, Outcome, QuestionKind, Relevant, Reply
from kbtool.evaluate.score import score
from kbtool.handoff import Policy

POLICY = Policy(threshold=0.5)
RIGHT = Found("help/refunds", (("Refunds", "Time limit"),), 0.9, "Refunds › Time limit\n\nYou have 30 days.")
NEAR = Found("help/refunds", (("Refunds", "Costs"),), 0.8, "Refunds › Costs\n\nThe label is €6.50.")
WRONG = Found("help/shipping", (("Shipping",),), 0.7, "Shipping\n\nThree days.")
GOLDEN = Golden(
    "window",
    "how long do I have to send it back",
    relevant=(Relevant("help/refunds", ("Time limit",), "30 days"),),
    expected=Expected(must_contain=(("30 days",),)),
)


def reply(*chunks: Found, answer: str | None = "You have 30 days.") -> Reply:
    cited = chunks if answer is not None else ()
    return Reply("window", GOLDEN.content_hash, tuple(chunks), answer, cited)


def test_the_headline_is_the_section_within_k() -> None:
    result = score(GOLDEN, reply(WRONG, NEAR, RIGHT), k=5, policy=POLICY)
    assert (result.outcome, result.rank_section, result.rank_evidence) == (Outcome.PASS, 3, 3)
    assert result.rank_document == 2
    assert score(GOLDEN, reply(WRONG, NEAR, RIGHT), k=2, policy=POLICY).outcome is Outcome.FAIL


def test_one_document_takes_one_place_in_the_ranking() -> None:
    result = score(GOLDEN, reply(NEAR, NEAR, WRONG, RIGHT), k=5, policy=POLICY)
    assert result.ranking == (("help/refunds", True), ("help/shipping", False))


def test_a_miss_says_what_was_expected_and_what_came() -> None:
    result = score(GOLDEN, reply(WRONG), k=5, policy=POLICY)
    assert result.why == "expected help/refunds › Time limit; first came Shipping"
    assert score(GOLDEN, reply(), k=5, policy=POLICY).why.startswith("nothing was found")


def test_nothing_retrieved_is_a_miss_whatever_the_app_cites() -> None:
    asked = replace(reply(RIGHT), retrieved=())
    assert score(GOLDEN, asked, k=5, policy=POLICY).outcome is Outcome.FAIL
    assert score(GOLDEN, asked, k=5, policy=POLICY, target="answers").outcome is Outcome.PASS


def test_a_page_that_ends_like_the_right_one_is_not_it() -> None:
    other = replace(RIGHT, doc="shop/help/refunds")
    assert score(GOLDEN, reply(other), k=5, policy=POLICY).outcome is Outcome.FAIL


def test_an_error_is_an_error() -> None:
    failed = Reply("window", GOLDEN.content_hash, error="Dify answered 500")
    result = score(GOLDEN, failed, k=5, policy=POLICY)
    assert (result.outcome, result.why, result.is_correct) == (Outcome.ERROR, "Dify answered 500", False)


def test_correct_means_assertions_and_a_relevant_source() -> None:
    assert score(GOLDEN, reply(RIGHT), k=5, policy=POLICY).is_correct
    assert not score(GOLDEN, reply(RIGHT, answer="You have 60 days."), k=5, policy=POLICY).is_correct
    assert not score(GOLDEN, reply(WRONG), k=5, policy=POLICY).is_correct
    banned = replace(GOLDEN, expected=replace(GOLDEN.expected, must_not_contain=("60 days",)))
    both = reply(RIGHT, answer="30 days, formerly 60 days")
    assert not score(banned, both, k=5, policy=POLICY).is_correct


def test_the_top_score_is_the_apps_own() -> None:
    asked = Reply("window", GOLDEN.content_hash, (RIGHT,), "You have 30 days.", (NEAR, RIGHT))
    assert score(GOLDEN, asked, k=5, policy=POLICY).top_score == 0.8


@pytest.mark.parametrize(("threshold", "outcome"), [(0.5, Outcome.FAIL), (0.95, Outcome.PASS)])
def test_an_unanswerable_question_passes_when_it_is_not_answered(threshold: float, outcome: Outcome) -> None:
    golden = Golden("coins", "can I pay with digital coins at all", answerable=False)
    asked = replace(reply(WRONG, answer="Three days."), id="coins")
    result = score(golden, asked, k=5, policy=Policy(threshold=threshold))
    assert result.outcome is outcome
    assert not result.is_correct
    only_retrieval = replace(asked, answer=None, cited=())
    assert score(golden, only_retrieval, k=5, policy=POLICY).outcome is None


def test_small_talk_is_met_as_such() -> None:
    golden = Golden("hi", "hello!", answerable=False, kind=QuestionKind.SMALLTALK)
    assert score(golden, reply(WRONG, answer="x"), k=5, policy=POLICY).outcome is Outcome.PASS
    wrong = replace(golden, question="where is my parcel today")
    assert score(wrong, reply(WRONG, answer="x"), k=5, policy=POLICY).outcome is Outcome.FAIL


def test_an_answer_that_no_threshold_lets_through_is_marked() -> None:
    result = score(GOLDEN, reply(RIGHT, answer="30 days, or pay €99.00"), k=5, policy=POLICY)
    assert not result.can_answer
    assert result.decision_reason == "unsupported_fact"
