"""What happened to each message, for people: rows written in the transactions that they tell of.

A trace row never holds a customer's words or an answer's; those are in `messages` and `posts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from bridge.store.schema import trace

_INSERT = insert(trace)


class Step(StrEnum):
    DELIVERY = "delivery"
    FILTER = "filter"
    ASK = "ask"
    SOURCES = "sources"
    DECISION = "decision"
    POST = "post"
    HANDOFF = "handoff"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Subject:
    """A message in its conversation; `message` 0 where an event is about the conversation itself."""

    bot: str
    account: int
    conversation: int
    message: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that happened: a sentence for people, and facts for machines in `detail`."""

    step: Step
    text: str
    detail: dict[str, Any]


def note(step: Step, text: str, **detail: Any) -> Note:
    return Note(step, text, detail)


def record(connection: Connection, subject: Subject, at: float, *notes: Note) -> None:
    rows = [
        {
            "bot": subject.bot,
            "account": subject.account,
            "conversation": subject.conversation,
            "message": subject.message or None,
            "at": at,
            "step": one.step.value,
            "text": one.text,
            "detail": one.detail,
        }
        for one in notes
    ]
    if rows:
        connection.execute(_INSERT, rows)


def of_conversation(connection: Connection, account: int, conversation: int) -> list[dict[str, Any]]:
    """The rows of one conversation in the order in which they were written, ready for JSON."""
    query = (
        select(trace)
        .where(trace.c.account == account, trace.c.conversation == conversation)
        .order_by(trace.c.id)
    )
    return [
        {
            "message_id": row.message,
            "at": datetime.fromtimestamp(row.at, UTC).isoformat(timespec="milliseconds"),
            "step": row.step,
            "text": row.text,
            "detail": row.detail,
        }
        for row in connection.execute(query)
    ]
