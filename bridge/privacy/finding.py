"""Whose is what: a contact's conversations, and the rows of every table that are theirs.

A contact is known by the number that Chatwoot gives it, as the sender of a message. When words are forgotten
that number goes too (`retention.py`): what is left then is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, or_, select

from bridge.events import Role, parse
from bridge.store.personal import HELD, By
from bridge.store.schema import conversations, deliveries, messages, turns
from bridge.tables.trace import Subject
from kbtool.errors import ConfigError

NEW = "new"
_NOBODY = (-1, 0)


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a request is about: a contact, or with `conversation` one conversation. `account` 0 means any."""

    contact: int = 0
    conversation: int = 0
    account: int = 0

    @property
    def name(self) -> str:
        return f"contact {self.contact}" if self.contact else f"conversation {self.conversation}"


@dataclass(frozen=True, slots=True)
class Found:
    """Their conversations (`message` 0) in one order, and the contacts who wrote in them as
    (account, contact). `is_all`: whatever else these contacts wrote is theirs too.
    """

    subjects: tuple[Subject, ...]
    contacts: tuple[tuple[int, int], ...]
    is_all: bool


def find(connection: Connection, who: Who) -> Found:
    """Raises ConfigError where a conversation's number is in several accounts and none was named."""
    if who.contact:
        accounts = {who.account} if who.account else _accounts(connection)
        contacts = tuple((account, who.contact) for account in sorted(accounts))
        return Found(_of_contact(connection, who), contacts, is_all=True)
    subjects = _of_conversation(connection, who)
    writers = {one for subject in subjects for one in _writers(connection, subject)}
    return Found(subjects, tuple(sorted(writers)), is_all=False)


def condition(table: Table, subject: Subject) -> ColumnElement[bool]:
    """The rows of the table that are the conversation's; for tables that tell by a column."""
    c = table.c
    here = and_(c.bot == subject.bot, c.account == subject.account)
    if HELD[table].by is By.TURN:
        its = select(turns.c.message).where(
            turns.c.bot == subject.bot,
            turns.c.account == subject.account,
            turns.c.conversation == subject.conversation,
        )
        said = select(messages.c.id).where(
            messages.c.bot == subject.bot,
            messages.c.account == subject.account,
            messages.c.conversation == subject.conversation,
        )
        return and_(here, or_(c.message.in_(its), c.message.in_(said)))
    number = c.id if table is conversations else c.conversation
    return and_(here, number == subject.conversation)


def tables() -> Iterator[tuple[Table, By]]:
    """Those that hold anything by conversation; links first, since others are found through them."""
    yield from ((table, held.by) for table, held in HELD.items() if held.by in {By.CONVERSATION, By.TURN})


def rows(connection: Connection, table: Table, subject: Subject) -> Sequence[Row[Any]]:
    key = list(table.primary_key.columns)
    return connection.execute(select(table).where(condition(table, subject)).order_by(*key)).all()


@dataclass(frozen=True, slots=True)
class Body:
    """A delivery that is kept whole. `is_theirs` is None, as `place`, where nobody can tell whose it is."""

    number: int
    state: str
    body: bytes
    place: Subject | None
    is_theirs: bool | None


def bodies(connection: Connection, found: Found) -> list[Body]:
    """The deliveries whose bodies are there: those that wait to be sorted, and those nobody could read."""
    query = select(deliveries).where(deliveries.c.body.is_not(None)).order_by(deliveries.c.id)
    return [_body(row, found) for row in connection.execute(query)]


def _body(row: Row[Any], found: Found) -> Body:
    event = parse(row.body)
    seen = event.conversation if event else None
    if event is None or seen is None:
        return Body(row.id, row.state, row.body, None, None)
    place = Subject(row.bot, seen.account_id, seen.id)
    writers = {seen.contact_id}
    if event.message is not None and event.message.role is Role.CUSTOMER:
        writers.add(event.message.contact_id)
    wrote = found.is_all and any((seen.account_id, one) in found.contacts for one in writers)
    return Body(row.id, row.state, row.body, place, place in found.subjects or wrote)


def _of_contact(connection: Connection, who: Who) -> tuple[Subject, ...]:
    m = messages.c
    wrote = and_(m.contact == who.contact, m.role == Role.CUSTOMER.value)
    if who.account:
        wrote = and_(wrote, m.account == who.account)
    query = select(m.bot, m.account, m.conversation).where(wrote).distinct()
    return tuple(sorted(_subjects(connection.execute(query)), key=_order))


def _of_conversation(connection: Connection, who: Who) -> tuple[Subject, ...]:
    """Several bots may hear of one conversation; its number is one in its account only."""
    c, m = conversations.c, messages.c
    known = select(c.bot, c.account, c.id.label("conversation")).where(c.id == who.conversation)
    said = select(m.bot, m.account, m.conversation).where(m.conversation == who.conversation).distinct()
    found = _subjects([*connection.execute(known), *connection.execute(said)])
    found = {one for one in found if who.account in {0, one.account}}
    accounts = sorted({one.account for one in found})
    if len(accounts) > 1:
        raise ConfigError(
            f"conversation {who.conversation} is in several accounts: {', '.join(map(str, accounts))}",
            hint=f"Say which: --account {accounts[0]}",
        )
    return tuple(sorted(found, key=_order))


def _writers(connection: Connection, subject: Subject) -> Iterator[tuple[int, int]]:
    m = messages.c
    query = select(m.contact).where(condition(messages, subject), m.role == Role.CUSTOMER.value).distinct()
    yield from (
        (subject.account, contact)
        for contact in connection.execute(query).scalars()
        if contact not in _NOBODY
    )


def _accounts(connection: Connection) -> set[int]:
    return set(connection.execute(select(conversations.c.account).distinct()).scalars())


def _subjects(found: Sequence[Row[Any]] | Any) -> set[Subject]:
    return {Subject(row.bot, row.account, row.conversation) for row in found}


def _order(subject: Subject) -> tuple[str, int, int]:
    return subject.bot, subject.account, subject.conversation
