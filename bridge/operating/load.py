"""How a bridge's store stands at this moment, in numbers: for metrics and readiness. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from bridge.store.schema import IS_WAITING, conversations, deliveries, messages
from bridge.tables import stream, told


@dataclass(frozen=True, slots=True)
class Load:
    """`oldest` is the age in seconds of the oldest message that waits, None where none does; `untold` has
    channel, state and number of the alerts that are not sent yet, or were given up, `unsent` of events.
    """

    waiting: int
    unsorted: int
    leased: int
    dead: int
    oldest: float | None
    untold: Sequence[tuple[str, str, int]] = ()
    unsent: Sequence[tuple[str, int]] = ()


def measure(connection: Connection, now: float) -> Load:
    waiting = IS_WAITING
    count, first = connection.execute(
        select(func.count(), func.min(messages.c.received_at)).where(waiting)
    ).one()
    dead = _count(connection, messages.c.state == "failed")
    dead += _count(connection, deliveries.c.state == "unreadable")
    return Load(
        waiting=count,
        unsorted=_count(connection, deliveries.c.state == "new"),
        leased=_count(connection, conversations.c.owner != ""),
        dead=dead,
        oldest=None if first is None else max(0.0, now - first),
        untold=told.waiting(connection),
        unsent=stream.waiting(connection),
    )


def _count(connection: Connection, condition: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).where(condition)).scalar_one()
