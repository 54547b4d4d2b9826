"""Five questions whose top score is known: whether the app still searches as when the threshold was measured.

A threshold means something only under the settings it was measured under, and who changes those in Dify does
not tell us. So a few golden questions are kept with the policy, each with the score and a mark of the chunk
that came first. Asked again through the app, the same chunk with another score says that models or settings
changed; another chunk says that pages did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from kbtool.errors import ServiceError
from kbtool.model import Answer, Question
from kbtool.script import fold

WANTED = 5
TOLERANCE = 0.03
"""How far a score may move by itself: an approximate index, or word statistics after an edited page."""
USER = "kbtool-canary"


class Chat(Protocol):
    """Who answers: a `DifyClient`."""

    async def chat(self, question: Question, *, user: str, conversation_id: str = "") -> Answer: ...


@dataclass(frozen=True, slots=True)
class Canary:
    """A question with the score and the mark of the chunk that came first for it."""

    question: str
    score: float
    chunk: str


class Seen(StrEnum):
    """What became of one canary: `MOVED` is the same chunk at another score, `OTHER` another chunk."""

    SAME = "same"
    MOVED = "moved"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Drift:
    """What the canaries say. `scores` are (question, score then, score now), of those that moved."""

    seen: tuple[Seen, ...]
    scores: tuple[tuple[str, float, float], ...] = ()

    @property
    def is_stale(self) -> bool:
        """The policy holds no more: fewer than half of those that could be asked are as they were."""
        asked = [one for one in self.seen if one is not Seen.UNKNOWN]
        return bool(asked) and 2 * asked.count(Seen.SAME) < len(asked)

    @property
    def is_known(self) -> bool:
        """Whether enough could be asked to say anything."""
        return 2 * self.seen.count(Seen.UNKNOWN) < len(self.seen)

    @property
    def has_moved(self) -> bool:
        """Other settings or models, not only other pages: most of the unchanged chunks score otherwise."""
        moved, same = self.seen.count(Seen.MOVED), self.seen.count(Seen.SAME)
        return moved >= 2 and moved > same

    @property
    def sentence(self) -> str:
        """For a log, an alert and a report; without the questions, which may quote a customer."""
        counts = ", ".join(f"{self.seen.count(one)} {one.value}" for one in Seen if one in self.seen)
        moved = "; ".join(f"{then:.2f} → {now:.2f}" for _, then, now in self.scores)
        return f"{len(self.seen)} canary questions: {counts or 'none'}" + (f" ({moved})" if moved else "")


def mark(text: str) -> str:
    """What a chunk is known by: its words, not its id, which changes with every ingest."""
    return hashlib.sha256(fold(text).encode()).hexdigest()[:12]


def compare(canary: Canary, score: float | None, chunk: str) -> Seen:
    """`score` and `chunk` (a mark) of what comes first now; None and "" where nothing does."""
    if chunk != canary.chunk or score is None:
        return Seen.OTHER
    return Seen.SAME if abs(score - canary.score) <= TOLERANCE else Seen.MOVED


def drift(canaries: Sequence[Canary], now: Sequence[tuple[float | None, str] | None]) -> Drift:
    """`now` has score and chunk mark for each canary, None for one that could not be asked."""
    seen = [
        Seen.UNKNOWN if one is None else compare(canary, *one)
        for canary, one in zip(canaries, now, strict=True)
    ]
    scores = [
        (canary.question, canary.score, one[0])
        for canary, one, said in zip(canaries, now, seen, strict=True)
        if said is Seen.MOVED and one is not None and one[0] is not None
    ]
    return Drift(tuple(seen), tuple(scores))


async def check(chat: Chat, canaries: Sequence[Canary]) -> Drift:
    """Ask the canaries through the app, one after the other, each in a conversation of its own.

    Never raises for a server that fails: what could not be asked is unknown, and that proves nothing.
    """
    return drift(canaries, [await _ask(chat, canary) for canary in canaries])


async def _ask(chat: Chat, canary: Canary) -> tuple[float | None, str] | None:
    try:
        answer = await chat.chat(Question(canary.question), user=USER)
    except ServiceError:
        return None
    return (answer.hits[0].score, mark(answer.hits[0].text)) if answer.hits else (None, "")
