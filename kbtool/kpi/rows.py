"""What figures are computed from: plain rows without anybody's words. Times are seconds since 1970.

A conversation is `(account, number)`: Chatwoot numbers them by account, and counts messages for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

Conversation = tuple[int, int]


class By(StrEnum):
    """Who said it. `AI`: an answer of ours, not the sentence that hands over."""

    CUSTOMER = "customer"
    PERSON = "person"
    AI = "ai"


class Said(NamedTuple):
    """A message that the customer wrote or saw, by Chatwoot's clock. `contact` is the customer's id, 0
    unknown or somebody else's message.
    """

    conversation: Conversation
    id: int
    at: float
    by: By
    contact: int = 0


class Decided(NamedTuple):
    """What became of a customer's message, in the words of decisions."""

    conversation: Conversation
    message: int
    at: float
    action: str
    reason: str


class Closed(NamedTuple):
    """A conversation was resolved."""

    conversation: Conversation
    at: float


class Rated(NamedTuple):
    """A rating from 1 to 5; `at` is when it was asked for, which Chatwoot does as a conversation closes."""

    conversation: Conversation
    at: float
    rating: int


class Fate(StrEnum):
    """What a person made of a draft. `OTHER`: wrote something else instead."""

    SENT = "sent"
    EDITED = "edited"
    DISCARDED = "discarded"
    OTHER = "other"


class Drafted(NamedTuple):
    """A draft that a person has dealt with."""

    at: float
    fate: Fate


@dataclass(frozen=True, slots=True)
class Spent:
    """What the answers of a month cost. `unpriced` of them are of unknown cost, which is not none.

    `conversations` are those in which the AI was asked. `money` is by currency.
    """

    month: str
    conversations: int = 0
    answers: int = 0
    unpriced: int = 0
    tokens: int = 0
    untold: int = 0
    money: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rows:
    """All that figures need. In any order; a message twice counts once."""

    said: Sequence[Said] = ()
    decided: Sequence[Decided] = ()
    closed: Sequence[Closed] = ()
    rated: Sequence[Rated] = ()
    drafted: Sequence[Drafted] = ()
    spent: Spent | None = None
