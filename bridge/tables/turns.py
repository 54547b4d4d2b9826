"""Turns in the store: what waits, what of it is taken together, what was decided, and how it ended.

A turn is what one customer has written since the last one, dealt with together. Its messages are written down
before anyone is asked (`messages.turn`, the newest one's id), so a bridge that goes on with it answers the
same set; once a post of it was begun, nothing is added to it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, or_, select, update

from bridge.conversation import Facts, begin
from bridge.events import Attachment, Role, Verdict
from bridge.settings import Mode
from bridge.speech import Post
from bridge.store.schema import IS_WAITING, messages, turns
from bridge.tables import drafts, known, leases, outbox
from bridge.tables.drafts import Drafted
from bridge.tables.leases import Lease
from bridge.tables.outbox import Planned
from bridge.tables.trace import Note, Step, Subject, note, record

HISTORY = 10

_OF_CONVERSATION = and_(
    messages.c.bot == bindparam("its_bot"),
    messages.c.account == bindparam("its_account"),
    messages.c.conversation == bindparam("its_conversation"),
)
_WAITING = select(messages).where(_OF_CONVERSATION, IS_WAITING).order_by(messages.c.id)
_OF_IDS = and_(
    messages.c.bot == bindparam("its_bot"),
    messages.c.account == bindparam("its_account"),
    messages.c.id.in_(bindparam("ids", expanding=True)),
)
_FREEZE = update(messages).where(_OF_IDS).values(turn=bindparam("to_turn"))
_SET_STATE = update(messages).where(_OF_IDS).values(state=bindparam("to_state"))
_HISTORY = (
    select(messages.c.text)
    .where(
        _OF_CONVERSATION,
        messages.c.id < bindparam("before"),
        or_(messages.c.turn.is_(None), messages.c.turn != bindparam("before")),
        messages.c.at >= bindparam("since"),
        messages.c.role == Role.CUSTOMER.value,
        messages.c.verdict == Verdict.ASKS.value,
        messages.c.text != "",
    )
    .order_by(messages.c.id.desc())
    .limit(HISTORY)
)
_ADD_TURN = insert(turns)


@dataclass(frozen=True, slots=True)
class Work:
    """What a customer has written and nobody has answered: one message, or several taken together.

    `subject.message` is the newest one's id and `messages` are all of them, in order; `text` joins what they
    say. `at` is when the newest was written; they came between `first_at` and `last_at`, by our clock.
    `attempts` is how often the turn has failed.
    """

    subject: Subject
    text: str
    at: float
    attachments: tuple[Attachment, ...]
    contact: int
    attempts: int
    messages: tuple[int, ...] = ()
    first_at: float = 0.0
    last_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn came to: action and reason as words, since the bridge has reasons of its own."""

    action: str
    reason: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A turn's decision: what it is called, what to post, the facts of the episode after it, its trace, and
    what people may send where they do.
    """

    outcome: Outcome
    posts: tuple[Post, ...]
    facts: Facts
    notes: tuple[Note, ...]
    draft: Drafted | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A turn that this bridge has: its messages, the facts of their episode, what the customer asked before
    in it, and its posts, of which there are some where an earlier attempt had begun to post.
    """

    work: Work
    facts: Facts
    before: tuple[str, ...]
    posts: tuple[Planned, ...] = ()


def take(
    connection: Connection, lease: Lease, mode_of: Callable[[str, Facts], Mode], now: float, *, merges: bool
) -> Taken | None:
    """The turn of a conversation: with `merges` all that waits in it, otherwise its lowest id.

    None where nothing waits.
    """
    subject = lease.subject
    waiting = connection.execute(_WAITING, known.key_of(subject)).all()
    if not waiting:
        return None
    begun = _begun(connection, subject, waiting)
    if begun:
        chosen, posts = begun
    else:
        chosen, posts = (waiting if merges else waiting[:1]), ()
    newest = chosen[-1]
    of_turn = Subject(subject.bot, subject.account, subject.conversation, newest.id)
    if any(row.turn != newest.id for row in chosen):
        _freeze(connection, of_turn, [row.id for row in chosen], now)
    facts = known.facts_of(connection, subject) or Facts()
    facts = begin(facts, newest.at, mode_of(subject.bot, facts))
    return Taken(work_of(of_turn, chosen, lease.attempts), facts, _history(connection, of_turn, facts), posts)


