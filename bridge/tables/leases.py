"""Who works on which conversation: one bridge at a time, and what a dead one had is free within seconds.

A bridge claims a conversation by writing its name there. It says that it lives by its row in `replicas`, one
write for all its conversations together, by the database's clock. Every
later write of a turn requires the name to be there still, so that a bridge that was stopped for too long
finds out before it posts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, case, delete, func, or_, select, update

from bridge.store.schema import IS_WAITING, conversations, messages, replicas
from bridge.tables.known import OF_SUBJECT, key_of
from bridge.tables.trace import Subject

HORIZON = 600.0
"""Seconds. Nothing is put off so far: what is due later than this was written before the clock went back."""


class LeaseLost(Exception):
    """Another bridge has the conversation: nothing more of this turn may be said or written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A conversation that this bridge works on. `attempts` is how often its next turn has failed."""

    subject: Subject
    attempts: int


_MINE = and_(OF_SUBJECT, conversations.c.owner == bindparam("its_owner"))
_TAKE = update(conversations).where(OF_SUBJECT).values(owner=bindparam("to_owner"), due_at=None)
_WAITS = (
    select(messages.c.id)
    .where(
        messages.c.bot == conversations.c.bot,
        messages.c.account == conversations.c.account,
        messages.c.conversation == conversations.c.id,
        IS_WAITING,
    )
    .correlate(conversations)
    .exists()
)
_DUE_IF_WAITING = case((_WAITS, bindparam("to_due_at", type_=conversations.c.due_at.type)), else_=None)
_LET_GO = update(conversations).where(_MINE).values(owner="", attempts=0, due_at=_DUE_IF_WAITING)
_POSTPONE = (
    update(conversations)
    .where(_MINE)
    .values(owner="", attempts=conversations.c.attempts + 1, due_at=bindparam("to_due_at"))
)
_OWNER = select(conversations.c.owner).where(OF_SUBJECT).with_for_update()
_LIVES = (
    select(replicas.c.id)
    .where(replicas.c.id == bindparam("me"))
    .with_for_update(read=True, key_share=True)  # held against being taken for dead, not against a beat
)
_FREED = {"owner": "", "due_at": 0.0}
_CLOCK = func.extract("epoch", func.clock_timestamp())
"""The database's own: those of the machines may differ."""


def claim(connection: Connection, me: str, bots: Collection[str], now: float, limit: int) -> list[Lease]:
    """Up to `limit` conversations whose turn is due and that nobody works on, the longest due first.

    None where the others have taken this bridge for dead: what it claimed after that, nobody would free.
    """
    if _is_shared(connection) and connection.execute(_LIVES, {"me": me}).one_or_none() is None:
        return []
    c = conversations.c
    query = (
        select(c.bot, c.account, c.id, c.attempts)
        .where(
            or_(c.due_at <= now, c.due_at > now + HORIZON),
            c.owner == "",
            c.bot.in_(bots),
        )
        .order_by(c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = [
        Lease(Subject(row.bot, row.account, row.id), row.attempts) for row in connection.execute(query)
    ]
    if claimed:
        connection.execute(_TAKE, [key_of(one.subject) | {"to_owner": me} for one in claimed])
    return claimed


def next_due(connection: Connection, bots: Collection[str]) -> float | None:
    """When the next conversation can be claimed; None where none waits."""
    c = conversations.c
    due: float | None = connection.execute(
        select(func.min(c.due_at)).where(c.owner == "", c.bot.in_(bots))
    ).scalar_one()
    return due


def require(connection: Connection, subject: Subject, me: str) -> None:
    """Raises LeaseLost unless the conversation is this bridge's still; it is until the transaction ends."""
    if connection.execute(_OWNER, key_of(subject)).scalar_one_or_none() != me:
        raise LeaseLost


def let_go(connection: Connection, subject: Subject, me: str, now: float) -> None:
    """Free again; due at once where another of its messages waits. Raises LeaseLost.

    The row is locked by a statement of its own. A statement that had to wait for the row reads its subqueries
    as of before it waited (PostgreSQL, "Read Committed"): it would not see the message that was sorted
    meanwhile, and nothing would wake the conversation for it.
    """
    require(connection, subject, me)
    values = {"its_owner": me, "to_due_at": now}
    if connection.execute(_LET_GO, key_of(subject) | values).rowcount != 1:
        raise LeaseLost


def postpone(connection: Connection, subject: Subject, me: str, due_at: float) -> None:
    """Free again, due at `due_at`, one attempt more. Raises LeaseLost."""
    values = {"its_owner": me, "to_due_at": due_at}
    if connection.execute(_POSTPONE, key_of(subject) | values).rowcount != 1:
        raise LeaseLost


def release_all(connection: Connection) -> None:
    """Nobody works on anything: for the start of the only bridge of a store."""
    connection.execute(update(conversations).where(conversations.c.owner != "").values(_FREED))


def join(connection: Connection, me: str) -> None:
    """This bridge begins to live on a shared store."""
    connection.execute(replicas.insert().values(id=me, seen_at=_CLOCK))


def beat(connection: Connection, me: str, seconds: float) -> bool:
    """This bridge lives: False where the others have taken it for dead, and its conversations from it.

    What bridges had that have not said so for `seconds` is free from now on. Called several times in those.
    """
    if not connection.execute(update(replicas).where(replicas.c.id == me).values(seen_at=_CLOCK)).rowcount:
        return False
    is_dead = replicas.c.seen_at < _CLOCK - seconds
    dead = connection.execute(select(replicas.c.id).where(is_dead).with_for_update(skip_locked=True))
    if names := dead.scalars().all():
        leave(connection, *names)
    return True


def leave(connection: Connection, *names: str) -> None:
    """These bridges work no more; what they had is free."""
    connection.execute(update(conversations).where(conversations.c.owner.in_(names)).values(_FREED))
    connection.execute(delete(replicas).where(replicas.c.id.in_(names)))


def _is_shared(connection: Connection) -> bool:
    """Whether other bridges may work on the store: those on a file are alone, and have no row."""
    return connection.dialect.name == "postgresql"
