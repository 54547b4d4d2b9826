"""Past turns out of the bridge's store, as plain rows without personal data. Reads only, while it runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import and_, create_engine, select
from sqlalchemy.exc import SQLAlchemyError

from bridge.schema import conversations, messages, turns
from kbtool.errors import ConfigError
from kbtool.redact import redact
from kbtool.tune import Past


def past_turns(store: Path, since: float) -> list[Past]:
    """The turns decided since then (seconds since 1970), oldest first.

    Raises ConfigError where there is no store at the path.
    """
    if not store.exists():
        raise ConfigError(f"{store}: there is no bridge store", hint="It is made by `kbtool bridge serve`.")

    def read_only() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{store.absolute().as_posix()}?mode=ro", uri=True)

    its_message = and_(
        messages.c.bot == turns.c.bot,
        messages.c.account == turns.c.account,
        messages.c.id == turns.c.message,
    )
    its_conversation = and_(
        conversations.c.bot == turns.c.bot,
        conversations.c.account == turns.c.account,
        conversations.c.id == turns.c.conversation,
    )
    decided = (
        select(turns, messages.c.text, conversations.c.language)
        .join(messages, its_message)
        .outerjoin(conversations, its_conversation)
        .where(turns.c.at >= since)
        .order_by(turns.c.at)
    )
    engine = create_engine("sqlite://", creator=read_only)
    try:
        with engine.connect() as connection:
            return [
                Past(
                    conversation=f"{row.bot}/{row.account}/{row.conversation}",
                    at=row.at,
                    question=redact(row.text),
                    score=row.score,
                    action=row.action,
                    reason=row.reason,
                    language=row.language or "",
                )
                for row in connection.execute(decided)
            ]
    except SQLAlchemyError as error:
        raise ConfigError(f"{store}: not a bridge store ({type(error).__name__})") from error
    finally:
        engine.dispose()
