"""Erase what the bridge holds of a contact, while it works: words and links go, counts stay.

What is left of a conversation is what retention leaves of an old one: that there were messages, when, and
what was decided. A conversation in which something is being answered is left as it is: its customer would
otherwise never hear of it. The same call later finishes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Table,
    Update,
    and_,
    delete,
    func,
    literal,
    select,
    update,
)

from bridge.privacy.finding import NEW, Found, bodies, condition, tables
from bridge.store.personal import HELD, blank, holds
from bridge.store.schema import IS_WAITING, conversations, deliveries, drafts, messages, posts
from bridge.tables.drafts import State as DraftState
from bridge.tables.outbox import State as PostState
from bridge.tables.trace import Subject

IN_HAND = "the bridge is answering it at this moment"
WAITS = "a message in it waits for its answer"
SENDING = "something is being sent in it"
UNSORTED = "deliveries of it wait to be sorted"


@dataclass(frozen=True, slots=True)
class Left:
    """A conversation that was left as it is, and why."""

    subject: Subject
    why: str


@dataclass(frozen=True, slots=True)
class Erased:
    """`rows` are those that were changed or taken out, by table; none where nothing was left to erase."""

    conversations: int
    rows: dict[str, int] = field(default_factory=dict)
    left: tuple[Left, ...] = ()


def begin(connection: Connection) -> None:
    """For `erase`, before anything else in the transaction: a file's only writer at once, and with zeros over
    what is deleted.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def plan(connection: Connection, found: Found, *, unanswered: bool = False) -> Erased:
    """What `erase` would do now; nothing is changed."""
    done, left = _apart(connection, found, unanswered=unanswered)
    counts = {
        table.name: sum(_count(connection, table, subject) for subject in done)
        for table, _ in tables()
        if blank(table)
    }
    counts[deliveries.name] = len(_unread(connection, found))
    return _erased(done, counts, left)


def erase(connection: Connection, found: Found, *, unanswered: bool = False) -> Erased:
    """Erase it, in the connection's transaction. Called again, it finds nothing to do.

    With `unanswered` messages that wait for an answer are erased too; people get what is pending then, within
    `unanswered_minutes`, as whatever nobody has answered. The conversations are locked first, so that no
    bridge begins with one of them meanwhile.
    """
    for subject in found.subjects:
        its = select(conversations.c.id).where(condition(conversations, subject))
        connection.execute(its.with_for_update())
    done, left = _apart(connection, found, unanswered=unanswered)
    counts: Counter[str] = Counter()
    for subject in done:
        _end(connection, subject)
        for table, _ in tables():
            if values := blank(table):
                its_rows = and_(condition(table, subject), holds(table))
                change: Delete | Update = delete(table) if HELD[table].goes else update(table).values(values)
                counts[table.name] += connection.execute(change.where(its_rows)).rowcount
    if unread := _unread(connection, found):
        its_bodies = update(deliveries).where(deliveries.c.id.in_(unread)).values(blank(deliveries))
        counts[deliveries.name] += connection.execute(its_bodies).rowcount
    return _erased(done, counts, left)


def _apart(
    connection: Connection, found: Found, *, unanswered: bool
) -> tuple[list[Subject], tuple[Left, ...]]:
    """What can be erased now, and what cannot."""
    new = [one.place for one in bodies(connection, found) if one.state == NEW and one.is_theirs]
    unsorted = {place: UNSORTED for place in new if place is not None}
    whys = {one: _why(connection, one, unanswered=unanswered) for one in found.subjects} | unsorted
    left = tuple(Left(subject, why) for subject, why in whys.items() if why)
    return [subject for subject, why in whys.items() if not why], left


def _why(connection: Connection, subject: Subject, *, unanswered: bool) -> str:
    """Why the conversation cannot be erased now; "" where it can."""

    def has(table: Table, *more: ColumnElement[bool]) -> bool:
        query = select(literal(1)).select_from(table).where(condition(table, subject), *more).limit(1)
        return connection.execute(query).one_or_none() is not None

    if has(conversations, conversations.c.owner != ""):
        return IN_HAND
    if has(posts, posts.c.state == PostState.SENDING) or has(drafts, drafts.c.state == DraftState.SENDING):
        return SENDING
    return WAITS if not unanswered and has(messages, IS_WAITING) else ""


def _end(connection: Connection, subject: Subject) -> None:
    """Nothing of the conversation is due any more, and no draft of it can be sent: it has no words."""
    connection.execute(update(messages).where(condition(messages, subject), IS_WAITING).values(state="done"))
    connection.execute(
        update(conversations).where(condition(conversations, subject)).values(due_at=None, attempts=0)
    )
    is_open = drafts.c.state == DraftState.OPEN.value
    connection.execute(
        update(drafts).where(condition(drafts, subject), is_open).values(state=DraftState.SUPERSEDED.value)
    )


def _unread(connection: Connection, found: Found) -> list[int]:
    """Deliveries that nobody could read: the contact's, and those of which nobody can tell whose they are."""
    return [
        one.number for one in bodies(connection, found) if one.state != NEW and one.is_theirs is not False
    ]


def _count(connection: Connection, table: Table, subject: Subject) -> int:
    query = select(func.count()).select_from(table).where(condition(table, subject), holds(table))
    return int(connection.execute(query).scalar_one())


def _erased(done: Sequence[Subject], counts: Mapping[str, int], left: tuple[Left, ...]) -> Erased:
    return Erased(len(done), {name: count for name, count in counts.items() if count}, left)
