"""People signed in to the review page. What stands here is of no use without the cookie (`sealing.py`)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from bridge.store.schema import sessions


@dataclass(frozen=True, slots=True)
class Row:
    """`id` is a digest of what the cookie holds, `token` the agent's, encrypted. `ends_at` in seconds."""

    id: str
    agent: int
    name: str
    token: bytes
    ends_at: float


def add(connection: Connection, row: Row) -> None:
    values = {"id": row.id, "agent": row.agent, "name": row.name[:200], "token": row.token}
    connection.execute(insert(sessions), values | {"ends_at": row.ends_at})


def get(connection: Connection, digest: str, now: float) -> Row | None:
    """None where there is none, or not any more."""
    query = select(sessions).where(sessions.c.id == digest, sessions.c.ends_at > now)
    row = connection.execute(query).one_or_none()
    return Row(row.id, row.agent, row.name, row.token, row.ends_at) if row else None


def end(connection: Connection, digest: str) -> None:
    """With it the agent's token is gone from the store."""
    connection.execute(delete(sessions).where(sessions.c.id == digest))