def has_more(connection: Connection, work: Work) -> bool:
    """Whether messages wait in the conversation that are not of this turn."""
    waiting = connection.execute(_WAITING, known.key_of(work.subject)).all()
    return any(row.id not in work.messages for row in waiting)


def plan(
    connection: Connection, work: Work, decided: Decided, now: float, *, begun: bool = True
) -> list[Planned]:
    """Keep what was decided, before anything of it is said; its posts, the first marked as being sent."""
    subject = work.subject
    row = {
        "bot": subject.bot,
        "account": subject.account,
        "message": subject.message,
        "conversation": subject.conversation,
        "at": now,
        "action": decided.outcome.action,
        "reason": decided.outcome.reason,
        "score": decided.outcome.score,
    }
    connection.execute(_ADD_TURN, row)
    if decided.draft is not None:
        drafts.add(connection, subject, decided.draft, now)
    known.keep_episode(connection, subject, decided.facts)
    record(connection, subject, now, *decided.notes)
    return outbox.add(connection, subject, decided.posts, first=0, now=now, begun=begun)


def is_decided(connection: Connection, subject: Subject) -> bool:
    """Whether the message has had its turn, or has it now."""
    query = select(turns.c.message).where(
        turns.c.bot == subject.bot,
        turns.c.account == subject.account,
        turns.c.message == subject.message,
    )
    return connection.execute(query).one_or_none() is not None


def finish(
    connection: Connection, work: Work, me: str, now: float, *notes: Note, state: str = "done"
) -> None:
    """The turn's messages are dealt with, and the conversation free. Raises LeaseLost."""
    ids = {"ids": list(work.messages), "to_state": state}
    connection.execute(_SET_STATE, known.key_of(work.subject) | ids)
    leases.let_go(connection, work.subject, me, now)
    record(connection, work.subject, now, *notes)


def postpone(connection: Connection, work: Work, me: str, due_at: float, now: float, *notes: Note) -> None:
    """Try again at `due_at`; the conversation is free, and its later messages wait. Raises LeaseLost."""
    leases.postpone(connection, work.subject, me, due_at)
    record(connection, work.subject, now, *notes)


def _begun(
    connection: Connection, subject: Subject, waiting: Sequence[Row[Any]]
) -> tuple[Sequence[Row[Any]], tuple[Planned, ...]] | None:
    """The messages and posts of a turn that somebody had begun to post."""
    for turn in dict.fromkeys(row.turn for row in waiting if row.turn is not None):
        of_turn = Subject(subject.bot, subject.account, subject.conversation, turn)
        if posts := outbox.posts_of(connection, of_turn):
            return [row for row in waiting if row.turn == turn], tuple(posts)
    return None


def _freeze(connection: Connection, subject: Subject, ids: Sequence[int], now: float) -> None:
    connection.execute(_FREEZE, known.key_of(subject) | {"ids": list(ids), "to_turn": subject.message})
    if len(ids) > 1:
        merged = note(Step.FILTER, f"{len(ids)} messages taken together", messages=list(ids))
        record(connection, subject, now, merged)


def work_of(subject: Subject, chosen: Sequence[Row[Any]], attempts: int) -> Work:
    """The work that these rows of `messages` are together, in order."""
    return Work(
        subject,
        "\n".join(row.text for row in chosen if row.text),
        chosen[-1].at,
        tuple(Attachment.of(file) for row in chosen for file in row.attachments),
        chosen[-1].contact,
        attempts,
        tuple(row.id for row in chosen),
        min(row.received_at for row in chosen),
        max(row.received_at for row in chosen),
    )


def _history(connection: Connection, subject: Subject, facts: Facts) -> tuple[str, ...]:
    """What the customer asked before in this episode, oldest first."""
    values = {"before": subject.message, "since": facts.episode_at}
    found = connection.execute(_HISTORY, known.key_of(subject) | values)
    return tuple(reversed(found.scalars().all()))
