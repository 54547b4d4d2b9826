"""What a decision says and does in Chatwoot: the posts of a turn, in order. Pure.

posts.py      one thing to do in a conversation, and how it is kept
reasons.py    why a conversation goes to a person: what the customer, people and an operator are told
notes.py      what people read: the draft, or why it was handed over and with what
sequence.py   a decision → its posts
"""

from __future__ import annotations

from bridge.speech.notes import place_of, source_line
from bridge.speech.posts import SAID, WRITTEN, Kind, Post, choices
from bridge.speech.reasons import (
    AI_UNAVAILABLE,
    BUDGET_SPENT,
    CANNOT_REPLY,
    INTERNAL_ERROR,
    NO_TEXT,
    NOT_DELIVERED,
    POST_REFUSED,
    QUOTA_SPENT,
    RATE_LIMITED,
    UNANSWERED,
    UNHEARD,
    Because,
    because,
    because_of,
)
from bridge.speech.sequence import (
    PLAIN,
    Manner,
    posts_for,
    posts_opened,
    posts_unsaid,
    posts_without_answer,
    said_to_customer,
)

__all__ = [
    "AI_UNAVAILABLE",
    "BUDGET_SPENT",
    "CANNOT_REPLY",
    "INTERNAL_ERROR",
    "NOT_DELIVERED",
    "NO_TEXT",
    "PLAIN",
    "POST_REFUSED",
    "QUOTA_SPENT",
    "RATE_LIMITED",
    "SAID",
    "UNANSWERED",
    "UNHEARD",
    "WRITTEN",
    "Because",
    "Kind",
    "Manner",
    "Post",
    "because",
    "because_of",
    "choices",
    "place_of",
    "posts_for",
    "posts_opened",
    "posts_unsaid",
    "posts_without_answer",
    "said_to_customer",
    "source_line",
]
