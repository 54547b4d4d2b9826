"""What nothing more is tried with: listed, looked at, and given to the bridge once more.

    m345   a customer's message whose turn failed
    d17    a delivery that was authentic and could not be read

A bridge at work takes up what is retried within seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, and_, or_, select, update

from bridge.store.schema import WAITING, conversations, deliveries, messages, posts, trace
from kbtool.errors import ConfigError

FAILED, UNREADABLE = "failed", "unreadable"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`name` is what `find` takes. `why` is the last that the trace says of it; `account`, `conversation` are
    0 for a delivery.
    """

    name: str
    bot: str
    at: float
    account: int
    conversation: int
    why: str


def every(connection: Connection) -> list[DeadLetter]:
    """All of them, the oldest first."""
    m, d = messages.c, deliveries.c
    is_newest = or_(m.turn.is_(None), m.turn == m.id)  # of messages that were taken together
    failed = select(m.bot, m.account, m.conversation, m.id, m.at).where(m.state == FAILED, is_newest)
    found = [
        DeadLetter(
            f"m{row.id}",
            row.bot,
            row.at,
            row.account,
            row.conversation,
            _why(connection, row.account, row.id),
        )
        for row in connection.execute(failed)
    ]
    unreadable = select(d.id, d.bot, d.at).where(d.state == UNREADABLE).order_by(d.at)
    found += [
        DeadLetter(
            f"d{row.id}", row.bot, row.at, 0, 0, "the delivery is not a JSON object, or broke the bridge"
        )
        for row in connection.execute(unreadable)
    ]
    return sorted(found, key=lambda letter: letter.at)


def find(connection: Connection, name: str) -> DeadLetter:
    """Raises ConfigError for what is none."""
    if not re.fullmatch(r"[md]\d+", name):
        raise ConfigError(f"{name!r} is no dead letter's name", hint="m345 is a message, d17 a delivery.")
    for letter in every(connection):
        if letter.name == name:
            return letter
    raise ConfigError(
        f"{name} is no dead letter (any more)", hint="List them: kbtool bridge deadletters list"
    )


def body(connection: Connection, letter: DeadLetter) -> bytes:
    """What was delivered, "" for a message. It holds personal data."""
    if not letter.name.startswith("d"):
        return b""
    query = select(deliveries.c.body).where(deliveries.c.id == int(letter.name[1:]))
    return connection.execute(query).scalar_one() or b""


def retry(connection: Connection, letters: Iterable[DeadLetter], now: float) -> None:
    """Give them to the bridge again. Posts that Chatwoot had refused are tried once more, sent ones not."""
    for letter in letters:
        number = int(letter.name[1:])
        if letter.name.startswith("d"):
            connection.execute(update(deliveries).where(deliveries.c.id == number).values(state="new"))
            continue
        m, c = messages.c, conversations.c
        of_turn = and_(
            m.bot == letter.bot, m.account == letter.account, or_(m.id == number, m.turn == number)
        )
        connection.execute(update(messages).where(of_turn, m.state == FAILED).values(state=WAITING))
        its = and_(c.bot == letter.bot, c.account == letter.account, c.id == letter.conversation)
        connection.execute(update(conversations).where(its).values(due_at=now, attempts=0))
        refused = and_(
            posts.c.bot == letter.bot,
            posts.c.account == letter.account,
            posts.c.message == number,
            posts.c.state == "refused",
        )
        connection.execute(update(posts).where(refused).values(state="planned"))


def _why(connection: Connection, account: int, message: int) -> str:
    query = (
        select(trace.c.text)
        .where(trace.c.account == account, trace.c.message == message, trace.c.step == "error")
        .order_by(trace.c.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none() or "not said"
