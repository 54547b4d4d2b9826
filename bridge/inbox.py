"""Deliveries: kept before anything else is done with them, each once.

Chatwoot repeats a delivery with the same id (two more attempts, 3 s apart); the same message can also come
under several ids. The first kind ends here, the second where messages are kept (`intake.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from bridge.schema import deliveries, insert_new

_IS_IT = deliveries.c.id == bindparam("number")
_SET_SORTED = update(deliveries).where(_IS_IT).values(state="sorted", body=None)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery that waits to be sorted. `at` is when it was received."""

    number: int
    bot: str
    at: float
    body: bytes


def accept(connection: Connection, bot: str, delivery: str, body: bytes, at: float) -> bool:
    """Keep a delivery; False where it was kept before. Without an id, the body is its own."""
    name = delivery or "sha256:" + hashlib.sha256(body).hexdigest()
    row = {"bot": bot, "delivery": name[:128], "at": at, "body": body, "state": "new"}
    return insert_new(connection, deliveries, row)


def unsorted(connection: Connection, limit: int = 100) -> Sequence[Delivery]:
    """The oldest deliveries that nothing was made of yet."""
    query = (
        select(deliveries.c.id, deliveries.c.bot, deliveries.c.at, deliveries.c.body)
        .where(deliveries.c.state == "new")
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    return [Delivery(row.id, row.bot, row.at, row.body) for row in connection.execute(query)]


def set_sorted(connection: Connection, number: int) -> None:
    """Nothing is left to do with it, and its body, which holds a contact's credential, goes."""
    connection.execute(_SET_SORTED, {"number": number})


def set_unreadable(connection: Connection, number: int) -> None:
    """Authentic, and not understood: kept whole for whoever finds out why."""
    connection.execute(update(deliveries).where(deliveries.c.id == number).values(state="unreadable"))
