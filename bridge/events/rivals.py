"""Another brain in the inbox: Captain, or a second bot. Chatwoot calls both, both answer (bridge rule 16).

What an inbox is connected to is looked up by `doctor`; this is what a running bridge sees of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from bridge.events.fields import dict_of, int_of, text_of
from bridge.events.values import MARK


@dataclass(frozen=True, slots=True)
class Rival:
    """Who else answers in this inbox; `name` and `id` as Chatwoot tells them."""

    inbox_id: int
    kind: str
    id: int
    name: str

    def __str__(self) -> str:
        who = "Captain" if self.kind == "captain_assistant" else "another bot"
        return f"inbox {self.inbox_id}: {who} ({self.name or self.id}) answers here too; leave one connected"


def rival(body: bytes, own_bot: int = 0) -> Rival | None:
    """The rival that a webhook body shows, by its sender or its assignee.

    `own_bot` is our bot's id, 0 where nobody knows it: then our mark tells our messages, and an assignee says
    nothing. The body is one that `parse` understood.
    """
    content = dict_of(json.loads(body))
    inbox_id = int_of(dict_of(content.get("inbox")).get("id"))
    is_private = content.get("private") is True
    sender = dict_of(content.get("sender"))
    is_marked = bool(dict_of(content.get("content_attributes")).get(MARK))
    if not is_private and not is_marked and content.get("message_type") == "outgoing":
        found = _rival(inbox_id, text_of(sender.get("type")), sender, own_bot)
        if found:
            return found
    conversation = dict_of(content.get("conversation")) or content
    meta = dict_of(conversation.get("meta"))
    assignee = dict_of(meta.get("assignee"))
    kind = text_of(assignee.get("type"))
    if kind == "agent_bot" and not own_bot:
        return None
    return _rival(inbox_id or int_of(conversation.get("inbox_id")), kind, assignee, own_bot)


def _rival(inbox_id: int, kind: str, who: dict[str, object], own_bot: int) -> Rival | None:
    number = int_of(who.get("id"))
    is_rival = kind == "captain_assistant" or (kind == "agent_bot" and number != own_bot)
    return Rival(inbox_id, kind, number, text_of(who.get("name"))) if is_rival else None
