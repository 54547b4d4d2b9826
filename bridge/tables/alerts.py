"""What an operator must know of: one row and one log line each, which senders and event streams read.

The same trouble is told once in a while (`QUIET`), under its `key`; what is told never holds a customer's
words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text

from bridge import log
from bridge.store import Store
from bridge.store.schema import alerts
from kbtool.notify import Level, Message

QUIET = 3600.0
"""Seconds for which an alert of the same key is not told again."""
APART = 2 * QUIET
"""Seconds after which the same key is another trouble."""
_FAR = 200
_ITS_TURN = text("SELECT pg_advisory_xact_lock(7246583, hashtext(:key))")


@dataclass(frozen=True, slots=True)
class Alert:
    """A message that was raised; `number` grows, so that a reader knows where it stopped."""

    number: int
    at: float
    message: Message


async def raise_alert(store: Store, message: Message, now: float, quiet: float = QUIET) -> bool:
    """Keep and log it; False where the same was told within `quiet` seconds."""
    is_new = await store.write(lambda connection: keep(connection, message, now, quiet))
    if is_new:
        log.problem("alert", key=message.key, level=message.level.value, subject=message.subject)
    return is_new


def keep(connection: Connection, message: Message, now: float, quiet: float = QUIET) -> bool:
    """The row alone, for a transaction that holds what the alert is about.

    Of bridges that share a store, one at a time tells of a key: none sees what another is about to tell.
    """
    same = select(alerts.c.id).where(alerts.c.key == message.key, alerts.c.at > now - quiet).limit(1)
    if connection.execute(same).one_or_none() is not None:
        return False
    if connection.dialect.name == "postgresql":
        connection.execute(_ITS_TURN, {"key": message.key})
        if connection.execute(same).one_or_none() is not None:
            return False
    row = {
        "at": now,
        "key": message.key,
        "level": message.level.value,
        "subject": message.subject,
        "lines": list(message.lines),
        "details": dict(message.details),
    }
    connection.execute(insert(alerts), row)
    return True


def since(connection: Connection, alert: Alert) -> float:
    """When the trouble began: the same key was raised again and again, never more than `APART` apart."""
    query = select(alerts.c.at).where(alerts.c.key == alert.message.key, alerts.c.id < alert.number)
    begun = alert.at
    for at in connection.execute(query.order_by(alerts.c.id.desc()).limit(_FAR)).scalars():
        if begun - at > APART:
            break
        begun = at
    return begun


def alert_of(row: Row[Any]) -> Alert:
    """From a row that has the columns of the table."""
    message = Message(row.subject, tuple(row.lines), Level(row.level), row.key, dict(row.details))
    return Alert(row.id, row.at, message)


def after(connection: Connection, number: int, limit: int = 100) -> Sequence[Alert]:
    """The alerts behind that number, oldest first."""
    query = select(alerts).where(alerts.c.id > number).order_by(alerts.c.id).limit(limit)
    return [alert_of(row) for row in connection.execute(query)]
