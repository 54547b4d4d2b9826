"""Why a conversation goes to a person: what the customer is told, what people read, who is called. A table.

Reasons are words, by which handoffs are counted; those of `kbtool.handoff` come from the decision, the others
from the bridge. A reason that stands in no row is told as any handoff is, under its own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bridge.speech.words import Words
from kbtool.handoff import Reason
from kbtool.hold import MAINTENANCE, POLICY_STALE

AI_UNAVAILABLE = "ai_unavailable"
QUOTA_SPENT = "quota_spent"
BUDGET_SPENT = "budget_spent"
RATE_LIMITED = "rate_limited"
NO_TEXT = "no_text"
UNHEARD = "voice"
CANNOT_REPLY = "cannot_reply"
POST_REFUSED = "post_refused"
NOT_DELIVERED = "not_delivered"
UNANSWERED = "unanswered"
INTERNAL_ERROR = "internal_error"
SENSITIVE = "sensitive"
DEGRADED = "degraded"


class Tell(StrEnum):
    """Which of `Words` the customer reads; `NOTHING` where a reply cannot reach them, or they had one."""

    HANDOFF = "handoff"
    URGENT = "urgent"
    DEGRADED = "degraded"
    UNHEARD = "unheard"
    UNSEEN = "unseen"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Because:
    """One reason. `why` continues "Handed off: ".

    `is_urgent`: whoever is on call is pinged. `priority` is Chatwoot's for the conversation, "" none.
    """

    why: str
    tell: Tell = Tell.HANDOFF
    is_urgent: bool = False
    priority: str = ""

    def sentence(self, words: Words) -> str:
        """What the customer is told; "" for nothing."""
        return "" if self.tell is Tell.NOTHING else str(getattr(words, self.tell.value))


_ROWS: Mapping[str, Because] = {
    Reason.ASKED_FOR_PERSON: Because("the customer asked for a person"),
    Reason.NO_SOURCES: Because("nothing in the knowledge base fits"),
    Reason.NO_SCORE: Because("the sources came without a score"),
    Reason.REFUSED: Because("the AI found no answer in its sources"),
    Reason.BELOW_THRESHOLD: Because("the best source is below the threshold"),
    Reason.UNSUPPORTED_FACT: Because("the answer names something that no source says"),
    Reason.EMPTY_ANSWER: Because("the AI answered nothing"),
    SENSITIVE: Because(
        "this is for a person, whatever the score", Tell.URGENT, is_urgent=True, priority="urgent"
    ),
    DEGRADED: Because("the AI answers without its sources", Tell.DEGRADED),
    AI_UNAVAILABLE: Because("the AI could not be reached in time", Tell.DEGRADED),
    QUOTA_SPENT: Because("the AI provider's quota is used up", Tell.DEGRADED),
    BUDGET_SPENT: Because("the month's budget for answers is spent"),
    RATE_LIMITED: Because("more was asked than the limit for an hour allows"),
    MAINTENANCE: Because("the knowledge base is being embedded anew", Tell.DEGRADED),
    POLICY_STALE: Because("the threshold was measured under other settings"),
    NO_TEXT: Because("the message has no text to answer", Tell.UNSEEN),
    UNHEARD: Because("a voice message without a transcript", Tell.UNHEARD),
    CANNOT_REPLY: Because("the channel takes no reply any more", Tell.NOTHING),
    POST_REFUSED: Because("Chatwoot did not take the reply", Tell.NOTHING),
    NOT_DELIVERED: Because("the channel did not deliver the reply", Tell.NOTHING),
    UNANSWERED: Because("nobody has answered the customer"),
    INTERNAL_ERROR: Because("the bridge failed on this message", Tell.DEGRADED),
}


def because_of(reason: str) -> Because:
    """The row of a reason."""
    return _ROWS.get(reason) or Because(reason.replace("_", " "))


def because(reason: str) -> str:
    """The reason in words, with its name, by which it is counted."""
    return f"{because_of(reason).why} [{reason}]"
