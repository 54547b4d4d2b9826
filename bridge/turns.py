"""Turns in the store: who is next, what was decided, and what of it is in Chatwoot.

A turn is one customer message being dealt with. Its decision and posts are written before the first post,
each post is marked before it is sent and after: so whatever moment a bridge dies at, the next one knows
what was surely done, what surely was not, and the one post that may have been.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, func, insert, select, update

from bridge import known
from bridge.conversation import Facts
from bridge.events import Attachment, Role, Verdict
from bridge.schema import conversations, messages, posts, turns
from bridge.speech import Kind, Post
from bridge.trace import Note, Subject, record

HISTORY = 10


_IS_MESSAGE = and_(
    messages.c.bot == bindparam("its_bot"),
    messages.c.account == bindparam("its_account"),
    messages.c.id == bindparam("its_message"),
)
_SET_MESSAGE = update(messages).where(_IS_MESSAGE).values(state=bindparam("to_state"))
_POSTPONE = (
    update(messages)
    .where(_IS_MESSAGE)
    .values(due_at=bindparam("to_due_at"), attempts=messages.c.attempts + 1)
)
_IS_POST_OF = and_(
    posts.c.bot == bindparam("its_bot"),
    posts.c.account == bindparam("its_account"),
    posts.c.message == bindparam("its_message"),
)
_POSTS = select(posts).where(_IS_POST_OF).order_by(posts.c.number)
_SET_POST = (
    update(posts)
    .where(_IS_POST_OF, posts.c.number == bindparam("its_number"))
    .values(state=bindparam("to_state"), begun_at=bindparam("to_begun_at"), posted=bindparam("to_posted"))
)
_DROP_POSTS = (
    update(posts).where(_IS_POST_OF, posts.c.state.in_(["planned", "sending"])).values(state="dropped")
)
_ADD_TURN, _ADD_POSTS = insert(turns), insert(posts)


class State(StrEnum):
    """Of a post. `SENDING` may be in Chatwoot or not; `DROPPED` was not wanted any more."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Work:
    """A customer's message whose turn it is. `at` is when it was written, `attempts` how often it failed."""

    subject: Subject
    text: str
    at: float
    attachments: tuple[Attachment, ...]
    contact: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A post of a turn. `begun_at` is when it was last sent, by our clock."""

    number: int
    kind: Kind
    text: str
    state: State
    begun_at: float

    def mark(self, subject: Subject) -> str:
        """What finds it in Chatwoot again; the same for the same message, whichever bridge posts."""
        return f"{subject.bot}:{subject.message}:{self.number}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a turn came to: action and reason as words, since the bridge has reasons of its own."""

    action: str
    reason: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A turn's decision: what it is called, what to post, the facts of the episode after it, its trace."""

    outcome: Outcome
    posts: tuple[Post, ...]
    facts: Facts
    notes: tuple[Note, ...]


def release_all(connection: Connection) -> None:
    """Nobody works on anything: for the start of the only bridge of a store."""
    connection.execute(update(conversations).values(leased_until=0.0))


def claim(connection: Connection, bots: Collection[str], now: float, lease: float, limit: int) -> list[Work]:
    """Up to `limit` messages whose turn it is: the lowest id of each conversation that nobody works on."""
    query = (
        select(messages)
        .join(conversations, _is_in_conversation())
        .where(_is_next(bots), messages.c.due_at <= now, conversations.c.leased_until <= now)
        .order_by(messages.c.due_at, messages.c.id)
        .limit(limit)
    )
    claimed = []
    for row in connection.execute(query):
        subject = Subject(row.bot, row.account, row.conversation, row.id)
        files = tuple(map(Attachment.of, row.attachments))
        claimed.append(Work(subject, row.text, row.at, files, row.contact, row.attempts))
    for work in claimed:
        known.lease(connection, work.subject, now + lease)
    return claimed


def next_due(connection: Connection, bots: Collection[str]) -> float | None:
    """When the next message can be claimed; None where none waits."""
    free_at = case(
        (messages.c.due_at > conversations.c.leased_until, messages.c.due_at),
        else_=conversations.c.leased_until,
    )
    query = select(func.min(free_at)).join(conversations, _is_in_conversation()).where(_is_next(bots))
    due: float | None = connection.execute(query).scalar_one()
    return due


