"""The store's rows for the key figures, without anybody's words. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select

from bridge.events import Role
from bridge.speech.posts import SAID
from bridge.store.schema import closings, messages, posts, ratings, turns, usage
from bridge.store.visit import visit
from bridge.tables import drafts
from bridge.tables.fates import dealt
from kbtool.handoff import BY_WORDS_ALONE, Action
from kbtool.kpi.alarm import BEFORE, LEAST_NOW, WEEK
from kbtool.kpi.rows import By, Closed, Decided, Drafted, Rated, Rows, Said, Spent

MARGIN = 2 * 86_400.0
"""Seconds before the time that is asked for: what had begun there is not taken for new."""
_BEFORE = WEEK + BEFORE
"""Seconds of the past that the alarm is about."""
MOST = 100_000
"""Drafts that are counted."""
_ANSWERS = (Action.REPLY.value, Action.CLARIFY.value, Action.SMALLTALK.value)


def visited(store: Path, since: float, now: float, database: str = "") -> Rows:
    """As `rows`, of the PostgreSQL at `database` or of the file, from outside the bridge. Raises ConfigError
    where there is no store.
    """
    with visit(store, database) as connection:
        return rows(connection, since, now)


def rows(connection: Connection, since: float, now: float) -> Rows:
    """What happened since then, and a little before it."""
    begin = since - MARGIN
    return Rows(
        said=list(_said(connection, begin)),
        decided=list(_decided(connection, begin)),
        closed=[Closed((r.account, r.conversation), r.at) for r in _since(connection, closings, begin)],
        rated=_rated(connection, begin),
        drafted=list(_drafted(connection, since)),
        spent=spent(connection, now),
    )


def rated(connection: Connection, now: float) -> Rows:
    """As much as ratings of the last nine weeks need: what is not in a rated conversation is left out."""
    begin = now - _BEFORE
    given = _rated(connection, begin)
    if sum(one.at > now - WEEK for one in given) < LEAST_NOW:
        return Rows()  # nothing to alarm about, so nothing more is read
    of = {one.conversation for one in given}
    every = rows(connection, begin, now)
    return Rows(
        said=[one for one in every.said if one.conversation in of],
        decided=[one for one in every.decided if one.conversation in of],
        closed=[one for one in every.closed if one.conversation in of],
        rated=every.rated,
    )


def spent(connection: Connection, now: float) -> Spent:
    """What this month's answers cost. A route's month is its own place's; conversations are counted by UTC's,
    which differs by hours at its ends.
    """
    month = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    name = f"{month:%Y-%m}"
    costs = connection.execute(select(usage).where(usage.c.month == name)).all()
    by_words = [reason.value for reason in BY_WORDS_ALONE]
    asked = (
        select(turns.c.account, turns.c.conversation)
        .where(turns.c.at >= month.timestamp(), turns.c.at <= now, turns.c.reason.not_in(by_words))
        .distinct()
        .subquery()
    )
    money: dict[str, float] = {}
    for cost in costs:
        if cost.currency:
            money[cost.currency] = money.get(cost.currency, 0.0) + cost.money
    return Spent(
        month=name,
        conversations=connection.execute(select(func.count()).select_from(asked)).scalar_one(),
        answers=sum(cost.answers for cost in costs),
        unpriced=sum(cost.answers for cost in costs if not cost.currency),
        tokens=sum(cost.tokens for cost in costs),
        untold=sum(cost.untold for cost in costs),
        money=money,
    )


def _said(connection: Connection, begin: float) -> Iterator[Said]:
    """What customers, people and the AI said; whether a bot's message is an answer, its post says."""
    m, p, t = messages.c, posts.c, turns.c
    answered = (
        select(p.posted, p.bot, p.account)
        .join(turns, (t.bot == p.bot) & (t.account == p.account) & (t.message == p.message))
        .where(p.begun_at >= begin, p.kind.in_([kind.value for kind in SAID]), t.action.in_(_ANSWERS))
    )
    answers = {(row.account, row.posted) for row in connection.execute(answered) if row.posted is not None}
    spoken = select(m.account, m.conversation, m.id, m.at, m.role, m.contact).where(
        m.at >= begin, m.role.in_([Role.CUSTOMER.value, Role.PERSON.value, Role.BOT.value])
    )
    for row in connection.execute(spoken):
        by = _BY[row.role]
        if by is By.AI and (row.account, row.id) not in answers:
            continue
        contact = max(row.contact, 0) if by is By.CUSTOMER else 0
        yield Said((row.account, row.conversation), row.id, row.at, by, contact)


def _decided(connection: Connection, begin: float) -> Iterator[Decided]:
    for row in _since(connection, turns, begin):
        yield Decided((row.account, row.conversation), row.message, row.at, row.action, row.reason)


def _rated(connection: Connection, begin: float) -> list[Rated]:
    """Each survey once, however many bots heard of it."""
    found = {(row.account, row.message): row for row in _since(connection, ratings, begin)}
    return [Rated((row.account, row.conversation), row.at, row.rating) for row in found.values()]


def _drafted(connection: Connection, since: float) -> Iterator[Drafted]:
    for draft in drafts.decided(connection, since, MOST):
        if draft.decided_at is not None and (found := dealt(draft)) is not None:
            yield Drafted(draft.decided_at, found.fate)


def _since(connection: Connection, table: Table, begin: float) -> Sequence[Row[Any]]:
    return connection.execute(select(table).where(table.c.at >= begin)).all()


_BY = {Role.CUSTOMER.value: By.CUSTOMER, Role.PERSON.value: By.PERSON, Role.BOT.value: By.AI}
