"""What happened, and for whom: a bot's body is made at once, an account webhook's when it is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.records import Bot, Webhook

# Everything a bot is ever called for [agent_bot_listener.rb]: no conversation_created, no typing, and no
# event for a handoff.
BOT_EVENTS = frozenset(
    {
        "message_created", "message_updated", "conversation_opened", "conversation_resolved",
        "conversation_status_changed", "conversation_updated", "webwidget_triggered",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """`body` is what was true when it happened. `rebuild` gives what is true now.

    Bots are called from within the change, account webhooks by a job that loads the record again
    [webhook_listener.rb]: the conversation in their body can be newer than the event.
    """

    name: str
    account_id: int
    conversation_id: int | None
    message_id: int | None
    bots: tuple[Bot, ...]
    webhooks: tuple[Webhook, ...]
    body: dict[str, Any]
    rebuild: Callable[[], dict[str, Any]]
