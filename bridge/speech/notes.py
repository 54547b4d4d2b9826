"""What people read in a private note: the draft, or why they have the conversation now, and with what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.speech.reasons import because
from kbtool.handoff import Action, Decision, Reason
from kbtool.model import Answer, Hit

_SOURCES_SHOWN = 3
_EXCERPT = 80
_QUOTED = 300
_EARLIER_SHOWN = 3
# What the AI wrote is worth reading although it was not sent: the person may find it right.
_WITHHELD = frozenset({Reason.BELOW_THRESHOLD, Reason.UNSUPPORTED_FACT})


def handoff_note(decision: Decision, answer: Answer) -> str:
    """Why, what the customer asked, what the AI would have said, and its best sources with their scores."""
    parts = [f"Handed off: {because(decision.reason)}{_evidence(decision)}."]
    parts += _asked(answer.question.text, answer.question.history)
    if decision.reason in _WITHHELD and answer.text.strip():
        parts.append(f"Not sent: {_quoted(answer.text)}")
    return "\n\n".join((*parts, *_sources(answer.hits)))


def plain_note(reason: str, detail: str = "", asked: str = "", before: Sequence[str] = ()) -> str:
    """Why, where there is no answer to tell of."""
    more = f" ({detail})" if detail else ""
    return "\n\n".join((f"Handed off: {because(reason)}{more}.", *_asked(asked, before)))


def draft_note(decision: Decision, answer: Answer, said: str) -> str:
    """What the AI would say, for a person to send; or why it has nothing to say."""
    if said:
        parts = [f"Draft ({decision.action.value}{_evidence(decision)}):", said]
    else:
        parts = [f"No draft: {because(decision.reason)}{_evidence(decision)}."]
    return "\n\n".join((*parts, *_sources(answer.hits)))


def source_line(hit: Hit) -> str:
    """One source for people: place and score."""
    score = "no score" if hit.score is None else f"{hit.score:.2f}"
    return f"{place_of(hit)} ({score})"


def place_of(hit: Hit) -> str:
    """Where a source stands: the path in its first line, else its document's name."""
    return " ".join(hit.text.split("\n", 1)[0].split())[:_EXCERPT] or hit.document_name


def _asked(asked: str, before: Sequence[str]) -> Iterator[str]:
    if asked:
        yield f"Asked: {_quoted(asked)}"
    if before:
        yield "\n".join(("Before that:", *(f"- {_quoted(text)}" for text in before[-_EARLIER_SHOWN:])))


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line}”" if len(line) <= _QUOTED else f"“{line[:_QUOTED].rstrip()}…”"


def _evidence(decision: Decision) -> str:
    score = f", score {decision.score:.2f}" if decision.score is not None else ""
    is_quotable = decision.detail and decision.action is Action.HANDOFF
    return f"{score}, “{decision.detail}”" if is_quotable else score


def _sources(hits: Sequence[Hit]) -> Iterator[str]:
    if hits:
        yield "\n".join(("Sources:", *(f"- {source_line(hit)}" for hit in hits[:_SOURCES_SHOWN])))
