"""Posts: what is to be said, written down before it is said, and marked before and after it is sent.

So whatever moment a bridge dies at, the next one knows what was surely said, what surely was not, and the
one post that may have been: Chatwoot itself would take it twice (bridge rule 24).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, bindparam, insert, select, update

from bridge.speech import WRITTEN, Kind, Post
from bridge.store.schema import messages, posts
from bridge.tables.trace import Note, Subject, record

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
_ADD_POSTS = insert(posts)
_ECHOES = 5


class State(StrEnum):
    """Of a post. `SENDING` may be in Chatwoot or not; `DROPPED` was not wanted any more."""

    PLANNED = "planned"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    DROPPED = "dropped"


OUTSTANDING = frozenset({State.PLANNED, State.SENDING})


@dataclass(frozen=True, slots=True)
class Planned:
    """A post of a turn."""

    number: int
    kind: Kind
    text: str
    state: State

    @property
    def post(self) -> Post:
        return Post(self.kind, self.text)

    @property
    def is_marked(self) -> bool:
        """Whether it is written down as being sent: it cannot simply be repeated."""
        return self.kind in MARKED

    def mark(self, subject: Subject) -> str:
        return mark_of(subject, self.number)


MARKED = WRITTEN
"""The kinds that would be there twice if they were repeated; all others say how it shall be."""


def add(
    connection: Connection, subject: Subject, wanted: Sequence[Post], *, first: int, now: float, begun: bool
) -> list[Planned]:
    """Keep the posts, numbered from `first`; `begun` marks the first of them as being sent."""
    planned = [
        Planned(number, post.kind, post.text, State.PLANNED)
        for number, post in enumerate(wanted, start=first)
    ]
    rows = [
        {
            "bot": subject.bot,
            "account": subject.account,
            "message": subject.message,
            "number": post.number,
            "kind": post.kind.value,
            "text": post.text,
            "state": State.SENDING if begun and post is planned[0] and post.is_marked else State.PLANNED,
            "begun_at": now,
        }
        for post in planned
    ]
    if rows:
        connection.execute(_ADD_POSTS, rows)
    return planned


def posts_of(connection: Connection, subject: Subject) -> list[Planned]:
    """The posts of a turn in order; none where nothing was begun yet."""
    rows = connection.execute(_POSTS, _turn_of(subject))
    return [Planned(row.number, Kind(row.kind), row.text, State(row.state)) for row in rows]


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
    """`posted` is the message's id in Chatwoot, where that is known."""
    values = {"its_number": number, "to_state": state.value, "to_begun_at": now, "to_posted": posted}
    connection.execute(_SET_POST, _turn_of(subject) | values)
    record(connection, subject, now, *notes)


def drop(connection: Connection, subject: Subject) -> None:
    """What is not sent yet will not be."""
    connection.execute(_DROP_POSTS, _turn_of(subject))


def has_echo(connection: Connection, subject: Subject, mark: str) -> bool:
    """Whether Chatwoot has sent us our own post back."""
    query = select(messages.c.id).where(
        messages.c.bot == subject.bot,
        messages.c.account == subject.account,
        messages.c.conversation == subject.conversation,
        messages.c.mark == mark,
    )
    return connection.execute(query.limit(1)).one_or_none() is not None


def keeps_marks(connection: Connection, bot: str) -> bool | None:
    """Whether Chatwoot has sent our last posts back with our mark on them; None where it has sent none.

    Newer ones keep what a post brings in `content_attributes`; an older message builder dropped what it did
    not know. Without the mark, a post whose answer was lost cannot be looked for.
    """
    is_echo = and_(
        messages.c.bot == posts.c.bot, messages.c.account == posts.c.account, messages.c.id == posts.c.posted
    )
    query = (
        select(messages.c.mark)
        .join(posts, is_echo)
        .where(posts.c.bot == bot)
        .order_by(messages.c.received_at.desc())
        .limit(_ECHOES)
    )
    marks = connection.execute(query).scalars().all()
    return any(marks) if marks else None


def mark_of(subject: Subject, number: int) -> str:
    """What finds a post in Chatwoot again; the same for the same turn, whichever bridge posts."""
    return f"{subject.bot}:{subject.message}:{number}"


def _turn_of(subject: Subject) -> dict[str, object]:
    return {"its_bot": subject.bot, "its_account": subject.account, "its_message": subject.message}
