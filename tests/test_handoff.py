"""The decision that evaluation and bridge share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.facts import facts, unsupported
from kbtool.handoff import BY_WORDS_ALONE, HELD_BACK, Action, Policy, Reason, can_answer, decide
from kbtool.intents import Intents
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
    assert decide(answer("Sorry, I don’t know.", score=0.99), Policy()).reason is Reason.REFUSED
    own = Policy(refusals=("das weiß ich nicht",))
    assert decide(answer("Das weiß ich nicht!", score=0.99), own).reason is Reason.REFUSED


def test_an_invented_amount_goes_to_a_person() -> None:
    decision = decide(answer("The label costs €9.90."), Policy())
    assert (decision.reason, decision.detail) == (Reason.UNSUPPORTED_FACT, "9.90 eur")
    assert decide(answer("The label costs 6,50 EUR."), Policy()).action is Action.REPLY


def test_what_the_customer_wants_comes_before_any_score() -> None:
    person = decide(answer(question="I want to talk to a human", score=1.0), Policy(threshold=0.0))
    assert (person.reason, person.detail) == (Reason.ASKED_FOR_PERSON, "person")
    lawyer = decide(answer(question="Ich schalte meinen Anwalt ein", score=1.0), Policy(threshold=0.0))
    assert (lawyer.action, lawyer.reason, lawyer.detail) == (Action.HANDOFF, Reason.SENSITIVE, "legal")
    calm = Policy(threshold=0.0, intents=Intents(off=frozenset({"legal"})))
    assert decide(answer(question="Ich schalte meinen Anwalt ein"), calm).action is Action.REPLY


@pytest.mark.parametrize("held", sorted(HELD_BACK))
def test_what_holds_answers_back_stops_any_answer_but_no_small_talk(held: Reason) -> None:
    assert decide(answer(score=1.0), Policy(threshold=0.0), held).reason is held
    assert decide(answer(question="thanks!"), Policy(), held).action is Action.SMALLTALK
    assert decide(answer(question="human please"), Policy(), held).reason is Reason.ASKED_FOR_PERSON
    unasked = Answer(Question("what is the refund window"), "", ())
    assert (decide(unasked, Policy(), held).action, held in BY_WORDS_ALONE) == (Action.HANDOFF, False)


def test_a_language_and_an_inbox_may_have_thresholds_of_their_own() -> None:
    policy = Policy(0.5, languages={"zh": 0.9, "de": 0.6}, inboxes={"shop": 0.7})
    question = answer().question
    for asked, threshold in (
        (question, 0.5),
        (replace(question, language="de-CH"), 0.6),
        (replace(question, text="退货要多久", language="de"), 0.9),
        (replace(question, inbox="shop"), 0.7),
        (replace(question, inbox="shop", language="de_DE"), 0.7),
        (replace(question, text="退货要多久", inbox="shop"), 0.9),
    ):
        assert policy.threshold_for(asked) == threshold
        decision = decide(replace(answer(score=0.65), question=asked), policy)
        assert (decision.action is Action.REPLY, decision.threshold) == (threshold <= 0.65, threshold)


scores = st.one_of(st.none(), st.floats(0, 1))


@given(scores, st.floats(0, 1), st.floats(0, 1), st.sampled_from(["30 days", "€9.90", "I don't know", ""]))
def test_raising_the_threshold_never_answers_more(
    score: float | None, one: float, other: float, text: str
) -> None:
    low, high = sorted((one, other))
    said = answer(text, score)
    if decide(said, Policy(threshold=high)).action is Action.REPLY:
        assert decide(said, Policy(threshold=low)).action is Action.REPLY


@given(
    scores, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.sampled_from(["", "de"])
)
def test_raising_any_of_the_thresholds_never_answers_more(
    score: float | None, everybody: float, german: float, shop: float, more: float, lang: str
) -> None:
    said = answer(score=score)
    said = replace(said, question=replace(said.question, language=lang, inbox="shop"))
    before = Policy(everybody, {"de": german}, {"shop": shop})
    for after in (
        replace(before, threshold=everybody + more),
        replace(before, languages={"de": german + more}),
        replace(before, inboxes={"shop": shop + more}),
    ):
        if decide(said, after).action is Action.REPLY:
            assert decide(said, before).action is Action.REPLY


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
        ("that’s all", Smalltalk.CLOSING),
        ("anyone there?", Smalltalk.GREETING),
        ("在吗？", Smalltalk.GREETING),
        ("Buenos días", Smalltalk.GREETING),
        ("Grüß Gott", Smalltalk.GREETING),
        ("Bonjour à tous !", Smalltalk.GREETING),
        ("Olá, bom dia!", Smalltalk.GREETING),
        ("こんにちは。", Smalltalk.GREETING),
        ("¡Muchas gracias!", Smalltalk.THANKS),
        ("Danke schön", Smalltalk.THANKS),
        ("ありがとうございました！", Smalltalk.THANKS),
        ("Merci et bonne journée", Smalltalk.CLOSING),
        ("Tschüss", Smalltalk.CLOSING),
        ("Obrigada, tchau", Smalltalk.CLOSING),
        ("gracias, ¿y el envío?", None),
        ("super Kaffee", None),
        ("では返品したい", None),
        ("ok?", None),
        ("that works?", None),
        ("hi, that works?", None),
        ("好的？", None),
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


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("€249, 249 euros", {"249 eur"}),
        ("1,899.00 元 or RMB 1 899", {"1899 cny"}),
        ("2.899,00 €", {"2899 eur"}),
        ("1’899.50 CHF", {"1899.50 chf"}),
        ("1.234.567 €", {"1234567 eur"}),
        ("1.899 €", {"1899 eur", "1.899 eur"}),
        ("0.125 %", {"0.125 %"}),
        ("¥15", {"15 cny", "15 jpy"}),
        ("199 kr", {"199 sek", "199 nok", "199 dkk"}),
        ("SEK 1, 2 NOK, 3 DKK", {"1 sek", "2 nok", "3 dkk"}),
        ("5 PLN, 6 zł, 7 Kč", {"5 pln", "6 pln", "7 czk"}),
        ("HK$8, NT$9, CAD 10, 11 AUD", {"8 hkd", "9 twd", "10 cad", "11 aud"}),
        ("3-10 €", {"3 eur", "10 eur"}),
        ("€3–10, 5 to 7 percent", {"3 eur", "10 eur", "5 %", "7 %"}),
        ("3到10元", {"3 cny", "10 cny"}),
        ("Kettle 2 – 249 €", {"249 eur"}),
        ("满100元3件", {"100 cny"}),
        ("20%, 20 percent, 20 per cent, 百分之二十, 百分之20", {"20 %"}),
        ("百分之五、百分之十五、百分之二十五、百分之百", {"5 %", "15 %", "25 %", "100 %"}),
        ("5 March 2025, 2025-03-05, 2025年3月5日", {"2025-03-05"}),
        ("11月11日 and May 5", {"11-11", "05-05"}),
        ("Sept. 5th, 2025", {"2025-09-05"}),
        ("13.04.2025 and 12-25-2025", {"2025-04-13", "2025-12-25"}),
        ("03/04/2025", {"2025-04-03", "2025-03-04"}),
        ("于2025-03-05起", {"2025-03-05"}),
        ("https://x.example/a.", {"x.example/a"}),
        ("market 20, maybe 30, decide 5, marching 5", set()),
        ("version 3.4.2, 30 days, order 1234567, 24/7, 99/99/2025, 300 crates", set()),
    ],
)
def test_facts_are_spelled_one_way(text: str, read: set[str]) -> None:
    assert facts(text) == read


@pytest.mark.parametrize(
    ("said", "source", "made_up"),
    [
        ("It costs €59.", "It costs €249.", {"59 eur"}),
        ("It costs 2.899,00 €", "It costs 1.899,00 €", {"2899 eur"}),
        ("It costs 1.899 €", "It costs €1,899.00", set()),
        ("It costs 249 EUR", "249 €", set()),
        ("It costs AUD 20", "$20", set()),
        ("It costs AUD 20", "US$20", {"20 aud"}),
        ("between 4-10 €", "3-10 €", {"4 eur"}),
        ("20 percent off", "打折百分之二十", set()),
        ("on 25 December", SOURCE, set()),
        ("on 25 December 2027", SOURCE, {"2027-12-25"}),
        ("on 3 April 2025", "until 03/04/2025", set()),
        ("on 04.03.2025", "until 3 April 2025", set()),
        ("on 05/04/2025", "until 3 April 2025", {"2025-04-05"}),
    ],
)
def test_a_fact_is_supported_by_the_same_fact_only(said: str, source: str, made_up: set[str]) -> None:
    assert unsupported(said, [source]) == made_up


@given(st.text(alphabet="0123456789.,' -/€$kr%年月日百分之十五marchto", max_size=40))
def test_a_text_supports_itself(text: str) -> None:
    assert unsupported(text, [text]) == frozenset()
