"""Webhook bodies as values of ours, and whether a message is a customer's question. Pure, and total.

Parsing is lenient: unknown events and fields are fine, a field of the wrong type counts as missing. A body
that is refused would make Chatwoot open the conversation, so nothing here raises.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import regex

MARK = "kbtool_turn"
"""The key in `content_attributes` by which a post of ours is found again."""


class Role(StrEnum):
    """Who speaks. `NOTE` is private, whoever wrote it; `SYSTEM` is a template, campaign or automation."""

    CUSTOMER = "customer"
    PERSON = "person"
    BOT = "bot"
    NOTE = "note"
    SYSTEM = "system"


class Verdict(StrEnum):
    """The reply filter in one word: `ASKS` is answered, all others are not."""

    ASKS = "asks"
    NOT_A_NEW_MESSAGE = "not_a_new_message"
    PRIVATE = "private"
    NOT_INCOMING = "not_incoming"
    NOT_A_CUSTOMER = "not_a_customer"
    CONTENT_TYPE = "content_type"
    VOICE_CALL = "voice_call"
    OTHER_INBOX = "other_inbox"
    AUTO_REPLY = "auto_reply"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A conversation as an event showed it. `at` is its `updated_at`, seconds since 1970; 0 when unknown.

    `id` is the display id, unique in its account only. `language` is what the channel says of the customer.
    """

    account_id: int
    id: int
    status: str
    at: float = 0.0
    has_person: bool = False
    language: str = ""
    channel: str = ""
    inbox_id: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A message as an event showed it. `text` is what its author wrote, without quoted mail."""

    id: int
    role: Role
    text: str
    at: float
    inbox_id: int = 0
    contact_id: int = 0
    content_type: str = ""
    attachments: tuple[str, ...] = ()
    mark: str = ""
    error: str = ""
    is_automatic: bool = False
    is_incoming: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery, understood as far as it goes."""

    name: str
    conversation: Snapshot | None = None
    message: Message | None = None


_SPOKEN = frozenset({"text", "incoming_email", "sticker"})
_NO_REPLY = regex.compile(r"^(?:no-?reply|do-?not-?reply|mailer-daemon|postmaster)\b", regex.IGNORECASE)


