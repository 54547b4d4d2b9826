"""What the bridge's store knows of past conversations, for the command line. Reads only, while it runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy import and_, select

from bridge.improve.items import KNOWLEDGE
from bridge.store.schema import messages, turns
from bridge.store.visit import visit
from kbtool.handoff import Action


def unanswered(store: Path, database: str = "") -> Counter[str]:
    """What customers asked and the bot handed off for want of knowledge, with how often; of the PostgreSQL at
    `database`, or of the file. Raises ConfigError where there is no store.
    """
    asked = select(messages.c.text).join(
        turns,
        and_(
            turns.c.bot == messages.c.bot,
            turns.c.account == messages.c.account,
            turns.c.message == messages.c.id,
        ),
    )
    wanted = asked.where(
        turns.c.action == Action.HANDOFF.value, turns.c.reason.in_([reason.value for reason in KNOWLEDGE])
    )
    with visit(store, database) as connection:
        return Counter(connection.execute(wanted).scalars())
