"""What POST …/messages takes: read as Chatwoot's builder does, refused in its words.

Whatever goes wrong there is a 422 with one `error` [messages_controller.rb:12].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.access import Refused
from bridge.sandbox.records import Inbox, MessageType

CONTENT_MAX = 150_000
CONTENT_TYPES = frozenset(
    {
        "text", "input_text", "input_textarea", "input_email", "input_select", "cards", "form", "article",
        "incoming_email", "input_csat", "integrations", "sticker", "voice_call",
    }
)  # fmt: skip
_KNOWN = frozenset({"items", "submitted_values", "in_reply_to", "in_reply_to_external_id", "display_type"})
# What an item may contain [content_attribute_validator.rb]
_ITEM_KEYS = {
    "input_select": {"title", "value"},
    "cards": {"title", "description", "media_url", "actions"},
    "form": {"type", "placeholder", "label", "name", "options", "default", "required", "pattern", "title",
             "pattern_error"},
    "article": {"title", "description", "link"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that may be stored."""

    message_type: MessageType
    content: str | None
    private: bool
    content_type: str
    content_attributes: Mapping[str, Any] = field(default_factory=dict)
    source_id: str | None = None


def unprocessable(error: str) -> Refused:
    return Refused(422, {"error": error})


def read(body: Mapping[str, Any], inbox: Inbox, *, keeps_unknown: bool = True) -> Draft:
    """The message that `body` asks for. With a `source_id` it is stored and never sent to the channel
    [send_on_channel_service.rb:41]. An older builder drops attributes that it does not know.
    """
    kind = body.get("message_type") or "outgoing"
    if kind not in MessageType.__members__:
        raise unprocessable(f"'{kind}' is not a valid message_type")
    if kind == "incoming" and inbox.channel != "Channel::Api":
        raise unprocessable("Incoming messages are only allowed in Api inboxes")
    content = body.get("content")
    if content is not None and not isinstance(content, str):
        content = str(content)
    if content is not None and len(content) > CONTENT_MAX:
        raise unprocessable(f"Validation failed: Content is too long (maximum is {CONTENT_MAX} characters)")
    content_type = body.get("content_type") or "text"
    if content_type not in CONTENT_TYPES:
        raise unprocessable(f"'{content_type}' is not a valid content_type")
    attributes = _attributes(body.get("content_attributes"))
    if not keeps_unknown:
        attributes = {name: value for name, value in attributes.items() if name in _KNOWN}
    _require_items(content_type, attributes)
    return Draft(
        MessageType[kind],
        content,
        body.get("private") in (True, "true", "1", 1),
        content_type,
        attributes,
        None if body.get("source_id") is None else str(body["source_id"]),
    )


def _attributes(given: Any) -> dict[str, Any]:
    """A hash, or a hash as a JSON string; anything else counts as none."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return {}
    return dict(given) if isinstance(given, Mapping) else {}


def _require_items(content_type: str, attributes: Mapping[str, Any]) -> None:
    allowed = _ITEM_KEYS.get(content_type)
    if allowed is None:
        return
    items = attributes.get("items")
    if not isinstance(items, list) or not items:
        raise unprocessable("Validation failed: Content attributes At least one item is required.")
    if not all(isinstance(item, Mapping) for item in items):
        raise unprocessable("Validation failed: Content attributes Items should be a hash.")
    unknown = sorted({key for item in items for key in item} - allowed)
    if unknown:
        raise unprocessable(
            f"Validation failed: Content attributes contains invalid keys for items : {unknown}"
        )
