"""Which alert is to be told over which channel: a row for each, kept when it is sent, or lost.

A claim is written before anything is sent, and ends by itself: a bridge that dies in between leaves an alert
that is told again, under the same number, and never one that is not told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, func, select, update

from bridge.store.schema import alerts, insert_new, told
from bridge.tables.alerts import Alert, alert_of

LONGEST = 86_400.0
"""Seconds for which an alert is tried. After that it is lost, and the log says so."""


class State(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that is to be sent now; `attempts` is how often that has failed."""

    alert: Alert
    attempts: int


def expect(connection: Connection, channel: str, begun: float, now: float) -> None:
    """Have the channel told of every alert of the last `LONGEST` seconds that it has not heard of. A channel
    that was never told anything hears of what comes after `begun`.
    """
    of_channel = told.c.channel == channel
    oldest = select(func.min(alerts.c.at)).join(told, told.c.alert == alerts.c.id).where(of_channel)
    first: float | None = connection.execute(oldest).scalar_one()
    since = max(now - LONGEST, begun if first is None else first)
    is_known = select(told.c.alert).where(of_channel, told.c.alert == alerts.c.id).exists()
    new = select(alerts.c.id).where(alerts.c.at >= since, ~is_known)
    for number in connection.execute(new).scalars().all():
        row = {"channel": channel, "alert": number, "state": State.WAITING.value, "attempts": 0}
        insert_new(connection, told, row | {"due_at": now})


def claim(connection: Connection, channel: str, now: float, until: float, limit: int) -> list[Due]:
    """What is due, oldest first. Nobody else gets it before `until`."""
    is_due = and_(told.c.channel == channel, told.c.state == State.WAITING.value, told.c.due_at <= now)
    query = (
        select(alerts, told.c.attempts)
        .join(told, told.c.alert == alerts.c.id)
        .where(is_due)
        .order_by(alerts.c.id)
        .limit(limit)
        .with_for_update(of=told, skip_locked=True)
    )
    due = [Due(alert_of(row), row.attempts) for row in connection.execute(query)]
    _set(connection, channel, [one.alert.number for one in due], due_at=until)
    return due


def put_off(connection: Connection, channel: str, numbers: Collection[int], due_at: float) -> None:
    """Wait with these; nothing has failed."""
    _set(connection, channel, numbers, due_at=due_at)


def failed(connection: Connection, channel: str, one: Due, due_at: float) -> None:
    """Try again then."""
    _set(connection, channel, [one.alert.number], due_at=due_at, attempts=one.attempts + 1)


def settle(connection: Connection, channel: str, numbers: Collection[int], state: State) -> None:
    _set(connection, channel, numbers, state=state.value)


def waiting(connection: Connection) -> Sequence[tuple[str, str, int]]:
    """Channel, state and number, for the metrics: what is still to be told, and what could not be."""
    query = (
        select(told.c.channel, told.c.state, func.count())
        .where(told.c.state != State.SENT.value)
        .group_by(told.c.channel, told.c.state)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def _set(connection: Connection, channel: str, numbers: Collection[int], **values: object) -> None:
    if numbers:
        these = and_(told.c.channel == channel, told.c.alert.in_(numbers))
        connection.execute(update(told).where(these).values(**values))
