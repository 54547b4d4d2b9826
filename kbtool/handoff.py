"""The decision: does this answer go to the customer, or the conversation to a person?

One pure function, run by the evaluation and by the bridge alike, so that what is measured is what runs
(design decision 12). In order:

    small talk → a person was asked for → a sensitive intent → answers are held back → no source or no score
    → the app said nothing, or refused → score below the threshold (a short or follow-up question is
    clarified once first) → a fact that no source supports → reply
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import regex

from kbtool.canary import Canary
from kbtool.facts import unsupported
from kbtool.intents import EVERY_INTENT, PERSON, Intents
from kbtool.model import Answer, Question
from kbtool.script import fold, language
from kbtool.smalltalk import smalltalk


class Action(StrEnum):
    REPLY = "reply"
    CLARIFY = "clarify"
    SMALLTALK = "smalltalk"
    HANDOFF = "handoff"


class Reason(StrEnum):
    """Why, from a closed list: reports, traces and counters know these words and no others.

    From `AI_UNAVAILABLE` on it is no answer's fault: why answers are held back, and then what only a bridge
    meets, which is never handed to `decide`.
    """

    ANSWERED = "answered"
    SMALLTALK = "smalltalk"
    ASKED_FOR_PERSON = "asked_for_person"
    SENSITIVE = "sensitive"
    NO_SOURCES = "no_sources"
    NO_SCORE = "no_score"
    EMPTY_ANSWER = "empty_answer"
    REFUSED = "refused"
    BELOW_THRESHOLD = "below_threshold"
    UNSUPPORTED_FACT = "unsupported_fact"
    AI_UNAVAILABLE = "ai_unavailable"
    DEGRADED = "degraded"
    MAINTENANCE = "maintenance"
    POLICY_STALE = "policy_stale"
    BUDGET_SPENT = "budget_spent"
    NO_TEXT = "no_text"
    POST_REFUSED = "post_refused"
    INTERNAL_ERROR = "internal_error"


BY_WORDS_ALONE = frozenset({Reason.SMALLTALK, Reason.ASKED_FOR_PERSON, Reason.SENSITIVE})
"""Decided before the AI is asked, and so without an answer."""
HELD_BACK = frozenset({
    Reason.AI_UNAVAILABLE, Reason.DEGRADED, Reason.MAINTENANCE, Reason.POLICY_STALE, Reason.BUDGET_SPENT,
})  # fmt: skip
"""Why no answer goes out for the time being; `decide` is told one of these."""

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

    `languages` (codes) and `inboxes` (names) have thresholds of their own; where both apply, the higher one
    does, which keeps what either promises. `refusals` are the sentences by which the app says that it does
    not know, besides the defaults. `fingerprint` (of the settings) and `canaries` tell what the thresholds
    were measured under.
    """

    threshold: float = 0.5
    languages: Mapping[str, float] = field(default_factory=dict)
    inboxes: Mapping[str, float] = field(default_factory=dict)
    clarify: bool = True
    refusals: tuple[str, ...] = ()
    intents: Intents = EVERY_INTENT
    fingerprint: str = ""
    canaries: tuple[Canary, ...] = ()

    def threshold_for(self, question: Question) -> float:
        return self.threshold_in(language_of(question), question.inbox)

    def threshold_in(self, language: str, inbox: str) -> float:
        """The threshold for this language (as `language_of` has it) in this inbox."""
        own = (self.languages.get(language), self.inboxes.get(inbox))
        return max((value for value in own if value is not None), default=self.threshold)

    def at(self, threshold: float) -> Policy:
        """This policy with one threshold for everybody."""
        return replace(self, threshold=threshold, languages={}, inboxes={})


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and the reason in one word; `detail` names the intent, phrase or fact that decided.

    `threshold` is the one that the score was compared with, None where it did not come to that.
    """

    action: Action
    reason: Reason
    score: float | None = None
    detail: str = ""
    threshold: float | None = None


_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
_WORD = regex.compile(r"[\p{L}\p{N}]+")
_SHORT = 3


def decide(answer: Answer, policy: Policy, held: Reason | None = None) -> Decision:
    """What the bridge does with this answer under this policy. Pure; never raises.

    `held` is one of `HELD_BACK` where no answer may go out now, whatever it is; then `answer` need hold the
    question only.
    """
    return by_words(answer.question, policy) or by_answer(answer, policy, held)


def by_words(question: Question, policy: Policy) -> Decision | None:
    """The first part of `decide`: the decision where the customer's words alone make it, before anyone is
    asked.
    """
    talk = smalltalk(question.text)
    if talk:
        return Decision(Action.SMALLTALK, Reason.SMALLTALK, detail=talk.value)
    wanted = policy.intents.find(question.text)
    if wanted is None:
        return None
    reason = Reason.ASKED_FOR_PERSON if wanted.intent == PERSON else Reason.SENSITIVE
    return Decision(Action.HANDOFF, reason, detail=wanted.intent)


def by_answer(  # noqa: PLR0911 the order of the returns is the rule
    answer: Answer, policy: Policy, held: Reason | None = None
) -> Decision:
    """The second part of `decide`: for an answer to a question that `by_words` has left open."""
    question = answer.question
    if held:
        return Decision(Action.HANDOFF, held)
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
    threshold = policy.threshold_for(question)
    if score < threshold:
        action = Action.CLARIFY if policy.clarify and _is_unclear(question) else Action.HANDOFF
        return Decision(action, Reason.BELOW_THRESHOLD, score, threshold=threshold)
    made_up = unsupported(answer.text, (hit.text for hit in answer.hits))
    if made_up:
        return Decision(Action.HANDOFF, Reason.UNSUPPORTED_FACT, score, min(made_up), threshold)
    return Decision(Action.REPLY, Reason.ANSWERED, score, threshold=threshold)


def can_answer(answer: Answer, policy: Policy) -> bool:
    """Whether some threshold lets this answer through: what a threshold is chosen from."""
    return decide(answer, policy.at(float("-inf"))).action is Action.REPLY


def language_of(question: Question) -> str:
    """The language whose threshold applies: by the script, else what the channel says (`de-CH` is "de")."""
    return language(question.text) or question.language.replace("_", "-").split("-", 1)[0].casefold()


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
