"""What the page shows, as JSON. Pure functions; times are ISO 8601."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, get_args

from bridge.sandbox.access import Refused
from bridge.sandbox.faults import CallFault, Duplicates, Faults, Kind
from bridge.sandbox.page.switches import Switches
from bridge.sandbox.payloads import iso
from bridge.sandbox.records import Bot, Contact, ContactInbox, Conversation, Message, MessageType, User
from bridge.sandbox.state import State

Body = dict[str, Any]


def chat(state: State, visit: ContactInbox) -> Body:
    """The customer's side: public messages only."""
    conversation = state.conversation_of(visit)
    if conversation is None:
        return {
            "name": visit.contact.name,
            "conversation": None,
            "status": None,
            "typing": False,
            "messages": [],
        }
    own = [entry(message) for message in state.messages(conversation) if message.is_chat]
    return {
        "name": visit.contact.name,
        "conversation": conversation.id,
        "status": conversation.status,
        "typing": any(isinstance(who, User | Bot) for who in state.typing(conversation)),
        "messages": own,
    }


def overview(state: State, account_id: int) -> list[Body]:
    """The desk's list, latest first."""
    own = [c for (account, _), c in state.conversations.items() if account == account_id]
    own.sort(key=lambda conversation: conversation.last_activity_at, reverse=True)
    return [_row(state, conversation) for conversation in own]


def thread(state: State, conversation: Conversation) -> Body:
    """The desk's side: private notes and activities too."""
    assignee = conversation.assignee
    return {
        "id": conversation.id,
        "name": conversation.contact.name,
        "status": conversation.status,
        "assignee": None if assignee is None else assignee.name,
        "labels": list(conversation.labels),
        "messages": [entry(message) for message in state.messages(conversation)],
    }


def entry(message: Message) -> Body:
    """One message. `items` are what an input_select offers, `chosen` what was taken."""
    attributes = message.content_attributes
    return {
        "id": message.id,
        "who": _side(message),
        "name": None if message.sender is None else message.sender.name,
        "private": message.private,
        "text": message.content or "",
        "at": iso(message.created_at),
        "items": list(attributes.get("items", ())) if message.content_type == "input_select" else [],
        "chosen": attributes.get("submitted_values"),
        "files": [
            {"name": file.name, "url": f"/rails/active_storage/disk/{file.id}/{file.name}"}
            for file in message.attachments
        ],
    }


def _side(message: Message) -> str:
    match message.sender:
        case Contact():
            return "customer"
        case Bot():
            return "bot"
        case User():
            return "agent"
        case None:
            return "activity" if message.message_type is MessageType.activity else "system"


def _row(state: State, conversation: Conversation) -> Body:
    last = state.thread(conversation).last_chat
    return {
        "id": conversation.id,
        "name": conversation.contact.name,
        "status": conversation.status,
        "unread": state.unread(conversation),
        "last": "" if last is None else (last.content or "(file)"),
    }


def around(switches: Switches | None) -> Body | None:
    """How Dify is, and whether there is a bridge; None where that is not the sandbox's to say."""
    return None if switches is None else {"dify": switches.dify, "bridge": switches.is_up}


def faults(now: Faults) -> Body:
    """What is switched on."""
    return asdict(now)


def parse_faults(body: Mapping[str, Any]) -> Faults:
    """The same back from the page. Raises Refused (422) where a value is none that the sandbox knows."""
    try:
        calls = tuple(CallFault(**call) for call in body.get("calls", ()))
        switched = Faults(**{**body, "calls": calls})
    except TypeError as error:
        raise Refused(422, {"error": f"There is no such fault: {error}."}) from error
    is_known = switched.duplicates in get_args(Duplicates) and all(
        call.kind in get_args(Kind)
        and _is_number(call.seconds)
        and 100 <= call.status <= 599
        and (call.times is None or _is_number(call.times))
        for call in calls
    )
    if not (is_known and _is_number(switched.shuffle_seconds)):
        raise Refused(422, {"error": "A fault has a value that it cannot have."})
    return switched


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 <= value <= 3600
