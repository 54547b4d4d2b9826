"""The facts of conversations, kept: the table side of `conversation.Facts`.

Statements that every message needs are built once: building one takes longer than running it.
"""

from __future__ import annotations

from dataclasses import asdict, fields

from sqlalchemy import Connection, and_, bindparam, select, update

from bridge.conversation import Facts
from bridge.schema import conversations, insert_new
from bridge.trace import Subject

OF_SUBJECT = and_(
    conversations.c.bot == bindparam("its_bot"),
    conversations.c.account == bindparam("its_account"),
    conversations.c.id == bindparam("its_conversation"),
)
"""The condition on `conversations` for a subject's; its parameters are `key_of(subject)`."""

_FACTS = [field.name for field in fields(Facts)]
_SELECT = select(*(conversations.c[name] for name in _FACTS)).where(OF_SUBJECT)
_UPDATE = update(conversations).where(OF_SUBJECT).values({name: bindparam(f"to_{name}") for name in _FACTS})
_EPISODE = ("episode_at", "dify_conversation", "was_clarified")
_SET_EPISODE = (
    update(conversations).where(OF_SUBJECT).values({name: bindparam(f"to_{name}") for name in _EPISODE})
)
_LEASE = update(conversations).where(OF_SUBJECT).values(leased_until=bindparam("until"))


def key_of(subject: Subject) -> dict[str, object]:
    return {
        "its_bot": subject.bot,
        "its_account": subject.account,
        "its_conversation": subject.conversation,
    }


def facts_of(connection: Connection, subject: Subject) -> Facts | None:
    """What is known of the subject's conversation; None where it was never heard of."""
    row = connection.execute(_SELECT, key_of(subject)).one_or_none()
    return Facts(**row._asdict()) if row else None


def keep(connection: Connection, subject: Subject, facts: Facts, before: Facts | None) -> None:
    """Write `facts` over what was known `before`."""
    if before is None:
        key = {"bot": subject.bot, "account": subject.account, "id": subject.conversation}
        insert_new(connection, conversations, key | asdict(facts))
    elif facts != before:
        values = {f"to_{name}": value for name, value in asdict(facts).items()}
        connection.execute(_UPDATE, key_of(subject) | values)


def keep_episode(connection: Connection, subject: Subject, facts: Facts) -> None:
    """Write what belongs to the episode only: the rest may have been learned anew meanwhile."""
    values = {f"to_{name}": getattr(facts, name) for name in _EPISODE}
    connection.execute(_SET_EPISODE, key_of(subject) | values)


def lease(connection: Connection, subject: Subject, until: float) -> None:
    """The subject's conversation is worked on until then; 0.0 frees it."""
    connection.execute(_LEASE, key_of(subject) | {"until": until})
