"""Bodies of webhooks, field by field as Chatwoot 4.15 serialises them. Pure functions.

Built from Chatwoot's source (numbers in brackets are its files and lines), held to the samples in
`tests/contract/chatwoot/`; neither was captured from a live server.

Traps that are Chatwoot's own and kept: a message's own type is a word and a nested message's a number; its
own time is ISO 8601 and a nested one seconds; a conversation's `waiting_since` is 0 when nobody waits and its
`updated_at` a fraction; a contact as sender has no `type`; nested messages are the last public one only.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bridge.sandbox import contents
from bridge.sandbox.records import (
    Account,
    Attachment,
    Bot,
    Contact,
    ContactInbox,
    Conversation,
    Inbox,
    Message,
    Sender,
    Team,
    Thread,
    User,
)

Body = dict[str, Any]
Changes = Mapping[str, tuple[Any, Any]]


def message_event(event: str, message: Message, thread: Thread) -> Body:
    """`message_created` and `message_updated` [message.rb:180]. There is no `changed_attributes` here."""
    body: Body = {
        "account": account(thread.account),
        "additional_attributes": dict(message.additional_attributes),
        "content_attributes": dict(message.content_attributes),
        "content_type": message.content_type,
        "content": contents.plain(contents.shown(message, thread)),
        "conversation": conversation(thread),
        "created_at": iso(message.created_at),
        "id": message.id,
        "inbox": inbox(thread.conversation.inbox),
        "message_type": message.message_type.name,
        "private": message.private,
        "sender": sender(message.sender, thread.account),
        "source_id": message.source_id,
    }
    if message.attachments:
        body["attachments"] = [attachment(file, message) for file in message.attachments]
    return body | {"event": event}


def conversation_event(event: str, thread: Thread) -> Body:
    """`conversation_created`, `_opened`, `_resolved`, `automation_event.…`: the conversation itself."""
    return conversation(thread) | {"event": event}


def conversation_status_changed(thread: Thread) -> Body:
    """`changed_attributes` is always null: read after the commit that clears it [conversation.rb:339]."""
    return conversation(thread) | {"event": "conversation_status_changed", "changed_attributes": None}


def conversation_updated(thread: Thread, changes: Changes) -> Body:
    """The only event with values before and after: a list of objects with one key each."""
    changed = [
        {name: {"previous_value": _json(before), "current_value": _json(after)}}
        for name, (before, after) in changes.items()
    ]
    return conversation(thread) | {"event": "conversation_updated", "changed_attributes": changed}


def typing_event(event: str, thread: Thread, actor: Sender, *, is_private: bool) -> Body:
    """`conversation_typing_on` and `_off`: to account webhooks only."""
    return {
        "event": event,
        "user": sender(actor, thread.account),
        "conversation": conversation(thread),
        "is_private": is_private,
    }


def webwidget_triggered(
    visit: ContactInbox, owner: Account, current: Thread | None, info: Mapping[str, Any]
) -> Body:
    """The widget was opened; in general there is no conversation yet."""
    return {
        "id": visit.id,
        "contact": sender(visit.contact, owner),
        "inbox": inbox(visit.inbox),
        "account": account(owner),
        "current_conversation": None if current is None else conversation(current),
        "source_id": visit.source_id,
        "event": "webwidget_triggered",
        "event_info": dict(info),
    }


def conversation(thread: Thread) -> Body:
    """The conversation as it stands in every webhook [event_data_presenter.rb]."""
    own = thread.conversation
    seconds = epoch(own.last_activity_at)
    return {
        "additional_attributes": dict(own.additional_attributes),
        "can_reply": thread.can_reply,
        "channel": own.inbox.channel,
        "contact_inbox": contact_inbox(own.contact_inbox),
        "id": own.id,
        "inbox_id": own.inbox.id,
        "messages": [] if thread.last_chat is None else [nested_message(thread.last_chat, thread)],
        "labels": list(own.labels),
        "meta": {
            "sender": pushed(own.contact),
            "assignee": None if own.assignee is None else pushed(own.assignee),
            "assignee_type": assignee_type(own),
            "team": None if own.team is None else team(own.team),
            "hmac_verified": False,
        },
        "status": own.status,
        "custom_attributes": dict(own.custom_attributes),
        "snoozed_until": iso(own.snoozed_until),
        "unread_count": thread.unread,
        "first_reply_created_at": iso(own.first_reply_created_at),
        "priority": own.priority,
        "waiting_since": epoch(own.waiting_since),
        "agent_last_seen_at": epoch(own.agent_last_seen_at),
        "contact_last_seen_at": epoch(own.contact_last_seen_at),
        "last_activity_at": seconds,
        "timestamp": seconds,
        "created_at": epoch(own.created_at),
        "updated_at": own.updated_at.timestamp(),
        "account": account(thread.account),
    }


def nested_message(message: Message, thread: Thread) -> Body:
    """A message inside a conversation [message.rb, push_event_data]. Without a sender the key is absent."""
    own = thread.conversation
    body: Body = {
        "id": message.id,
        "content": contents.shown(message, thread),
        "account_id": message.account_id,
        "inbox_id": message.inbox_id,
        "conversation_id": message.conversation_id,
        "message_type": int(message.message_type),
        "created_at": epoch(message.created_at),
        "updated_at": iso(message.updated_at),
        "private": message.private,
        "status": message.status,
        "source_id": message.source_id,
        "content_type": message.content_type,
        "content_attributes": dict(message.content_attributes),
        "sender_type": None if message.sender is None else type(message.sender).__name__,
        "sender_id": None if message.sender is None else message.sender.id,
        "external_source_ids": {},
        "additional_attributes": dict(message.additional_attributes),
        "processed_message_content": contents.trimmed(message, thread),
        "sentiment": {},
        "conversation": {
            "assignee_id": own.assignee.id if isinstance(own.assignee, User) else None,
            "unread_count": thread.unread,
            "last_activity_at": epoch(own.last_activity_at),
            "contact_inbox": {"source_id": own.contact_inbox.source_id},
        },
    }
    if isinstance(message.sender, Bot):
        body["sender_type"] = "AgentBot"
    if message.attachments:
        body["attachments"] = [attachment(file, message) for file in message.attachments]
    if message.sender is not None:
        body["sender"] = pushed(message.sender)
    return body


def sender(who: Sender | None, owner: Account) -> Body | None:
    """Who wrote it, at the top of a webhook. A contact has no `type` [contact.rb:167]."""
    match who:
        case None:
            return None
        case User():
            return {"id": who.id, "name": who.name, "email": who.email, "type": "user"}
        case Bot():
            return {"id": who.id, "name": who.name, "type": "agent_bot"}
        case Contact():
            return {"account": account(owner), "avatar": "", **_contact(who)}


def pushed(who: Sender) -> Body:
    """Who wrote it, in nested places and REST answers: here a contact does have a `type`."""
    match who:
        case User():
            return {
                "id": who.id,
                "name": who.name,
                "available_name": who.name,
                "avatar_url": "",
                "type": "user",
                "availability_status": "online",
                "thumbnail": "",
            }
        case Bot():
            return {"id": who.id, "name": who.name, "avatar_url": "", "type": "agent_bot"}
        case Contact():
            return {**_contact(who), "type": "contact"}


def team(own: Team) -> Body:
    return {"id": own.id, "name": own.name}


def assignee_type(own: Conversation) -> str | None:
    return None if own.assignee is None else "AgentBot" if isinstance(own.assignee, Bot) else "User"


def attachment(file: Attachment, message: Message) -> Body:
    """`data_url` needs no token. Audio has a `transcribed_text`, empty without the paid transcription; a
    place has coordinates and no file [attachment.rb:50].
    """
    if file.coordinates is not None:
        latitude, longitude = file.coordinates
        return {
            "id": file.id,
            "message_id": message.id,
            "file_type": file.file_type,
            "account_id": message.account_id,
            "coordinates_lat": latitude,
            "coordinates_long": longitude,
            "fallback_title": file.name,
            "data_url": file.url,
        }
    body: Body = {
        "id": file.id,
        "message_id": message.id,
        "file_type": file.file_type,
        "account_id": message.account_id,
        "extension": file.name.rpartition(".")[2],
        "content_type": file.content_type,
        "data_url": file.url,
        "thumb_url": file.url if file.file_type == "image" else "",
        "file_size": len(file.data),
        "width": None,
        "height": None,
    }
    return body | {"transcribed_text": ""} if file.file_type == "audio" else body


def account(owner: Account) -> Body:
    return {"id": owner.id, "name": owner.name}


def inbox(own: Inbox) -> Body:
    return {"id": own.id, "name": own.name}


def contact_inbox(visit: ContactInbox) -> Body:
    """All columns of the record, the credential `pubsub_token` included [event_data_presenter.rb:7]."""
    return {
        "id": visit.id,
        "contact_id": visit.contact.id,
        "inbox_id": visit.inbox.id,
        "source_id": visit.source_id,
        "created_at": iso(visit.created_at),
        "updated_at": iso(visit.created_at),
        "hmac_verified": False,
        "pubsub_token": visit.pubsub_token,
    }


def iso(moment: datetime | None) -> str | None:
    return (
        None
        if moment is None
        else moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    )


def epoch(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp())


def _contact(who: Contact) -> Body:
    return {
        "additional_attributes": dict(who.additional_attributes),
        "custom_attributes": dict(who.custom_attributes),
        "email": who.email,
        "id": who.id,
        "identifier": None,
        "name": who.name,
        "phone_number": who.phone_number,
        "thumbnail": "",
        "blocked": who.blocked,
    }


def _json(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    return list(value) if isinstance(value, tuple) else value
