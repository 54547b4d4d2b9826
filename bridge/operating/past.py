"""Past turns out of the bridge's store, as plain rows without personal data. Reads only, while it runs."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import and_, select

from bridge.store.schema import conversations, messages, turns
from bridge.store.visit import visit
from kbtool.redact import redact
from kbtool.tune import Past

_ITS_MESSAGE = and_(
    messages.c.bot == turns.c.bot,
    messages.c.account == turns.c.account,
    messages.c.id == turns.c.message,
)
_ITS_CONVERSATION = and_(
    conversations.c.bot == turns.c.bot,
    conversations.c.account == turns.c.account,
    conversations.c.id == turns.c.conversation,
)


def past_turns(store: Path, since: float, database: str = "") -> list[Past]:
    """The turns decided since then (seconds since 1970), oldest first; of the PostgreSQL at `database`, or of
    the file. Raises ConfigError where there is no store.
    """
    decided = (
        select(turns, messages.c.text, conversations.c.language, conversations.c.inbox)
        .join(messages, _ITS_MESSAGE)
        .outerjoin(conversations, _ITS_CONVERSATION)
        .where(turns.c.at >= since)
        .order_by(turns.c.at)
    )
    with visit(store, database) as connection:
        return [
            Past(
                conversation=f"{row.bot}/{row.account}/{row.conversation}",
                at=row.at,
                question=redact(row.text),
                score=row.score,
                action=row.action,
                reason=row.reason,
                language=row.language or "",
                inbox=str(row.inbox or ""),
            )
            for row in connection.execute(decided)
        ]
