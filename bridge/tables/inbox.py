"""Deliveries: kept before anything else is done with them, each once.

Chatwoot repeats a delivery with the same id (two more attempts, 3 s apart); the same message can also come
under several ids. The first kind ends here, the second where messages are kept (`intake.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from bridge.store.schema import deliveries, insert_new

_SET_SORTED = (
    update(deliveries).where(deliveries.c.id == bindparam("number")).values(state="sorted", body=None)
)
_UNSORTED = (
    select(deliveries.c.id, deliveries.c.bot, deliveries.c.at, deliveries.c.body)
    .where(deliveries.c.state == "new")
    .order_by(deliveries.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


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
    """The oldest deliveries that nothing was made of yet, but for those that another bridge has in hand."""
    rows = connection.execute(_UNSORTED, {"most": limit})
    return [Delivery(row.id, row.bot, row.at, row.body) for row in rows]


def set_sorted(connection: Connection, numbers: Sequence[int]) -> None:
    """Nothing is left to do with them, and their bodies, which hold a contact's credential, go."""
    connection.execute(_SET_SORTED, [{"number": number} for number in numbers])


def set_unreadable(connection: Connection, number: int) -> None:
    """Authentic, and not understood: kept whole, for a while, for whoever finds out why."""
    connection.execute(update(deliveries).where(deliveries.c.id == number).values(state="unreadable"))
