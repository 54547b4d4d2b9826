"""Drafts: what the AI would say, what was said instead, and by whom.

    open ──▶ sending ──▶ sent, edited      by the review page, with the agent's own token
      │         └──▶ open                  it surely did not arrive
      ├──▶ discarded                       with a reason
      ├──▶ by_hand                         a person wrote to the customer in Chatwoot itself
      └──▶ superseded                      the conversation moved on

A draft is claimed (`sending`) in a transaction before anything is sent, so that it goes out once; whether it
may go out at all is asked in the same transaction. `sending` is left by looking into Chatwoot, by the mark.
A turn that came to no text has a draft too, an empty one: what a person answers then is worth as much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rapidfuzz.distance import Levenshtein
from sqlalchemy import ColumnElement, Connection, Row, and_, insert, select, update

from bridge.events import Role
from bridge.store.schema import conversations, drafts, messages
from bridge.tables.trace import Subject

LONGEST = 20_000
"""Characters between which a distance is counted: what is longer is cut."""


class State(StrEnum):
    """Of a draft. In `SENDING` it may be in Chatwoot or not."""

    OPEN = "open"
    SENDING = "sending"
    SENT = "sent"
    EDITED = "edited"
    DISCARDED = "discarded"
    BY_HAND = "by_hand"
    SUPERSEDED = "superseded"


class Moved(StrEnum):
    """How a conversation moved on: why its draft does not go out any more."""

    ASKED = "newer_message"
    ANSWERED = "answered"
    STATUS = "status"
    DRAFTED = "newer_draft"


ALIVE = frozenset({"open", "pending"})
"""Chatwoot's statuses in which a draft may be sent."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the draft stands on: the place in the knowledge base, where people read it, how well it fits."""

    title: str
    score: float | None = None
    url: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a turn came to in draft mode; `text` is "" where the AI has nothing to say. `reason` and `action`
    are the decision's, `score` the best source's, which `threshold` was held against.
    """

    asked: str
    text: str
    action: str
    reason: str
    score: float | None = None
    threshold: float | None = None
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft and what became of it. `subject.message` is the turn's: the customer's newest message.

    `sent` is what the customer got, `distance` the characters to change from the draft to it; `why` says why
    it was discarded or superseded. `agent` is Chatwoot's id of who decided (0: nobody), `posted` that of the
    message. Times are seconds since 1970.
    """

    subject: Subject
    at: float
    drafted: Drafted
    state: State
    sent: str = ""
    distance: int | None = None
    why: str = ""
    agent: int = 0
    posted: int | None = None
    decided_at: float | None = None

    @property
    def mark(self) -> str:
        return mark_of(self.subject)


def mark_of(subject: Subject) -> str:
    """What finds the sent draft in Chatwoot again."""
    return f"{subject.bot}:{subject.message}:draft"


def distance(one: str, other: str) -> int:
    """How many characters to put in, take out or change from one text to the other."""
    return Levenshtein.distance(one[:LONGEST], other[:LONGEST])


def add(connection: Connection, subject: Subject, drafted: Drafted, now: float) -> None:
    """Keep the draft of a turn; earlier ones of the conversation are superseded by it."""
    supersede(connection, subject, Moved.DRAFTED, now)
    row = {
        "bot": subject.bot,
        "account": subject.account,
        "message": subject.message,
        "conversation": subject.conversation,
        "at": now,
        "asked": drafted.asked,
        "text": drafted.text,
        "action": drafted.action,
        "reason": drafted.reason,
        "score": drafted.score,
        "threshold": drafted.threshold,
        "sources": [asdict(source) for source in drafted.sources],
        "state": State.OPEN.value,
    }
    connection.execute(insert(drafts), row)


def get(connection: Connection, subject: Subject) -> Draft | None:
    """The draft of one turn."""
    row = connection.execute(select(drafts).where(_is(subject))).one_or_none()
    return _draft(row) if row else None


