"""What lies behind a channel: how long its texts may be, who has a messaging window, what a mail looks like.

Chatwoot takes any text; the provider refuses a long one afterwards (MessageTypeHelper.js:5-24 has the
bounds, in the dashboard only).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bridge.sandbox.records import Channel, Message

LONGEST: dict[Channel, int] = {
    "Channel::Whatsapp": 4096, "Channel::Telegram": 4096, "Channel::FacebookPage": 2000,
    "Channel::Instagram": 1000, "Channel::Line": 2000, "Channel::TwilioSms": 320, "Channel::Sms": 160,
}  # fmt: skip
WINDOWS: dict[Channel, timedelta] = {
    "Channel::Whatsapp": timedelta(hours=24),
    "Channel::FacebookPage": timedelta(days=7),
    "Channel::Instagram": timedelta(days=7),
}
_PREFIX: dict[Channel, str] = {"Channel::Whatsapp": "wamid."}

WINDOW_ERROR = "Template not found or invalid template name"
"""What WhatsApp's free text becomes behind the window [send_on_whatsapp_service.rb:27]."""


def refusal(channel: Channel, message: Message, *, can_reply: bool, error: str) -> str:
    """Why the channel does not deliver `message`; empty where it does. `error` is the fault switched on."""
    if not can_reply:
        return WINDOW_ERROR
    if len(message.content or "") > LONGEST.get(channel, 10_000):
        return f"(#100) Param text must be at most {LONGEST.get(channel, 10_000)} characters long."
    return error


def can_reply(channel: Channel, last_incoming: datetime | None, now: datetime, *, is_closed: bool) -> bool:
    """Whether text may be sent now: not behind a channel's messaging window. `is_closed` is the fault."""
    window = WINDOWS.get(channel)
    if window is None:
        return True
    return not is_closed and last_incoming is not None and now - last_incoming < window


def provider_id(channel: Channel, message_id: int, direction: str) -> str:
    """What the provider calls a message: unique, and recognisable as WhatsApp's where it is."""
    return f"{_PREFIX.get(channel, 'channel.')}{direction}{message_id}"


def mail(
    address: str,
    to: str,
    subject: str,
    text: str,
    history: str,
    sent_at: datetime,
    *,
    cc: Sequence[str],
    auto_reply: bool,
) -> dict[str, Any]:
    """`content_attributes` of an incoming mail [mail_presenter.rb]: `quoted` is the text WITHOUT history."""
    full = f"{text}\n\n{history}" if history else text
    html = {"full": f"<div>{text}</div><blockquote>{history}</blockquote>", "reply": full, "quoted": text}
    return {
        "email": {
            "bcc": None,
            "cc": list(cc),
            "content_type": "multipart/alternative; boundary=000000",
            "date": sent_at.isoformat(timespec="milliseconds"),
            "from": [address],
            "headers": {},
            "html_content": html,
            "in_reply_to": None,
            "message_id": f"{sent_at.timestamp()}@mail.example",
            "multipart": True,
            "number_of_attachments": 0,
            "references": None,
            "subject": subject,
            "text_content": {"full": full, "reply": full, "quoted": text},
            "to": [to],
            "auto_reply": auto_reply,
        },
        "cc_email": list(cc),
        "bcc_email": None,
    }
