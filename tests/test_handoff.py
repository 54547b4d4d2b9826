"""The decision that evaluation and bridge share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.facts import facts, unsupported
from kbtool.handoff import Action, Policy, Reason, can_answer, decide
from kbtool.model import Answer, Hit, Question
from kbtool.smalltalk import Smalltalk, smalltalk

SOURCE = "Refunds › Time limit\n\nYou have 30 days. The label costs €6.50. Closed on 25 December 2026."


def answer(
    text: str = "You have 30 days.",
    score: float | None = 0.8,
    question: str = "how long may I wait before I send it back",
    history: tuple[str, ...] = (),
    *,
    was_clarified: bool = False,
) -> Answer:
    hits = (Hit("c1", "d1", "Refunds #1", SOURCE, score),)
    return Answer(Question(question, history, was_clarified), text, hits)


def test_a_good_score_is_answered() -> None:
    decision = decide(answer(), Policy(threshold=0.5))
    assert (decision.action, decision.reason, decision.score) == (Action.REPLY, Reason.ANSWERED, 0.8)


def test_the_threshold_itself_is_enough() -> None:
    assert decide(answer(score=0.5), Policy(threshold=0.5)).action is Action.REPLY


def test_a_low_score_goes_to_a_person() -> None:
    assert decide(answer(score=0.49), Policy(threshold=0.5)).action is Action.HANDOFF


def test_no_source_and_no_score_are_never_answered() -> None:
    nothing = Answer(Question("what is the refund window"), "30 days", ())
    assert decide(nothing, Policy(threshold=0.0)).reason is Reason.NO_SOURCES
    assert decide(answer(score=None), Policy(threshold=0.0)).reason is Reason.NO_SCORE


def test_a_short_or_follow_up_question_is_clarified_once() -> None:
    policy = Policy(threshold=0.9)
    assert decide(answer(question="refund?"), policy).action is Action.CLARIFY
    assert decide(answer(question="退款呢"), policy).action is Action.CLARIFY
    assert decide(answer(history=("Do you ship to Norway?",)), policy).action is Action.CLARIFY
    assert decide(answer(question="refund?", was_clarified=True), policy).action is Action.HANDOFF
    assert decide(answer(question="refund?"), Policy(threshold=0.9, clarify=False)).action is Action.HANDOFF


def test_a_refusal_of_the_app_is_not_sent() -> None:
    said = answer("Sorry, I don't know.", score=0.99)
    assert decide(said, Policy()).reason is Reason.REFUSED
    own = Policy(refusals=("das weiß ich nicht",))
    assert decide(answer("Das weiß ich nicht!", score=0.99), own).reason is Reason.REFUSED


def test_an_invented_amount_goes_to_a_person() -> None:
    decision = decide(answer("The label costs €9.90."), Policy())
    assert (decision.reason, decision.detail) == (Reason.UNSUPPORTED_FACT, "9.90 eur")
    assert decide(answer("The label costs 6,50 EUR."), Policy()).action is Action.REPLY


@pytest.mark.parametrize(
    "asked",
    [
        "I want to talk to a human",
        "can someone connect me to an agent",
        "转人工",
        "我要找人工客服",
        "human please",
    ],
)
def test_who_asks_for_a_person_gets_one(asked: str) -> None:
    assert decide(answer(question=asked, score=1.0), Policy(threshold=0.0)).reason is Reason.ASKED_FOR_PERSON


scores = st.one_of(st.none(), st.floats(0, 1))


@given(scores, st.floats(0, 1), st.floats(0, 1), st.sampled_from(["30 days", "€9.90", "I don't know", ""]))
def test_raising_the_threshold_never_answers_more(
    score: float | None, one: float, other: float, text: str
) -> None:
    low, high = sorted((one, other))
    said = answer(text, score)
    if decide(said, Policy(threshold=high)).action is Action.REPLY:
        assert decide(said, Policy(threshold=low)).action is Action.REPLY


@given(scores, st.floats(0, 1), st.text(max_size=40), st.text(max_size=40))
def test_what_can_never_be_answered_is_not_answered(
    score: float | None, threshold: float, text: str, question: str
) -> None:
    said = answer(text, score, question)
    if decide(said, Policy(threshold=threshold)).action is Action.REPLY:
        assert can_answer(said, Policy(threshold=threshold))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("hi", Smalltalk.GREETING),
        ("Hello there!", Smalltalk.GREETING),
        ("你好，在吗？", Smalltalk.GREETING),
        ("thanks a lot 😊", Smalltalk.THANKS),
        ("好的谢谢", Smalltalk.THANKS),
        ("ok, thank you so much, bye!", Smalltalk.CLOSING),
        ("再见", Smalltalk.CLOSING),
        ("thanks, but where is my order?", None),
        ("hi can I get a refund", None),
        ("好的，那退款呢", None),
        ("history", None),
        ("there", None),
        ("", None),
        ("👍", None),
    ],
)
def test_small_talk_is_only_what_says_nothing_else(text: str, kind: Smalltalk | None) -> None:
    assert smalltalk(text) is kind


def test_facts_are_spelled_one_way() -> None:
    text = (
        "€249, 249 euros, 1,899 元 or ¥1,899.00; 10% off on 5 March 2025 (2025-03-05); https://x.example/a."
    )
    assert facts(text) == {"249 eur", "1899 cny", "10 %", "2025-03-05", "x.example/a"}
    assert facts("11月11日 and May 5") == {"11-11", "05-05"}
    assert facts("version 3.4.2, 30 days, order 1234567") == frozenset()


def test_a_fact_is_supported_by_the_same_fact_only() -> None:
    assert unsupported("It costs €59.", ["It costs €249."]) == {"59 eur"}
    assert unsupported("on 25 December", [SOURCE]) == frozenset()
    assert unsupported("on 25 December 2027", [SOURCE]) == {"2027-12-25"}
    assert unsupported("It costs 249 EUR", ["249 €"]) == frozenset()
