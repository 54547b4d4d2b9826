"""What a decision says and does in Chatwoot: the posts of a turn, in order. Pure.

A handoff tells the customer, then leaves a private note with the reason, and opens the conversation last:
whoever it is assigned to then finds everything there, and nothing is said after it (bridge rule 28).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bridge.settings import Mode
from bridge.words import Words
from kbtool.handoff import Action, Decision, Reason
from kbtool.hold import MAINTENANCE, POLICY_STALE
from kbtool.model import Answer, Hit
from kbtool.smalltalk import Smalltalk


class Kind(StrEnum):
    """`REPLY` is seen by the customer, `NOTE` by people only, `OPEN` gives the conversation to them."""

    REPLY = "reply"
    NOTE = "note"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Post:
    """One thing to do in a conversation."""

    kind: Kind
    text: str = ""


AI_UNAVAILABLE = "ai_unavailable"
NO_TEXT = "no_text"
POST_REFUSED = "post_refused"
INTERNAL_ERROR = "internal_error"
"""Reasons for a handoff that only the bridge has, besides `kbtool.handoff.Reason`."""

_REASONS = {
    Reason.ASKED_FOR_PERSON: "the customer asked for a person",
    Reason.SENSITIVE: "what the customer wants is a person's matter",
    Reason.NO_SOURCES: "nothing in the knowledge base fits",
    Reason.NO_SCORE: "the sources came without a score",
    Reason.REFUSED: "the AI found no answer in its sources",
    Reason.BELOW_THRESHOLD: "the best source is below the threshold",
    Reason.UNSUPPORTED_FACT: "the answer names something that no source says",
    Reason.EMPTY_ANSWER: "the AI answered nothing",
    AI_UNAVAILABLE: "the AI could not be reached in time",
    NO_TEXT: "the message has no text to answer",
    POST_REFUSED: "Chatwoot did not take the reply",
    INTERNAL_ERROR: "the bridge failed on this message",
    MAINTENANCE: "the knowledge base is being embedded anew",
    POLICY_STALE: "the threshold was measured under other settings",
    Reason.DEGRADED: "the AI is answering without its sources",
    Reason.BUDGET_SPENT: "the AI's budget is spent",
}
_SOURCES_SHOWN = 3
_EXCERPT = 80


def posts_for(decision: Decision, answer: Answer, words: Words, mode: Mode) -> tuple[Post, ...]:
    """What to post for `decision`. A draft is always followed by opening: a person has to send it."""
    said = _said(decision, answer, words)
    if mode is Mode.DRAFT:
        return (Post(Kind.NOTE, "\n\n".join(_draft(decision, answer, said))), Post(Kind.OPEN))
    if decision.action is not Action.HANDOFF:
        return (Post(Kind.REPLY, said),)
    note = (f"Handed off: {because(decision.reason)}{_evidence(decision)}.", *_sources(answer.hits))
    return (Post(Kind.REPLY, words.handoff), Post(Kind.NOTE, "\n\n".join(note)), Post(Kind.OPEN))


def posts_without_answer(reason: str, detail: str, words: Words, mode: Mode) -> tuple[Post, ...]:
    """The handoff where there is no answer to decide on; `detail` is for the private note."""
    more = f" ({detail})" if detail else ""
    note = Post(Kind.NOTE, f"Handed off: {because(reason)}{more}.")
    said = () if mode is Mode.DRAFT else (Post(Kind.REPLY, words.handoff),)
    return (*said, note, Post(Kind.OPEN))


def because(reason: str) -> str:
    """The reason in words, with its name, by which it is counted."""
    return f"{_REASONS.get(reason, reason)} [{reason}]" if reason in _REASONS else reason


def _said(decision: Decision, answer: Answer, words: Words) -> str:
    """What the customer would read; empty for a handoff."""
    match decision.action:
        case Action.REPLY:
            return answer.text.strip()
        case Action.CLARIFY:
            return words.clarify
        case Action.SMALLTALK:
            return words.answer_to(Smalltalk(decision.detail))
        case Action.HANDOFF:
            return ""


def _draft(decision: Decision, answer: Answer, said: str) -> Iterator[str]:
    if said:
        yield f"Draft ({decision.action.value}{_evidence(decision)}):"
        yield said
    else:
        yield f"No draft: {because(decision.reason)}{_evidence(decision)}."
    yield from _sources(answer.hits)


def _evidence(decision: Decision) -> str:
    score = f", score {decision.score:.2f}" if decision.score is not None else ""
    is_quotable = decision.detail and decision.action is Action.HANDOFF
    return f"{score}, “{decision.detail}”" if is_quotable else score


def _sources(hits: tuple[Hit, ...]) -> Iterator[str]:
    if hits:
        yield "\n".join(("Sources:", *(f"- {source_line(hit)}" for hit in hits[:_SOURCES_SHOWN])))


def source_line(hit: Hit) -> str:
    """One source for people: place and score."""
    score = "no score" if hit.score is None else f"{hit.score:.2f}"
    place = " ".join(hit.text.split("\n", 1)[0].split())[:_EXCERPT] or hit.document_name
    return f"{place} ({score})"
