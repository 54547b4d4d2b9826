"""What another threshold would have done to past conversations. Pure: the rows come from the bridge's store.

Only answered turns and those below the threshold hang on it; what was handed off for another reason stays so.
Whether an answer that was not sent names a fact that no source supports is not known: it counts as answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kbtool.handoff import Action, Policy, Reason
from kbtool.model import Question

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Past:
    """One turn of a past conversation: `at` in seconds since 1970, `question` without personal data."""

    conversation: str
    at: float
    question: str
    score: float | None
    action: str
    reason: str
    language: str = ""
    inbox: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """Of `conversations`, how many would have gone otherwise, with a few of the turns that made them."""

    days: int
    conversations: int
    to_person: int
    answered: int
    examples_to_person: tuple[Past, ...]
    examples_answered: tuple[Past, ...]
    sentence: str


def preview(turns: Sequence[Past], before: Policy, after: Policy, *, days: int) -> Preview:
    """The conversations of the last `days`, under two policies. A conversation goes to a person when any turn
    of it does.
    """
    conversations: dict[str, list[Past]] = {}
    for turn in sorted(turns, key=lambda turn: turn.at):
        conversations.setdefault(turn.conversation, []).append(turn)
    handed, kept = _is_handed_off(after), _is_handed_off(before)
    to_person = [
        next(turn for turn in said if handed(turn))
        for said in conversations.values()
        if not any(map(kept, said)) and any(map(handed, said))
    ]
    answered = [
        next(turn for turn in said if kept(turn))
        for said in conversations.values()
        if any(map(kept, said)) and not any(map(handed, said))
    ]
    return Preview(
        days=days,
        conversations=len(conversations),
        to_person=len(to_person),
        answered=len(answered),
        examples_to_person=tuple(to_person[-EXAMPLES:]),
        examples_answered=tuple(answered[-EXAMPLES:]),
        sentence=_sentence(before, after, days, len(conversations), len(to_person), len(answered)),
    )


def _is_handed_off(policy: Policy) -> Callable[[Past], bool]:
    def is_handed_off(turn: Past) -> bool:
        hangs_on_score = turn.reason in {Reason.ANSWERED, Reason.BELOW_THRESHOLD}
        if not hangs_on_score or turn.score is None or turn.action == Action.CLARIFY:
            return turn.action == Action.HANDOFF
        asked = Question(turn.question, language=turn.language, inbox=turn.inbox)
        return turn.score < policy.threshold_for(asked)

    return is_handed_off


def _sentence(before: Policy, after: Policy, days: int, n: int, to_person: int, answered: int) -> str:
    period = "last month's" if days == 30 else f"the last {days} days'"
    if not n:
        return f"There were no conversations in {period.rstrip(chr(39))}."
    return (
        f"With {_named(after)} instead of {_named(before)}, {to_person} of {period} {n} conversations would "
        f"have gone to a person, {answered} would have been answered."
    )


def _named(policy: Policy) -> str:
    own = [*policy.languages.items(), *policy.inboxes.items()]
    more = "".join(f", {name} {value:.2f}" for name, value in own)
    return f"{policy.threshold:.2f}{more}"
