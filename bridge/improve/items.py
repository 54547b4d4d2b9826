"""What the improvement queue is made of. Whatever stands in an item may leave the store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kbtool.handoff import Reason

KNOWLEDGE = frozenset({
    Reason.NO_SOURCES,
    Reason.NO_SCORE,
    Reason.REFUSED,
    Reason.BELOW_THRESHOLD,
    Reason.UNSUPPORTED_FACT,
    Reason.EMPTY_ANSWER,
})  # fmt: skip
"""Reasons of handoffs that better pages could have spared; wanting a person is not one."""


class Kind(StrEnum):
    """`UNANSWERED` is a handoff for want of knowledge, `HANDOFF` any other."""

    EDITED = "edited"
    DISCARDED = "discarded"
    UNANSWERED = "unanswered"
    HANDOFF = "handoff"
    RATING = "rating"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that came up, in the turn of `message`. Texts are without addresses and numbers.

    `section` is the nearest one of the AI's sources then, `sources` all of them. `answer` is what the AI
    wrote, `human` what people answered. `reason` is a handoff's, or the person's who discarded. `distance` is
    the share of a draft that was changed, `agent` who dealt with it (Chatwoot's id), `rating` 1 to 5 with the
    customer's `words`; each empty where there is none.
    """

    kind: Kind
    account: int
    conversation: int
    message: int
    at: float
    question: str
    reason: str = ""
    section: str = ""
    sources: tuple[str, ...] = ()
    answer: str = ""
    human: str = ""
    distance: float | None = None
    agent: int = 0
    rating: int = 0
    words: str = ""

    @property
    def key(self) -> tuple[str, int, int]:
        """By which it is known to have been seen to."""
        return self.kind.value, self.account, self.message
