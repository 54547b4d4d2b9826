"""What is forgotten, and when: words first, then rows.

The raw body of a delivery goes when it is sorted. What a customer wrote is needed as long as the conversation
may go on; after that only the counts are.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Table,
    Update,
    and_,
    delete,
    or_,
    select,
    tuple_,
    update,
)

from bridge import log
from bridge.settings import Keep
from bridge.store import Store
from bridge.store.personal import blank, holds
from bridge.store.schema import (
    WAITING,
    alerts,
    closings,
    conversations,
    deliveries,
    drafts,
    handled,
    messages,
    posts,
    ratings,
    sessions,
    stream,
    told,
    trace,
    turns,
)

EVERY = 3600.0
DAY = 86_400.0
BATCH = 1000
"""Rows in one commit: others write in between."""


async def forget(store: Store, keep: Keep, now: float) -> int:
    """Remove what has been kept for long enough; how many rows that touched."""
    total = 0
    for step in STEPS:
        touched = BATCH
        while touched == BATCH:
            touched = await store.write(partial(step, keep=keep, now=now))
            total += touched
    if total:
        log.event("forgotten", rows=total)
    return total


def _deliveries(connection: Connection, keep: Keep, now: float) -> int:
    """Chatwoot repeats a delivery within seconds; their ids are kept for days, to be sure."""
    d = deliveries.c
    return _delete(connection, deliveries, d.at < now - keep.deliveries * DAY, d.state != "new")


def _words(connection: Connection, keep: Keep, now: float) -> int:
    """What was said and sent along, and by whom: the rows are counted for longer."""
    m = messages.c
    is_old = and_(m.received_at < now - keep.words * DAY, m.state != WAITING, holds(messages))
    return _in_batch(connection, messages, is_old, update(messages).values(blank(messages)))


def _places(connection: Connection, keep: Keep, now: float) -> int:
    """What is known of a conversation of which no words are left. Chatwoot's next event says it again."""
    c = conversations.c
    has_words = _said(messages.c.contact != -1)
    is_old = and_(c.status_at < now - keep.words * DAY, _rests(), ~has_words, holds(conversations))
    return _in_batch(connection, conversations, is_old, update(conversations).values(blank(conversations)))


def _conversations(connection: Connection, keep: Keep, now: float) -> int:
    """Those of which no message is left, and nothing that silences the bot in the episode that would follow:
    what Chatwoot's next event shows is then decided on as if the row were there.
    """
    c = conversations.c
    is_silenced = or_(
        and_(c.person_at > c.ended_at, c.person_at > c.left_at),
        c.captain_at > c.ended_at,
    )
    is_old = and_(c.status_at < now - keep.rows * DAY, _rests(), ~_said(), ~is_silenced)
    return _in_batch(connection, conversations, is_old, delete(conversations))


def _rests() -> ColumnElement[bool]:
    """Nobody works on the conversation, and no turn of it is due."""
    return and_(conversations.c.owner == "", conversations.c.due_at.is_(None))


def _said(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """A message of the conversation is there."""
    m, c = messages.c, conversations.c
    own = and_(m.bot == c.bot, m.account == c.account, m.conversation == c.id, *conditions)
    return select(m.id).where(own).correlate(conversations).exists()


def _posts(connection: Connection, keep: Keep, now: float) -> int:
    """What we said."""
    p = posts.c
    is_old = and_(p.begun_at < now - keep.words * DAY, p.state.not_in(["planned", "sending"]))
    return _in_batch(connection, posts, is_old, delete(posts))


def _draft_words(connection: Connection, keep: Keep, now: float) -> int:
    """What was asked and said; that it was sent, edited or discarded is counted for longer."""
    d = drafts.c
    is_old = and_(d.at < now - keep.words * DAY, d.state != "sending", holds(drafts))
    return _in_batch(connection, drafts, is_old, update(drafts).values(blank(drafts)))


def _drafts(connection: Connection, keep: Keep, now: float) -> int:
    return _delete(connection, drafts, drafts.c.at < now - keep.rows * DAY)


def _sessions(connection: Connection, keep: Keep, now: float) -> int:
    """With them the tokens of who is signed out by time."""
    del keep  # a session has an end of its own
    return _delete(connection, sessions, sessions.c.ends_at < now)


def _trace(connection: Connection, keep: Keep, now: float) -> int:
    return _delete(connection, trace, trace.c.at < now - keep.words * DAY)


def _turns(connection: Connection, keep: Keep, now: float) -> int:
    return _delete(connection, turns, turns.c.at < now - keep.rows * DAY)


def _messages(connection: Connection, keep: Keep, now: float) -> int:
    m = messages.c
    return _delete(connection, messages, m.received_at < now - keep.rows * DAY, m.state != WAITING)


def _alerts(connection: Connection, keep: Keep, now: float) -> int:
    return _delete(connection, alerts, alerts.c.at < now - keep.rows * DAY)


def _told(connection: Connection, keep: Keep, now: float) -> int:
    """With the alerts that they are about: else these would be told again."""
    t = told.c
    is_there = select(alerts.c.id).where(alerts.c.id == t.alert).exists()
    return _delete(connection, told, t.due_at < now - keep.rows * DAY, ~is_there)


def _rated_words(connection: Connection, keep: Keep, now: float) -> int:
    """What a customer wrote beside a rating: the rating is counted for longer."""
    r = ratings.c
    is_old = and_(r.at < now - keep.words * DAY, holds(ratings))
    return _in_batch(connection, ratings, is_old, update(ratings).values(blank(ratings)))


def _ratings(connection: Connection, keep: Keep, now: float) -> int:
    return _delete(connection, ratings, ratings.c.at < now - keep.rows * DAY)


def _closings(connection: Connection, keep: Keep, now: float) -> int:
    return _delete(connection, closings, closings.c.at < now - keep.rows * DAY)


def _handled(connection: Connection, keep: Keep, now: float) -> int:
    """As long as what was seen to is there, so that it does not come up again."""
    return _delete(connection, handled, handled.c.at < now - keep.rows * DAY)


def _stream(connection: Connection, keep: Keep, now: float) -> int:
    """Events may hold words; what has not arrived by then never will."""
    return _delete(connection, stream, stream.c.at < now - keep.words * DAY)


STEPS = (
    _deliveries,
    _words,
    _posts,
    _draft_words,
    _drafts,
    _sessions,
    _trace,
    _turns,
    _messages,
    _places,
    _conversations,
    _alerts,
    _told,
    _rated_words,
    _ratings,
    _closings,
    _handled,
    _stream,
)


def _delete(connection: Connection, table: Table, *conditions: ColumnElement[bool]) -> int:
    return _in_batch(connection, table, and_(*conditions), delete(table))


def _in_batch(
    connection: Connection, table: Table, is_old: ColumnElement[bool], change: Update | Delete
) -> int:
    """`change` the first rows of the table that are old; how many.

    They must be old twice: PostgreSQL looks at a row that it waited for anew, and not at what chose it. What
    was given to the bridge again meanwhile is not forgotten.
    """
    key = tuple(table.primary_key.columns)
    first = select(*key).where(is_old).limit(BATCH)
    return connection.execute(change.where(tuple_(*key).in_(first), is_old)).rowcount
