"""A webhook body, read. Lenient: unknown events and fields are fine, a wrong type counts as missing.

A body that is refused would make Chatwoot open the conversation, so nothing here raises (bridge rule 3). What
the store has a bound for is cut to it.
"""

from __future__ import annotations

import json
from typing import Any

from bridge.events import mail
from bridge.events.choices import chosen_of
from bridge.events.fields import dict_of, dicts_of, int_of, text_of, texts_of, time_of
from bridge.events.files import attachments_of, transcript
from bridge.events.ratings import rating_of
from bridge.events.rivals import owner, speaker
from bridge.events.values import MARK, Event, Message, Role, Snapshot, has_person


def parse(body: bytes) -> Event | None:
    """The event in a webhook body; None where it is not a JSON object."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    name = text_of(content.get("event"))
    if name in {"message_created", "message_updated"}:
        conversation = dict_of(content.get("conversation"))
        return Event(name, _snapshot(conversation, content), _message(content, conversation))
    if name.startswith("conversation_"):
        shown = _snapshot(dict_of(content.get("conversation")) or content, content)
        return Event(name, shown)
    return Event(name)


def _message(content: dict[str, Any], conversation: dict[str, Any]) -> Message | None:
    number = int_of(content.get("id"))
    if not number:
        return None
    chosen, digest = chosen_of(content)
    if chosen:
        return _choice(number, content, conversation, chosen, digest)
    attributes = dict_of(content.get("content_attributes"))
    sender = dict_of(content.get("sender"))
    letter = dict_of(attributes.get("email"))
    subject = mail.subject_of(letter, conversation) if letter else ""
    files = attachments_of(content)
    words = mail.own_words(content, letter, _processed(number, conversation) if letter else "")
    return Message(
        id=number,
        role=_role(content, attributes, sender),
        text=mail.with_subject(subject, words) or transcript(files),
        at=time_of(content.get("created_at")),
        inbox_id=_inbox(content, conversation),
        contact_id=int_of(sender.get("id")),
        content_type=text_of(content.get("content_type")),
        attachments=files,
        mark=text_of(attributes.get(MARK)),
        error=text_of(attributes.get("external_error")),
        is_automatic=bool(letter)
        and mail.is_automatic(letter, conversation, text_of(sender.get("email")), subject),
        is_incoming=content.get("message_type") == "incoming",
        is_blocked=sender.get("blocked") is True,
        speaker=speaker(content, _inbox(content, conversation)),
        rating=rating_of(content),
    )


def _choice(
    number: int, content: dict[str, Any], conversation: dict[str, Any], words: str, digest: str
) -> Message:
    """The customer's, though it comes as a change of the bot's message: said when that was changed."""
    meta = dict_of(conversation.get("meta"))
    contact = dict_of(meta.get("sender"))
    return Message(
        id=number,
        role=Role.CUSTOMER,
        text=words,
        at=max(time_of(conversation.get("updated_at")), time_of(content.get("created_at"))),
        inbox_id=_inbox(content, conversation),
        contact_id=int_of(contact.get("id")),
        content_type=text_of(content.get("content_type")),
        mark=text_of(dict_of(content.get("content_attributes")).get(MARK)),
        is_incoming=True,
        is_blocked=contact.get("blocked") is True,
        chosen=digest,
    )


def _role(content: dict[str, Any], attributes: dict[str, Any], sender: dict[str, Any]) -> Role:
    """A null sender is a template, an automation, a campaign - or a person's phone (`external_echo`).

    Bridge rules 12 and 13.
    """
    if content.get("private") is True:
        return Role.NOTE
    kind = text_of(sender.get("type"))
    if content.get("message_type") == "incoming":
        return Role.CUSTOMER if sender and kind in {"", "contact"} else Role.SYSTEM
    if kind in {"agent_bot", "captain_assistant"}:
        return Role.BOT
    more = dict_of(content.get("additional_attributes"))
    is_automation = attributes.get("automation_rule_id") or more.get("campaign_id")
    is_spoken = content.get("message_type") == "outgoing" and content.get("content_type") != "input_csat"
    if is_spoken and not is_automation and (kind == "user" or attributes.get("external_echo") is True):
        return Role.PERSON
    return Role.SYSTEM


def _snapshot(conversation: dict[str, Any], content: dict[str, Any]) -> Snapshot | None:
    account = int_of(dict_of(conversation.get("account")).get("id")) or int_of(
        dict_of(content.get("account")).get("id")
    )
    number = int_of(conversation.get("id"))
    if not (account and number):
        return None
    meta = dict_of(conversation.get("meta"))
    more = dict_of(conversation.get("additional_attributes"))
    return Snapshot(
        account_id=account,
        id=number,
        status=text_of(conversation.get("status"))[:16],
        at=time_of(conversation.get("updated_at")),
        has_person=has_person(meta),
        language=(text_of(more.get("conversation_language")) or text_of(more.get("browser_language")))[:32],
        channel=_channel(conversation),
        inbox_id=_inbox(content, conversation),
        contact_id=int_of(dict_of(meta.get("sender")).get("id")),
        labels=texts_of(conversation.get("labels")),
        owner=owner(meta, _inbox(content, conversation)),
    )


def _channel(conversation: dict[str, Any]) -> str:
    """SMS and WhatsApp through Twilio are one class to Chatwoot; the contact's address tells them apart."""
    name = text_of(conversation.get("channel"))[:48]
    address = text_of(dict_of(conversation.get("contact_inbox")).get("source_id"))
    is_whatsapp = name == "Channel::TwilioSms" and address.startswith("whatsapp:")
    return f"{name}/whatsapp" if is_whatsapp else name


def _inbox(content: dict[str, Any], conversation: dict[str, Any]) -> int:
    return int_of(dict_of(content.get("inbox")).get("id")) or int_of(conversation.get("inbox_id"))


def _processed(number: int, conversation: dict[str, Any]) -> str:
    """The nested message's text without quotation, where it is this message: it may be another one."""
    for nested in dicts_of(conversation.get("messages")):
        if int_of(nested.get("id")) == number:
            return text_of(nested.get("processed_message_content"))
    return ""
