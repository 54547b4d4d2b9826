"""What the bridge's store knows of past conversations, for the command line. Reads only, while it runs."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path

from sqlalchemy import and_, create_engine, select
from sqlalchemy.exc import SQLAlchemyError

from bridge.schema import messages, turns
from kbtool.errors import ConfigError
from kbtool.handoff import Action, Reason

_KNOWLEDGE = (
    Reason.NO_SOURCES,
    Reason.NO_SCORE,
    Reason.REFUSED,
    Reason.BELOW_THRESHOLD,
    Reason.UNSUPPORTED_FACT,
    Reason.EMPTY_ANSWER,
)
"""Handoffs that better pages could have spared; wanting a person is not one."""


def unanswered(store: Path) -> Counter[str]:
    """What customers asked and the bot handed off for want of knowledge, with how often.

    Raises ConfigError where there is no store at the path.
    """
    if not store.exists():
        raise ConfigError(f"{store}: there is no bridge store", hint="It is made by `kbtool bridge serve`.")

    def read_only() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{store.absolute().as_posix()}?mode=ro", uri=True)

    engine = create_engine("sqlite://", creator=read_only)
    asked = select(messages.c.text).join(
        turns,
        and_(
            turns.c.bot == messages.c.bot,
            turns.c.account == messages.c.account,
            turns.c.message == messages.c.id,
        ),
    )
    wanted = asked.where(
        turns.c.action == Action.HANDOFF.value, turns.c.reason.in_([reason.value for reason in _KNOWLEDGE])
    )
    try:
        with engine.connect() as connection:
            return Counter(connection.execute(wanted).scalars())
    except SQLAlchemyError as error:
        raise ConfigError(f"{store}: not a bridge store ({type(error).__name__})") from error
    finally:
        engine.dispose()
