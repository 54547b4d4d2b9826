"""Events for other programs: each once in the table, whoever found it, in the order in which they are sent.

Only the front of the queue is ever claimed, and nothing while somebody has it or waits to try again. So
events arrive in order, from one bridge or several; one that died while sending is waited for until its claim
ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select, update

from bridge.store.schema import insert_new, stream
from kbtool.events import Event


class State(StrEnum):
    """`LOST`: tried for too long, or refused for good."""

    WAITING = "waiting"
    SENT = "sent"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Due:
    """An event that is to be sent now; `attempts` is how often that has failed."""

    number: int
    at: float
    body: Mapping[str, Any]
    attempts: int


def add(connection: Connection, event: Event, source: str, now: float) -> bool:
    """Keep an event; False where it is there."""
    row = {
        "event": event.id,
        "at": event.at,
        "kind": event.kind.value,
        "bot": event.data.get("bot", ""),
        "account": event.data.get("account", 0),
        "conversation": event.data.get("conversation", 0),
        "body": event.envelope(source),
        "state": State.WAITING.value,
        "attempts": 0,
        "due_at": now,
    }
    return insert_new(connection, stream, row)


def claim(connection: Connection, now: float, until: float, limit: int) -> list[Due]:
    """The oldest that wait; none while the very oldest is not due. Nobody else gets them before `until`."""
    s = stream.c
    query = (
        select(s.id, s.at, s.body, s.attempts, s.due_at)
        .where(s.state == State.WAITING.value)
        .order_by(s.id)
        .limit(limit)
        .with_for_update()
    )
    rows = connection.execute(query).all()
    if not rows or rows[0].due_at > now:
        return []
    numbers = [row.id for row in rows]
    connection.execute(update(stream).where(s.id.in_(numbers)).values(due_at=until))
    return [Due(row.id, row.at, row.body, row.attempts) for row in rows]


def settle(connection: Connection, number: int, state: State) -> None:
    connection.execute(update(stream).where(stream.c.id == number).values(state=state.value))


def put_back(connection: Connection, due: Sequence[Due], due_at: float) -> None:
    """The first of these has failed; all are tried again then."""
    first = due[0]
    numbers = [one.number for one in due]
    connection.execute(update(stream).where(stream.c.id.in_(numbers)).values(due_at=due_at))
    of_first = stream.c.id == first.number
    connection.execute(update(stream).where(of_first).values(attempts=first.attempts + 1))


def begun(connection: Connection) -> bool:
    """Whether there was ever an event."""
    return connection.execute(select(stream.c.id).limit(1)).first() is not None


def waiting(connection: Connection) -> Sequence[tuple[str, int]]:
    """State and number, for the metrics: what is still to be sent, and what could not be."""
    query = (
        select(stream.c.state, func.count())
        .where(stream.c.state != State.SENT.value)
        .group_by(stream.c.state)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]
