"""Which columns hold something of a customer, how its rows are found, and what is left when it is forgotten.

Retention and erasure both read it, so neither can forget a column that the other knows. A column that stands
nowhere here fails a test: whoever adds one says what it holds (issue 10.2, 10.3).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Table, Text, cast, or_, true

from bridge.store.schema import (
    alerts,
    closings,
    conversations,
    deliveries,
    drafts,
    handled,
    messages,
    posts,
    ratings,
    replicas,
    sessions,
    stream,
    told,
    trace,
    turns,
    usage,
)


class By(StrEnum):
    """How the rows of a conversation are found. `BODY`: by reading what Chatwoot sent, as no column tells."""

    CONVERSATION = "conversation"
    TURN = "turn"
    BODY = "body"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Held:
    """What a table holds of a customer. `forgotten` are those columns, with what stands there afterwards;
    with `goes` the whole row goes instead. `facts` are ours: numbers of Chatwoot's, times, states, counts.
    `staff` are of people at work, which no erasure of a customer's touches.
    """

    by: By
    facts: str
    forgotten: Mapping[str, Any] = field(default_factory=dict)
    goes: bool = False
    staff: str = ""

    @property
    def columns(self) -> set[str]:
        """All that are classified."""
        return {*self.forgotten, *self.facts.split(), *self.staff.split()}


HELD: Mapping[Table, Held] = {
    deliveries: Held(By.BODY, "id bot delivery at state", {"body": None}),
    messages: Held(
        By.CONVERSATION,
        "bot account id conversation at role verdict state received_at turn",
        {"text": "", "attachments": [], "contact": -1, "mark": ""},
    ),
    conversations: Held(
        By.CONVERSATION,
        "bot account id status status_at has_person ended_at left_at person_at captain_at has_rival"
        " episode_at was_clarified channel inbox due_at attempts owner",
        {"dify_conversation": "", "language": "", "labels": []},
    ),
    turns: Held(By.CONVERSATION, "bot account message conversation at action reason score"),
    posts: Held(By.TURN, "bot account message number kind state begun_at posted", {"text": ""}, goes=True),
    drafts: Held(
        By.CONVERSATION,
        "bot account message conversation at action reason score threshold state distance posted decided_at",
        {"asked": "", "text": "", "sent": "", "why": "", "sources": []},
        staff="agent",
    ),
    # Its sentences quote what Chatwoot, Dify and channels said of a message.
    trace: Held(
        By.CONVERSATION,
        "id bot account conversation message at step",
        {"text": "", "detail": {}},
        goes=True,
    ),
    ratings: Held(By.CONVERSATION, "bot account message conversation at rating", {"words": ""}),
    closings: Held(By.CONVERSATION, "bot account conversation at"),
    handled: Held(By.NOTHING, "kind account message at by"),
    sessions: Held(By.NOTHING, "ends_at", staff="id agent name token"),
    replicas: Held(By.NOTHING, "id seen_at"),
    usage: Held(By.NOTHING, "route month currency answers tokens untold money"),
    # About routes, inboxes and counts: no guard writes what a customer said or who it was.
    alerts: Held(By.NOTHING, "id at key level subject lines details"),
    told: Held(By.NOTHING, "channel alert state attempts due_at"),
    # Where [events] words is on, with the question; one that is not sent yet does not go out any more.
    stream: Held(
        By.CONVERSATION,
        "id event at kind bot account conversation state attempts due_at",
        {"body": {}},
        goes=True,
    ),
}
"""Every table. `bot` and `id`s are Chatwoot's numbers: whose they are is known there only."""


def blank(table: Table) -> dict[str, Any]:
    """What stands in the columns that were a customer's, once that is forgotten."""
    return dict(HELD[table].forgotten)


def holds(table: Table) -> ColumnElement[bool]:
    """Whether a row still has something of a customer's."""
    held = HELD[table]
    if held.goes:
        return true()
    return or_(*(_differs(table, name, value) for name, value in held.forgotten.items()))


def _differs(table: Table, name: str, value: Any) -> ColumnElement[bool]:
    column: Column[Any] = table.c[name]
    if value is None:
        return column.is_not(None)
    if isinstance(column.type, JSON):  # which PostgreSQL compares as a text only
        return cast(column, Text) != json.dumps(value)
    other: ColumnElement[bool] = column != value
    return other
