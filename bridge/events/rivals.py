"""Another brain in the inbox: Captain, or a second bot. Chatwoot calls both, both answer (bridge rule 16).

What an inbox is connected to is looked up by `doctor`; this is what a running bridge sees of it.
"""

from __future__ import annotations

from typing import Any

from bridge.events.fields import dict_of, int_of, text_of
from bridge.events.values import MARK, Rival


def rival(content: dict[str, Any], own_bot: int = 0) -> Rival | None:
    """The rival that a webhook shows, by its sender or its assignee.

    `own_bot` is our bot's id, 0 where nobody knows it: then our mark tells our messages, and a bot that is
    assigned says nothing.
    """
    conversation = dict_of(content.get("conversation")) or content
    inbox_id = int_of(dict_of(content.get("inbox")).get("id")) or int_of(conversation.get("inbox_id"))
    is_ours = bool(dict_of(content.get("content_attributes")).get(MARK)) or content.get("private") is True
    if not is_ours and content.get("message_type") == "outgoing":
        found = _rival(inbox_id, dict_of(content.get("sender")), own_bot)
        if found:
            return found
    assignee = dict_of(dict_of(conversation.get("meta")).get("assignee"))
    is_unknown = text_of(assignee.get("type")) == "agent_bot" and not own_bot
    return None if is_unknown else _rival(inbox_id, assignee, own_bot)


def _rival(inbox_id: int, who: dict[str, Any], own_bot: int) -> Rival | None:
    kind, number = text_of(who.get("type")), int_of(who.get("id"))
    is_rival = kind == "captain_assistant" or (kind == "agent_bot" and number != own_bot)
    return Rival(inbox_id, kind, number, text_of(who.get("name"))) if is_rival else None
