"""What has happened, as events, from the rows that say so.

A row of the trace is written with what it tells of, so an event is there exactly if that is. Bridges that
share a store commit out of order: the latest rows are looked at again, and an event is kept once by its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select

from bridge.speech import because_of
from bridge.speech.posts import Kind as PostKind
from bridge.store.schema import alerts, conversations, drafts, messages, ratings, trace, turns
from bridge.tables.drafts import State as DraftState
from bridge.tables.trace import Step
from kbtool.events import Event, Kind
from kbtool.handoff import Action
from kbtool.redact import redact

AGAIN = 30.0
"""Seconds for which rows of bridges that share a store may still come before later ones."""
SURVEYED = 16 * 86_400.0
"""Seconds after which a survey is not answered any more: Chatwoot allows 14 days."""
OLDEST_DRAFT = 9 * 86_400.0
LONGEST_TEXT = 2000
MOST = 2000
"""Rows of the trace in one look."""
_STEPS = (Step.DECISION.value, Step.HANDOFF.value, Step.POST.value)
_FATES = (DraftState.SENT.value, DraftState.EDITED.value, DraftState.BY_HAND.value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """`kinds` are those that somebody wants. `desk` is Chatwoot's address, as people open it. With `words`
    events have what customers wrote, without addresses and numbers.
    """

    kinds: frozenset[Kind]
    desk: str
    words: bool = False


def first_row(connection: Connection, since: float) -> int:
    """The number of the trace's last row from before that time."""
    found: int | None = connection.execute(select(func.max(trace.c.id)).where(trace.c.at < since)).scalar()
    return found or 0


def turned(connection: Connection, wanted: Wanted, after: int, now: float) -> tuple[list[Event], int]:
    """What turns came to, behind that row of the trace; and the row to look behind the next time."""
    end = select(func.max(trace.c.id)).where(trace.c.id > after)
    last = connection.execute(end).scalar() or after  # what comes while we look is the next look's
    query = (
        select(trace, turns.c.action, turns.c.reason, turns.c.score)
        .join(
            turns,
            and_(
                turns.c.bot == trace.c.bot,
                turns.c.account == trace.c.account,
                turns.c.message == trace.c.message,
            ),
        )
        .where(trace.c.id > after, trace.c.id <= last, trace.c.step.in_(_STEPS))
        .order_by(trace.c.id)
        .limit(MOST)
    )
    rows = connection.execute(query).all()
    found = [event for row in rows if (event := _turn(connection, wanted, row)) is not None]
    if len(rows) == MOST:
        return found, rows[-1].id
    if connection.dialect.name == "postgresql":
        last = connection.execute(end.where(trace.c.at < now - AGAIN)).scalar() or after
    return found, last


def _turn(connection: Connection, wanted: Wanted, row: Row[Any]) -> Event | None:
    kind = _kind(row)
    if kind is None or kind not in wanted.kinds:
        return None
    about = {"reason": row.reason, "score": row.score}
    if kind is not Kind.ANSWERED:
        about["why"] = because_of(row.reason).why
    asked = _asked(connection, row) if wanted.words else None
    return _event(connection, wanted, kind, row, row.at, about, question=asked)


def _kind(row: Row[Any]) -> Kind | None:
    if row.step == Step.DECISION.value:
        return Kind.SENSITIVE if because_of(row.reason).is_urgent else None
    if row.step == Step.HANDOFF.value:
        return Kind.HANDOFF if row.action == Action.HANDOFF.value else None
    is_reply = row.detail.get("kind") == PostKind.REPLY.value and row.action == Action.REPLY.value
    return Kind.ANSWERED if is_reply else None


def sent(connection: Connection, wanted: Wanted, since: float) -> Iterator[Event]:
    """Drafts that became a person's answer since then."""
    if Kind.DRAFT_SENT not in wanted.kinds:
        return
    d = drafts.c
    query = select(drafts).where(d.state.in_(_FATES), d.at > since - OLDEST_DRAFT, d.decided_at > since)
    for row in connection.execute(query.order_by(d.decided_at)).all():
        longest = max(len(row.text), len(row.sent))
        changed = None if not longest else round(min(1.0, (row.distance or 0) / longest), 4)
        about = {"how": row.state, "changed": changed, "agent": row.agent, "posted": row.posted}
        asked = row.asked if wanted.words else None
        yield _event(connection, wanted, Kind.DRAFT_SENT, row, row.decided_at, about, question=asked)


def rated(connection: Connection, wanted: Wanted, since: float, now: float) -> Iterator[Event]:
    """What customers gave; one who thinks better of it is another event."""
    if Kind.CSAT not in wanted.kinds:
        return
    query = select(ratings).where(ratings.c.at > max(since, now - SURVEYED)).order_by(ratings.c.at)
    for row in connection.execute(query).all():
        about = {"rating": row.rating} | ({"comment": row.words} if wanted.words and row.words else {})
        yield _event(connection, wanted, Kind.CSAT, row, row.at, about, more=f" {row.rating}")


def alerted(connection: Connection, wanted: Wanted, since: float) -> Iterator[Event]:
    if Kind.ALERT not in wanted.kinds:
        return
    last: int | None = connection.execute(select(func.max(alerts.c.id))).scalar()
    near = and_(alerts.c.id > (last or 0) - MOST, alerts.c.at > since)
    for row in connection.execute(select(alerts).where(near).order_by(alerts.c.id)):
        about = {
            "key": row.key,
            "level": row.level,
            "subject": row.subject,
            "lines": list(row.lines),
            "number": row.id,
        }
        yield Event(Kind.ALERT, f"{row.id} {row.at}", row.at, row.key, about)


def _event(
    connection: Connection,
    wanted: Wanted,
    kind: Kind,
    row: Row[Any],
    at: float,
    about: Mapping[str, Any],
    *,
    question: str | None = None,
    more: str = "",
) -> Event:
    """Of a row that has a message in a conversation."""
    c = conversations.c
    of = select(c.inbox).where(c.bot == row.bot, c.account == row.account, c.id == row.conversation)
    place = f"accounts/{row.account}/conversations/{row.conversation}"
    data = {
        "account": row.account,
        "conversation": row.conversation,
        "message": row.message,
        "bot": row.bot,
        "inbox": connection.execute(of).scalar() or 0,
        "url": f"{wanted.desk}/app/{place}",
        **about,
    }
    if question:
        data["question"] = redact(question)[:LONGEST_TEXT]
    return Event(kind, f"{row.bot} {row.account} {row.message}{more}", at, place, data)


def _asked(connection: Connection, row: Row[Any]) -> str:
    m = messages.c
    is_its = or_(m.turn == row.message, m.id == row.message)
    query = select(m.text).where(m.bot == row.bot, m.account == row.account, is_its)
    return "\n".join(connection.execute(query.order_by(m.id)).scalars())