def newest(connection: Connection, account: int, conversation: int) -> Draft | None:
    """The last draft of a conversation, whichever bot wrote it."""
    query = (
        select(drafts)
        .where(drafts.c.account == account, drafts.c.conversation == conversation)
        .order_by(drafts.c.message.desc(), drafts.c.at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return _draft(row) if row else None


def waiting(connection: Connection, limit: int) -> Sequence[Draft]:
    """Drafts that nobody has decided on, the newest first."""
    states = [State.OPEN.value, State.SENDING.value]
    query = select(drafts).where(drafts.c.state.in_(states)).order_by(drafts.c.at.desc()).limit(limit)
    return [_draft(row) for row in connection.execute(query)]


def decided(connection: Connection, since: float, limit: int = 10_000) -> Sequence[Draft]:
    """Drafts on which something was decided from `since` on, in that order."""
    query = select(drafts).where(drafts.c.decided_at >= since).order_by(drafts.c.decided_at).limit(limit)
    return [_draft(row) for row in connection.execute(query)]


def moved(connection: Connection, draft: Draft) -> Moved | None:
    """How the conversation has moved on since the draft, as far as the bridge has heard."""
    subject = draft.subject
    query = select(messages.c.role).where(
        messages.c.bot == subject.bot,
        messages.c.account == subject.account,
        messages.c.conversation == subject.conversation,
        messages.c.id > subject.message,
        messages.c.role.in_([Role.CUSTOMER.value, Role.PERSON.value]),
        messages.c.mark != draft.mark,
    )
    later = connection.execute(query.order_by(messages.c.id).limit(1)).scalar_one_or_none()
    if later is not None:
        return Moved.ASKED if later == Role.CUSTOMER.value else Moved.ANSWERED
    status = connection.execute(
        select(conversations.c.status).where(
            conversations.c.bot == subject.bot,
            conversations.c.account == subject.account,
            conversations.c.id == subject.conversation,
        )
    ).scalar_one_or_none()
    return Moved.STATUS if status and status not in ALIVE else None


def claim(
    connection: Connection, subject: Subject, text: str, agent: int, now: float
) -> Draft | Moved | None:
    """Take the draft for sending `text`. None where somebody else has decided on it or is sending it; a
    reason where the conversation moved on, which it is then superseded by.
    """
    values = {"state": State.SENDING.value, "sent": text, "agent": agent, "decided_at": now, "why": ""}
    if not _change(connection, subject, State.OPEN, values):
        return None
    draft = get(connection, subject)
    assert draft is not None
    if how := moved(connection, draft):
        values = {"state": State.SUPERSEDED.value, "why": how.value, "sent": "", "agent": 0}
        _change(connection, subject, State.SENDING, values)
        return how
    return draft


def arrived(connection: Connection, subject: Subject, posted: int | None, now: float) -> None:
    """What was being sent is in Chatwoot, as the message `posted` where that is known."""
    draft = get(connection, subject)
    if draft is None or draft.state is not State.SENDING:
        return
    is_same = draft.sent.strip() == draft.drafted.text.strip()
    values = {
        "state": (State.SENT if is_same else State.EDITED).value,
        "distance": distance(draft.drafted.text, draft.sent),
        "posted": posted,
        "decided_at": now,
    }
    _change(connection, subject, State.SENDING, values)


def release(connection: Connection, subject: Subject) -> None:
    """What was being sent is surely not in Chatwoot: it may be sent again."""
    values = {"state": State.OPEN.value, "sent": "", "agent": 0, "decided_at": None}
    _change(connection, subject, State.SENDING, values)


def discard(connection: Connection, subject: Subject, why: str, agent: int, now: float) -> bool:
    """Whether it was there to be discarded."""
    values = {"state": State.DISCARDED.value, "why": why[:200], "agent": agent, "decided_at": now}
    return _change(connection, subject, State.OPEN, values)


def supersede(connection: Connection, subject: Subject, how: Moved, now: float) -> None:
    """The open drafts of the subject's conversation do not go out any more."""
    change = (
        update(drafts)
        .where(_of_conversation(subject), drafts.c.state == State.OPEN.value)
        .values(state=State.SUPERSEDED.value, why=how.value, decided_at=now)
    )
    connection.execute(change)


def answered(connection: Connection, subject: Subject, text: str, mark: str, agent: int, now: float) -> None:
    """A person has written `text` to the customer, in message `subject.message`.

    With our mark it is a draft that was being sent. Otherwise it is held against the newest draft before it,
    which it decides unless that was done before.
    """
    query = (
        select(drafts)
        .where(_of_conversation(subject), drafts.c.message < subject.message)
        .order_by(drafts.c.message.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return
    draft = _draft(row)
    if mark == draft.mark:
        arrived(connection, draft.subject, subject.message, now)
    elif draft.state in {State.OPEN, State.SUPERSEDED}:
        values = {
            "state": State.BY_HAND.value,
            "sent": text,
            "distance": distance(draft.drafted.text, text),
            "agent": agent,
            "posted": subject.message,
            "decided_at": now,
        }
        _change(connection, draft.subject, draft.state, values)


def _change(connection: Connection, subject: Subject, state: State, values: Mapping[str, object]) -> bool:
    """Whether the draft was in that state, and is changed now."""
    change = update(drafts).where(_is(subject), drafts.c.state == state.value).values(dict(values))
    return connection.execute(change.execution_options(preserve_rowcount=True)).rowcount == 1


def _is(subject: Subject) -> ColumnElement[bool]:
    return and_(
        drafts.c.bot == subject.bot, drafts.c.account == subject.account, drafts.c.message == subject.message
    )


def _of_conversation(subject: Subject) -> ColumnElement[bool]:
    return and_(
        drafts.c.bot == subject.bot,
        drafts.c.account == subject.account,
        drafts.c.conversation == subject.conversation,
    )


def _draft(row: Row[Any]) -> Draft:
    return Draft(
        Subject(row.bot, row.account, row.conversation, row.message),
        row.at,
        Drafted(
            row.asked, row.text, row.action, row.reason, row.score, row.threshold,
            tuple(Source(**source) for source in row.sources),
        ),
        State(row.state),
        row.sent,
        row.distance,
        row.why,
        row.agent,
        row.posted,
        row.decided_at,
    )  # fmt: skip
