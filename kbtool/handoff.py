"""The decision: does this answer go to the customer, or the conversation to a person?

One pure function, run by the evaluation and by the bridge alike, so that what is measured is what runs
(design decision 12). In order:

    small talk → a person was asked for → no source or no score → the app refused
    → score below the threshold (a short or follow-up question is clarified once first)
    → a fact that no source supports → reply
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

import regex

from kbtool.facts import unsupported
from kbtool.model import Answer, Question
from kbtool.script import fold
from kbtool.smalltalk import smalltalk


class Action(StrEnum):
    REPLY = "reply"
    CLARIFY = "clarify"
    SMALLTALK = "smalltalk"
    HANDOFF = "handoff"


class Reason(StrEnum):
    ANSWERED = "answered"
    SMALLTALK = "smalltalk"
    ASKED_FOR_PERSON = "asked_for_person"
    NO_SOURCES = "no_sources"
    NO_SCORE = "no_score"
    REFUSED = "refused"
    BELOW_THRESHOLD = "below_threshold"
    UNSUPPORTED_FACT = "unsupported_fact"
    EMPTY_ANSWER = "empty_answer"


DEFAULT_REFUSALS = (
    "I can't find this in the help pages",
    "I cannot find this in the help pages",
    "I don't know",
    "帮助文档中没有找到",
    "知识库中没有相关",
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What decides. `threshold` is compared with the top score of the app's own citations.

    `refusals` are the sentences by which the app says that it does not know, besides the defaults.
    """

    threshold: float = 0.5
    clarify: bool = True
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and the reason in one word; `detail` names the phrase or fact that decided."""

    action: Action
    reason: Reason
    score: float | None = None
    detail: str = ""


_SOMEONE = (
    r"\b(?:human|person|agent|someone|somebody|representative|rep|operator|manager|staff|support|team)\b"
)
# Who only passes something on, or connects a thing, asks about the product: somebody must be spoken with, or
# the customer be the one who is passed on.
_PERSON = regex.compile(
    rf"\b(?:talk|speak|chat)(?:ing)?\b[^.?!]{{0,12}}\b(?:to|with)\b[^.?!]{{0,20}}{_SOMEONE}"
    rf"|\b(?:connect|transfer|pass|put|hand|refer|forward|switch)\s+(?:me|us)\b[^.?!]{{0,20}}{_SOMEONE}"
    r"|\bput (?:me|us) through\b|\b(?:get|give) (?:me|us) an? (?:real |live )?(?:human|person|agent)\b"
    r"|\b(?:human|real person|live agent|representative)\W{1,2}please\b"
    r"|^(?:human|agent|operator|real person)\W*$"
    r"|(?:转|找|要|接)(?:一下|个|下)?(?:人工|真人|客服人员)|人工客服|^人工\W*$"
)
_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
_WORD = regex.compile(r"[\p{L}\p{N}]+")
_SHORT = 3


def decide(answer: Answer, policy: Policy) -> Decision:  # noqa: PLR0911 the order of the returns is the rule
    """What the bridge does with this answer under this policy. Pure; never raises."""
    question = answer.question
    talk = smalltalk(question.text)
    if talk:
        return Decision(Action.SMALLTALK, Reason.SMALLTALK, detail=talk.value)
    if _PERSON.search(fold(question.text)):
        return Decision(Action.HANDOFF, Reason.ASKED_FOR_PERSON)
    if not answer.hits:
        return Decision(Action.HANDOFF, Reason.NO_SOURCES)
    score = answer.hits[0].score
    if score is None:
        return Decision(Action.HANDOFF, Reason.NO_SCORE)
    if not answer.text.strip():
        return Decision(Action.HANDOFF, Reason.EMPTY_ANSWER, score)
    refusal = _refusal(answer.text, policy)
    if refusal:
        return Decision(Action.HANDOFF, Reason.REFUSED, score, refusal)
    if score < policy.threshold:
        action = Action.CLARIFY if policy.clarify and _is_unclear(question) else Action.HANDOFF
        return Decision(action, Reason.BELOW_THRESHOLD, score)
    made_up = unsupported(answer.text, (hit.text for hit in answer.hits))
    if made_up:
        return Decision(Action.HANDOFF, Reason.UNSUPPORTED_FACT, score, min(made_up))
    return Decision(Action.REPLY, Reason.ANSWERED, score)


def can_answer(answer: Answer, policy: Policy) -> bool:
    """Whether some threshold lets this answer through: what a threshold is chosen from."""
    return decide(answer, replace(policy, threshold=float("-inf"))).action is Action.REPLY


def _refusal(text: str, policy: Policy) -> str:
    said = fold(text)
    return next((r for r in (*DEFAULT_REFUSALS, *policy.refusals) if fold(r) in said), "")


def _is_unclear(question: Question) -> bool:
    """Too short to be searched well, or leaning on what was said before; asked back once, not twice."""
    if question.was_clarified:
        return False
    ideographs = len(_CJK.findall(question.text))
    words = len(_WORD.findall(_CJK.sub(" ", question.text))) + (ideographs + 1) // 2
    return bool(question.history) or words <= _SHORT