def parse(body: bytes) -> Event | None:
    """The event in a webhook body; None where it is not a JSON object."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    name = _text(content.get("event"))
    if name in {"message_created", "message_updated"}:
        return Event(name, _snapshot(_dict(content.get("conversation")), content), _message(content))
    if name.startswith("conversation_"):
        return Event(name, _snapshot(_dict(content.get("conversation")) or content, content))
    return Event(name)


def verdict(event: Event, inboxes: Collection[int]) -> Verdict:
    """Whether this is a customer's message that wants an answer; `inboxes` empty means all.

    The conditions are those of Chatwoot's payloads: contacts are the only senders without a type, bots are
    sent their own messages, private notes and templates too (bridge rule 8).
    """
    message = event.message
    if event.name != "message_created" or message is None or event.conversation is None:
        return Verdict.NOT_A_NEW_MESSAGE
    checks = (
        (message.role is Role.NOTE, Verdict.PRIVATE),
        (not message.is_incoming, Verdict.NOT_INCOMING),
        (message.role is not Role.CUSTOMER, Verdict.NOT_A_CUSTOMER),
        (message.content_type == "voice_call", Verdict.VOICE_CALL),
        (message.content_type not in _SPOKEN, Verdict.CONTENT_TYPE),
        (bool(inboxes) and message.inbox_id not in inboxes, Verdict.OTHER_INBOX),
        (message.is_automatic, Verdict.AUTO_REPLY),
    )
    return next((word for is_so, word in checks if is_so), Verdict.ASKS)


def _message(content: dict[str, Any]) -> Message | None:
    number = _int(content.get("id"))
    if not number:
        return None
    attributes = _dict(content.get("content_attributes"))
    sender = _dict(content.get("sender"))
    mail = _dict(attributes.get("email"))
    files = [file for file in _list(content.get("attachments")) if isinstance(file, dict)]
    spoken = " ".join(_text(file.get("transcribed_text")) for file in files).strip()
    return Message(
        id=number,
        role=_role(content, attributes, sender),
        text=(_mail_text(mail) or _text(content.get("content")) or spoken).strip(),
        at=_time(content.get("created_at")),
        inbox_id=_int(_dict(content.get("inbox")).get("id")),
        contact_id=_int(sender.get("id")),
        content_type=_text(content.get("content_type")),
        attachments=tuple(_text(file.get("file_type")) or "file" for file in files),
        mark=_text(attributes.get(MARK)),
        error=_text(attributes.get("external_error")),
        is_automatic=mail.get("auto_reply") is True
        or bool(mail and _NO_REPLY.search(_text(sender.get("email")))),
        is_incoming=content.get("message_type") == "incoming",
    )


def _role(content: dict[str, Any], attributes: dict[str, Any], sender: dict[str, Any]) -> Role:
    """A null sender is a template, an automation, a campaign - or a person's phone (`external_echo`)."""
    if content.get("private") is True:
        return Role.NOTE
    kind = _text(sender.get("type"))
    if content.get("message_type") == "incoming":
        return Role.CUSTOMER if sender and kind in {"", "contact"} else Role.SYSTEM
    if kind in {"agent_bot", "captain_assistant"}:
        return Role.BOT
    is_outgoing = content.get("message_type") == "outgoing"
    is_automation = attributes.get("automation_rule_id") or _dict(content.get("additional_attributes")).get(
        "campaign_id"
    )
    if is_outgoing and not is_automation and (kind == "user" or attributes.get("external_echo") is True):
        return Role.PERSON
    return Role.SYSTEM


def _snapshot(conversation: dict[str, Any], content: dict[str, Any]) -> Snapshot | None:
    account = _int(_dict(conversation.get("account")).get("id")) or _int(
        _dict(content.get("account")).get("id")
    )
    number = _int(conversation.get("id"))
    if not (account and number):
        return None
    meta = _dict(conversation.get("meta"))
    more = _dict(conversation.get("additional_attributes"))
    return Snapshot(
        account_id=account,
        id=number,
        status=_text(conversation.get("status")),
        at=_time(conversation.get("updated_at")),
        has_person=has_person(meta),
        language=_text(more.get("conversation_language")) or _text(more.get("browser_language")),
        channel=_text(conversation.get("channel")),
        inbox_id=_int(conversation.get("inbox_id")),
        labels=tuple(filter(None, map(_text, _list(conversation.get("labels"))))),
    )


def has_person(meta: dict[str, Any]) -> bool:
    """Whether a conversation's `meta` names a person (not a bot) as its assignee."""
    kind = _text(meta.get("assignee_type")) or _text(_dict(meta.get("assignee")).get("type"))
    return bool(_dict(meta.get("assignee"))) and kind.casefold() in {"", "user"}


def _mail_text(mail: dict[str, Any]) -> str:
    """A mail's own words: Chatwoot calls the part without the quoted history `quoted`."""
    plain = _text(_dict(mail.get("text_content")).get("quoted"))
    return plain or _text(_dict(mail.get("html_content")).get("quoted"))


def _time(value: Any) -> float:
    """Seconds since 1970 of an ISO date or a number; 0.0 where it is neither."""
    if isinstance(value, bool):
        return 0.0
    if isinstance(value, (int, float)):
        return float(value) if 0 <= value < 1e12 else 0.0
    try:
        return datetime.fromisoformat(_text(value)).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _int(value: Any) -> int:
    """A positive id that the store can keep, else 0."""
    return value if type(value) is int and 0 < value < 2**63 else 0


def _text(value: Any) -> str:
    """A string without lone surrogates, which JSON can carry and no database takes."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
