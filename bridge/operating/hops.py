"""The way of a message through the bridge, hop by hop with its times: from delivery to channel status.

The trace holds what happened; the message and its posts say how things stand. No words of customers or of the
AI are in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from bridge.store.schema import conversations, messages, posts, trace
from kbtool.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation, or with `message` one message of it (0: all)."""

    bot: str
    account: int
    conversation: int
    message: int = 0


@dataclass(frozen=True, slots=True)
class Hop:
    """One row of the trace. `since` is in seconds since the hop before it of the same message."""

    message: int
    at: float
    since: float
    step: str
    text: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Now:
    """How a customer's message stands: its state, and those of its posts as `kind: state`."""

    message: int
    state: str
    verdict: str
    posts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Journey:
    """All of it. `status` is the conversation's, as last seen."""

    place: Place
    status: str
    hops: tuple[Hop, ...]
    now: tuple[Now, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Times in ISO 8601, UTC; `since` in seconds."""
        hops = [asdict(hop) | {"at": iso(hop.at), "since": round(hop.since, 3)} for hop in self.hops]
        now = [asdict(one) | {"posts": list(one.posts)} for one in self.now]
        return asdict(self.place) | {"status": self.status, "hops": hops, "now": now}


def find(connection: Connection, number: int, account: int = 0, *, is_message: bool = False) -> Place:
    """Whose number it is: a conversation's, or else a message's; `account` 0 means any.

    Raises ConfigError where it is nobody's, or several accounts'.
    """
    if not is_message:
        c = conversations.c
        query = select(c.bot, c.account, c.id).where(c.id == number)
        rows = connection.execute(query.where(c.account == account) if account else query).all()
        if len(rows) > 1:
            places = ", ".join(f"{row.account} ({row.bot})" for row in rows)
            raise ConfigError(
                f"conversation {number} is in several accounts, or under several bots: {places}",
                hint="Say which account: --account …",
            )
        if rows:
            return Place(rows[0].bot, rows[0].account, rows[0].id)
    m = messages.c
    query = select(m.bot, m.account, m.conversation, m.id).where(m.id == number)
    found = connection.execute(query.where(m.account == account) if account else query).first()
    if found is None:
        raise ConfigError(
            f"no {'message' if is_message else 'conversation or message'} {number} in the store",
            hint="A conversation's number is the last part of its address in Chatwoot. Did its webhook come?",
        )
    return Place(found.bot, found.account, found.conversation, found.id)


def journey(connection: Connection, place: Place) -> Journey:
    """The hops of the place, those of a message with what became of its posts in Chatwoot and the channel."""
    posted = _posted(connection, place)
    wanted = {place.message, *posted} if place.message else set()
    last: dict[int, float] = {}
    hops = []
    for row in connection.execute(select(trace).where(_is_at(trace, place)).order_by(trace.c.at, trace.c.id)):
        message = row.message or 0
        if wanted and message not in wanted:
            continue
        owner = posted.get(message, message)
        hops.append(
            Hop(message, row.at, row.at - last.get(owner, row.at), row.step, row.text, dict(row.detail))
        )
        last[owner] = row.at
    c = conversations.c
    status = connection.execute(
        select(c.status).where(c.bot == place.bot, c.account == place.account, c.id == place.conversation)
    ).scalar_one_or_none()
    return Journey(place, status or "unknown", tuple(hops), tuple(_now(connection, place)))


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _posted(connection: Connection, place: Place) -> dict[int, int]:
    """Our messages in Chatwoot, each with the customer's message that it answers."""
    p = posts.c
    query = select(p.posted, p.message).where(
        p.bot == place.bot, p.account == place.account, p.posted.is_not(None)
    )
    if place.message:
        query = query.where(p.message == place.message)
    else:
        asked = select(messages.c.id).where(_is_at(messages, place))
        query = query.where(p.message.in_(asked))
    return {row.posted: row.message for row in connection.execute(query)}


def _now(connection: Connection, place: Place) -> Sequence[Now]:
    m, p = messages.c, posts.c
    query = (
        select(m.id, m.state, m.verdict).where(_is_at(messages, place), m.role == "customer").order_by(m.id)
    )
    if place.message:
        query = query.where(m.id == place.message)
    found = []
    for row in connection.execute(query):
        own = (
            select(p.kind, p.state)
            .where(p.bot == place.bot, p.account == place.account, p.message == row.id)
            .order_by(p.number)
        )
        sent = tuple(f"{post.kind}: {post.state}" for post in connection.execute(own))
        found.append(Now(row.id, row.state, row.verdict, sent))
    return found


def _is_at(table: Any, place: Place) -> ColumnElement[bool]:
    return and_(
        table.c.bot == place.bot,
        table.c.account == place.account,
        table.c.conversation == place.conversation,
    )
