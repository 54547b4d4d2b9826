"""REST answers, as Chatwoot's jbuilder views write them. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.sandbox import payloads
from bridge.sandbox.payloads import Body, epoch, iso
from bridge.sandbox.records import (
    Account,
    Bot,
    Contact,
    Conversation,
    DashboardApp,
    Inbox,
    Message,
    Team,
    Thread,
    User,
    Webhook,
)


def message(own: Message, echo_id: str | None = None) -> Body:
    """[_message.json.jbuilder] `echo_id` comes back as it was given and means nothing."""
    body: Body = {"id": own.id, "content": own.content, "inbox_id": own.inbox_id}
    if echo_id is not None:
        body["echo_id"] = echo_id
    body |= {
        "conversation_id": own.conversation_id,
        "message_type": int(own.message_type),
        "content_type": own.content_type,
        "status": own.status,
        "content_attributes": dict(own.content_attributes),
        "created_at": epoch(own.created_at),
        "private": own.private,
        "source_id": own.source_id,
    }
    if own.sender is not None:
        body["sender"] = payloads.pushed(own.sender)
    if own.attachments:
        body["attachments"] = [payloads.attachment(file, own) for file in own.attachments]
    return body


def messages(thread: Thread, page: Sequence[Message]) -> Body:
    """[messages/index.json.jbuilder] Oldest first, notes and activities among them."""
    own = thread.conversation
    meta: Body = {
        "labels": list(own.labels),
        "additional_attributes": dict(own.additional_attributes),
        "contact": contact(own.contact),
        "agent_last_seen_at": iso(own.agent_last_seen_at),
        "assignee_last_seen_at": None,
    }
    if own.assignee is not None:
        meta["assignee"] = assignee(own.assignee)
    return {"meta": meta, "payload": [message(each) for each in page]}


def conversation(thread: Thread, all_messages: Sequence[Message]) -> Body:
    """[_conversation.json.jbuilder] `messages` holds the very last one, be it an activity or a note."""
    own = thread.conversation
    meta: Body = {"sender": contact(own.contact), "channel": own.inbox.channel}
    if own.assignee is not None:
        meta |= {"assignee": assignee(own.assignee), "assignee_type": payloads.assignee_type(own)}
    if own.team is not None:
        meta |= {"team": team(own.team)}
    spoken = [each for each in all_messages if each.is_sent_to_webhooks]
    return {
        "meta": meta | {"hmac_verified": False},
        "id": own.id,
        "messages": [payloads.nested_message(each, thread) for each in all_messages[-1:]],
        "account_id": own.account_id,
        "uuid": own.uuid,
        "additional_attributes": dict(own.additional_attributes),
        "agent_last_seen_at": epoch(own.agent_last_seen_at),
        "assignee_last_seen_at": 0,
        "can_reply": thread.can_reply,
        "contact_last_seen_at": epoch(own.contact_last_seen_at),
        "custom_attributes": dict(own.custom_attributes),
        "inbox_id": own.inbox.id,
        "labels": list(own.labels),
        "muted": own.contact.blocked,
        "snoozed_until": iso(own.snoozed_until),
        "status": own.status,
        "created_at": epoch(own.created_at),
        "updated_at": own.updated_at.timestamp(),
        "timestamp": epoch(own.last_activity_at),
        "first_reply_created_at": epoch(own.first_reply_created_at),
        "unread_count": thread.unread,
        "last_non_activity_message": payloads.nested_message(spoken[-1], thread) if spoken else None,
        "last_activity_at": epoch(own.last_activity_at),
        "priority": own.priority,
        "waiting_since": epoch(own.waiting_since),
        "sla_policy_id": None,
    }


def status(own: Conversation, *, success: bool | None) -> Body:
    """[toggle_status.json.jbuilder] `success` is null after a bot's handoff: read `current_status`."""
    return {
        "meta": {},
        "payload": {
            "success": success,
            "conversation_id": own.id,
            "current_status": own.status,
            "snoozed_until": iso(own.snoozed_until),
        },
    }


def contact(own: Contact) -> Body:
    return {
        "additional_attributes": dict(own.additional_attributes),
        "availability_status": "online",
        "email": own.email,
        "id": own.id,
        "name": own.name,
        "phone_number": own.phone_number,
        "blocked": own.blocked,
        "identifier": None,
        "thumbnail": "",
        "custom_attributes": dict(own.custom_attributes),
    }


def assignee(who: User | Bot) -> Body:
    """[_agent.json.jbuilder, _agent_bot_slim.json.jbuilder]"""
    if isinstance(who, Bot):
        return {"id": who.id, "name": who.name, "type": "agent_bot"}
    return {
        "id": who.id,
        "account_id": who.account_id,
        "availability_status": "online",
        "auto_offline": True,
        "confirmed": True,
        "email": who.email,
        "available_name": who.name,
        "name": who.name,
        "role": who.role,
        "thumbnail": "",
    }


def profile(who: User, account: Account) -> Body:
    """[_user.json.jbuilder] What says whose token it is; the settings of the dashboard are left out."""
    return {
        "access_token": who.token,
        "account_id": account.id,
        "available_name": who.name,
        "avatar_url": "",
        "confirmed": True,
        "display_name": None,
        "email": who.email,
        "id": who.id,
        "name": who.name,
        "provider": "email",
        "role": who.role,
        "uid": who.email,
        "type": None,
        "accounts": [{"id": account.id, "name": account.name, "status": "active", "role": who.role}],
    }


def labels(own: Conversation) -> Body:
    return {"payload": list(own.labels)}


def team(own: Team) -> Body:
    """[_team.json.jbuilder]"""
    return {
        "id": own.id,
        "name": own.name,
        "description": None,
        "allow_auto_assign": own.assigns,
        "account_id": own.account_id,
        "is_member": True,
    }


def inbox(own: Inbox) -> Body:
    """[_inbox.json.jbuilder] The columns that say what and where it is."""
    return {"id": own.id, "name": own.name, "channel_type": own.channel, "greeting_message": own.greeting}


def bot(own: Bot, who: User | Bot) -> Body:
    """[_agent_bot.json.jbuilder]"""
    body: Body = {
        "id": own.id,
        "name": own.name,
        "description": own.description or None,
        "outgoing_url": own.url,
        "bot_type": "webhook",
        "bot_config": {},
        "account_id": own.account_id,
        "access_token": own.token,
        "system_bot": False,
    }
    is_administrator = isinstance(who, User) and who.role == "administrator"
    return body | {"secret": own.secret} if is_administrator else body


def dashboard_app(own: DashboardApp) -> Body:
    """[_dashboard_app.json.jbuilder]"""
    content = [{"type": "frame", "url": url} for url in own.urls]
    return {"id": own.id, "title": own.title, "content": content, "created_at": None}


def integration(own: str, inboxes: Sequence[Inbox]) -> Body:
    """[_app.json.jbuilder] An integration with its hooks, each in an inbox [_hook.json.jbuilder]."""
    hooks = [
        {
            "id": one.id,
            "app_id": own,
            "status": True,
            "inbox": {"id": one.id, "name": one.name},
            "account_id": one.account_id,
            "hook_type": "inbox",
        }
        for one in inboxes
    ]
    return {"id": own, "name": own.title(), "enabled": bool(hooks), "hooks": hooks}


def webhook(own: Webhook) -> Body:
    """[_webhook.json.jbuilder]"""
    return {
        "id": own.id,
        "url": own.url,
        "account_id": own.account_id,
        "subscriptions": list(own.subscriptions),
        "secret": own.secret,
    }
