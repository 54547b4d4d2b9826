"""What of the improvement queue somebody has seen to: that does not come up again, what is new does."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from bridge.store.schema import handled, insert_new

Key = tuple[str, int, int]
"""Kind, account and message of what was seen to."""


def add(connection: Connection, keys: Iterable[Key], by: str, at: float) -> int:
    """Mark them as seen to `by` what was made of them; how many were not yet."""
    rows = [{"kind": kind, "account": account, "message": message} for kind, account, message in keys]
    return sum(insert_new(connection, handled, row | {"at": at, "by": by}) for row in rows)


def every(connection: Connection) -> frozenset[Key]:
    query = select(handled.c.kind, handled.c.account, handled.c.message)
    return frozenset((row.kind, row.account, row.message) for row in connection.execute(query))
