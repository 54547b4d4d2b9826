"""Another brain in the inbox: Captain, or a second bot. Chatwoot calls both, both answer (bridge rule 16).

What an inbox is connected to is looked up by `doctor`; this is what a running bridge sees of it. Dialogflow
is not to be seen: its messages have no sender, as those of a rule or of a campaign have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.events.fields import dict_of, int_of, text_of
from bridge.events.values import MARK, Rival

_OWNERS = {"AgentBot": "agent_bot", "Captain::Assistant": "captain_assistant"}
_KINDS = frozenset(_OWNERS.values())


def speaker(content: dict[str, Any], inbox_id: int) -> Rival | None:
    """The bot that speaks to the customer in this message, unless our mark is on it."""
    is_ours = bool(dict_of(content.get("content_attributes")).get(MARK))
    if is_ours or content.get("private") is True or content.get("message_type") != "outgoing":
        return None
    return _rival(inbox_id, dict_of(content.get("sender")), "")


def owner(meta: Mapping[str, Any], inbox_id: int) -> Rival | None:
    """The bot that a conversation's `meta` names as its assignee; ours too, from Chatwoot 4.16 on."""
    return _rival(inbox_id, dict_of(meta.get("assignee")), text_of(meta.get("assignee_type")))


def _rival(inbox_id: int, who: dict[str, Any], kind: str) -> Rival | None:
    kind = text_of(who.get("type")) or _OWNERS.get(kind, "")
    return Rival(inbox_id, kind, int_of(who.get("id")), text_of(who.get("name"))) if kind in _KINDS else None
