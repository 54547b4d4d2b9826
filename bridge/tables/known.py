"""The facts of conversations, kept: the table side of `conversation.Facts`.

Statements that every message needs are built once: building one takes longer than running it.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, update

from bridge.conversation import Facts
from bridge.store.schema import conversations, insert_new
from bridge.tables.trace import Subject

OF_SUBJECT = and_(
    conversations.c.bot == bindparam("its_bot"),
    conversations.c.account == bindparam("its_account"),
    conversations.c.id == bindparam("its_conversation"),
)
"""The condition on `conversations` for a subject's; its parameters are `key_of(subject)`."""

_FACTS = [field.name for field in fields(Facts)]
_SELECT = select(*(conversations.c[name] for name in _FACTS)).where(OF_SUBJECT)
_SELECT_LOCKED = _SELECT.with_for_update()
_NEW: dict[str, ColumnElement[Any]] = {name: bindparam(f"to_{name}") for name in _FACTS}
_UPDATE = update(conversations).where(OF_SUBJECT).values(_NEW)
_DUE: dict[str, ColumnElement[Any]] = {
    "due_at": func.coalesce(conversations.c.due_at, bindparam("to_due_at"))
}
_UPDATE_AND_DUE = update(conversations).where(OF_SUBJECT).values(_NEW | _DUE)
_SET_DUE = update(conversations).where(OF_SUBJECT).values(_DUE)
_EPISODE = ("episode_at", "dify_conversation", "was_clarified")
_SET_EPISODE = (
    update(conversations).where(OF_SUBJECT).values({name: bindparam(f"to_{name}") for name in _EPISODE})
)


def key_of(subject: Subject) -> dict[str, object]:
    return {
        "its_bot": subject.bot,
        "its_account": subject.account,
        "its_conversation": subject.conversation,
    }


def facts_of(connection: Connection, subject: Subject, *, locked: bool = False) -> Facts | None:
    """What is known of the subject's conversation; None where it was never heard of.

    `locked` keeps it as it is until the transaction ends, where several bridges share the store.
    """
    row = connection.execute(_SELECT_LOCKED if locked else _SELECT, key_of(subject)).one_or_none()
    return Facts(**(row._asdict() | {"labels": tuple(row.labels)})) if row else None


def add(connection: Connection, subject: Subject, facts: Facts, due_at: float | None) -> bool:
    """A conversation that was never heard of, its turn due at `due_at`; False where it was just added."""
    key = {"bot": subject.bot, "account": subject.account, "id": subject.conversation}
    return insert_new(connection, conversations, key | _values(facts) | {"due_at": due_at})


def keep(connection: Connection, subject: Subject, facts: Facts, before: Facts, due_at: float | None) -> None:
    """Write `facts` over what was known `before`; a turn is due at `due_at`, unless one is already."""
    new: dict[str, object] = {}
    statement = None
    if facts != before:
        new = {f"to_{name}": value for name, value in _values(facts).items()}
        statement = _UPDATE
    if due_at is not None:
        new["to_due_at"] = due_at
        statement = _SET_DUE if statement is None else _UPDATE_AND_DUE
    if statement is not None:
        connection.execute(statement, key_of(subject) | new)


def _values(facts: Facts) -> dict[str, object]:
    """As `asdict`, which copies deeply and takes as long as a statement."""
    return {name: getattr(facts, name) for name in _FACTS}


def keep_episode(connection: Connection, subject: Subject, facts: Facts) -> None:
    """Write what belongs to the episode only: the rest may have been learned anew meanwhile."""
    values = {f"to_{name}": getattr(facts, name) for name in _EPISODE}
    connection.execute(_SET_EPISODE, key_of(subject) | values)