def history(connection: Connection, subject: Subject, since: float) -> tuple[str, ...]:
    """What the customer asked before in this episode, oldest first."""
    query = (
        select(messages.c.text)
        .where(
            messages.c.bot == subject.bot,
            messages.c.account == subject.account,
            messages.c.conversation == subject.conversation,
            messages.c.id < subject.message,
            messages.c.at >= since,
            messages.c.role == Role.CUSTOMER.value,
            messages.c.verdict == Verdict.ASKS.value,
            messages.c.text != "",
        )
        .order_by(messages.c.id.desc())
        .limit(HISTORY)
    )
    return tuple(reversed(connection.execute(query).scalars().all()))


def plan(connection: Connection, subject: Subject, decided: Decided, now: float) -> None:
    """Keep what was decided, before anything of it is said."""
    row = {
        "bot": subject.bot,
        "account": subject.account,
        "message": subject.message,
        "conversation": subject.conversation,
        "at": now,
        **asdict(decided.outcome),
    }
    connection.execute(_ADD_TURN, row)
    add_posts(connection, subject, decided.posts, first=0)
    known.keep_episode(connection, subject, decided.facts)
    record(connection, subject, now, *decided.notes)


def is_decided(connection: Connection, subject: Subject) -> bool:
    """Whether the message has had its turn, or has it now."""
    query = select(turns.c.message).where(
        turns.c.bot == subject.bot,
        turns.c.account == subject.account,
        turns.c.message == subject.message,
    )
    return connection.execute(query).one_or_none() is not None


def add_posts(connection: Connection, subject: Subject, wanted: Sequence[Post], first: int) -> None:
    rows = [
        {
            "bot": subject.bot,
            "account": subject.account,
            "message": subject.message,
            "number": number,
            "kind": post.kind.value,
            "text": post.text,
            "state": State.PLANNED.value,
        }
        for number, post in enumerate(wanted, start=first)
    ]
    connection.execute(_ADD_POSTS, rows)


def posts_of(connection: Connection, subject: Subject) -> list[Planned]:
    """The posts of a turn in order; none where nothing was decided yet."""
    return [
        Planned(row.number, Kind(row.kind), row.text, State(row.state), row.begun_at)
        for row in connection.execute(_POSTS, _message_of(subject))
    ]


def set_post(
    connection: Connection,
    subject: Subject,
    number: int,
    state: State,
    *,
    now: float,
    posted: int | None = None,
    notes: Sequence[Note] = (),
) -> None:
    """`begun_at` is written with every state: only that of a post being sent is read."""
    values = {"its_number": number, "to_state": state.value, "to_begun_at": now, "to_posted": posted}
    connection.execute(_SET_POST, _message_of(subject) | values)
    record(connection, subject, now, *notes)


def drop_posts(connection: Connection, subject: Subject) -> None:
    """What is not sent yet will not be."""
    connection.execute(_DROP_POSTS, _message_of(subject))


def has_echo(connection: Connection, subject: Subject, mark: str) -> bool:
    """Whether Chatwoot has sent us our own post back."""
    query = select(messages.c.id).where(
        messages.c.bot == subject.bot,
        messages.c.account == subject.account,
        messages.c.conversation == subject.conversation,
        messages.c.mark == mark,
    )
    return connection.execute(query.limit(1)).one_or_none() is not None


def finish(connection: Connection, subject: Subject, now: float, *notes: Note, state: str = "done") -> None:
    """The message is dealt with, and the conversation free."""
    connection.execute(_SET_MESSAGE, _message_of(subject) | {"to_state": state})
    known.lease(connection, subject, 0.0)
    record(connection, subject, now, *notes)


def postpone(connection: Connection, subject: Subject, due_at: float, now: float, *notes: Note) -> None:
    """Try again at `due_at`; the conversation is free, and its later messages wait behind this one."""
    connection.execute(_POSTPONE, _message_of(subject) | {"to_due_at": due_at})
    known.lease(connection, subject, 0.0)
    record(connection, subject, now, *notes)


def _is_next(bots: Collection[str]) -> ColumnElement[bool]:
    """Waiting, with no earlier one waiting in its conversation: not even one that was postponed."""
    earlier = messages.alias()
    is_behind = select(earlier.c.id).where(
        earlier.c.bot == messages.c.bot,
        earlier.c.account == messages.c.account,
        earlier.c.conversation == messages.c.conversation,
        earlier.c.state == "waiting",
        earlier.c.id < messages.c.id,
    )
    return and_(messages.c.state == "waiting", messages.c.bot.in_(bots), ~is_behind.exists())


def _message_of(subject: Subject) -> dict[str, object]:
    return {"its_bot": subject.bot, "its_account": subject.account, "its_message": subject.message}


def _is_in_conversation() -> ColumnElement[bool]:
    return and_(
        conversations.c.bot == messages.c.bot,
        conversations.c.account == messages.c.account,
        conversations.c.id == messages.c.conversation,
    )
