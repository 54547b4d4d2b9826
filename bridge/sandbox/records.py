"""What Chatwoot keeps, as frozen records: a change is a new record, so that a payload cannot change later.

An id is global, except that a conversation's is its display id, unique in its account only: the database id
of a conversation never leaves Chatwoot. Times are aware, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal, get_args

Status = Literal["open", "resolved", "pending", "snoozed"]
Priority = Literal["low", "medium", "high", "urgent"]
Channel = Literal[
    "Channel::WebWidget", "Channel::Api", "Channel::Email", "Channel::Whatsapp", "Channel::Telegram",
    "Channel::FacebookPage", "Channel::Instagram", "Channel::Line", "Channel::TwilioSms", "Channel::Sms",
]  # fmt: skip
FileType = Literal["image", "audio", "video", "file", "location", "fallback"]
Attributes = Mapping[str, Any]


def parse_status(given: object) -> Status | None:
    """`given` as a status, or None if there is no such status."""
    statuses: tuple[Status, ...] = get_args(Status)
    return next((status for status in statuses if status == given), None)


class MessageType(IntEnum):
    """Numbers in REST answers and nested messages, names in a webhook's own message."""

    incoming = 0
    outgoing = 1
    activity = 2
    template = 3


@dataclass(frozen=True, slots=True)
class Account:
    """`url` is Chatwoot's own address (FRONTEND_URL), which links in messages begin with."""

    id: int
    name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bot:
    """`account_id` is the account that owns it. Its token reaches the conversations of that account."""

    id: int
    account_id: int
    name: str
    url: str
    secret: str
    token: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class User:
    id: int
    account_id: int
    name: str
    email: str
    token: str
    role: Literal["administrator", "agent"] = "agent"
    inboxes: tuple[int, ...] | None = None

    def sees(self, inbox_id: int) -> bool:
        """Administrators see every inbox, agents those that they are members of."""
        return self.role == "administrator" or self.inboxes is None or inbox_id in self.inboxes


@dataclass(frozen=True, slots=True)
class Team:
    """`members` are users' ids; with `assigns`, the first of them gets what the team is given."""

    id: int
    account_id: int
    name: str
    members: tuple[int, ...] = ()
    assigns: bool = False


@dataclass(frozen=True, slots=True)
class Webhook:
    id: int
    account_id: int
    url: str
    secret: str
    subscriptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inbox:
    """`bot_is_on` is the status of the row that joins it with its bot: an inactive one is not called, and no
    longer makes new conversations pending [agent_bot_inbox.rb].
    """

    id: int
    account_id: int
    name: str
    channel: Channel
    bot: Bot | None = None
    greeting: str = ""
    bot_is_on: bool = True

    @property
    def active_bot(self) -> Bot | None:
        return self.bot if self.bot_is_on else None


@dataclass(frozen=True, slots=True)
class DashboardApp:
    id: int
    account_id: int
    title: str
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contact:
    id: int
    account_id: int
    name: str
    email: str | None = None
    phone_number: str | None = None
    additional_attributes: Attributes = field(default_factory=dict)
    custom_attributes: Attributes = field(default_factory=dict)
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class ContactInbox:
    """A contact in an inbox. `source_id` is the customer's own key; `pubsub_token` is a credential."""

    id: int
    contact: Contact
    inbox: Inbox
    source_id: str
    pubsub_token: str
    created_at: datetime


Sender = User | Bot | Contact


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, or a place: only the latter has `coordinates` (latitude, longitude), and no file."""

    id: int
    file_type: FileType
    name: str
    content_type: str
    data: bytes
    url: str
    coordinates: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    account_id: int
    inbox_id: int
    conversation_id: int
    message_type: MessageType
    content: str | None
    created_at: datetime
    updated_at: datetime
    sender: Sender | None = None
    private: bool = False
    content_type: str = "text"
    content_attributes: Attributes = field(default_factory=dict)
    additional_attributes: Attributes = field(default_factory=dict)
    source_id: str | None = None
    status: Literal["sent", "delivered", "read", "failed"] = "sent"
    attachments: tuple[Attachment, ...] = ()

    @property
    def is_chat(self) -> bool:
        """Of the customer's view: neither an activity nor a private note [scope :chat]."""
        return self.message_type is not MessageType.activity and not self.private

    @property
    def is_sent_to_webhooks(self) -> bool:
        """Activities never are, private notes are [message_filter_helpers.rb:8]."""
        return self.message_type is not MessageType.activity

    @property
    def is_human_response(self) -> bool:
        """By a person at the desk or at the channel's own app, not by a rule [message.rb:224]."""
        is_person = isinstance(self.sender, User) or self.content_attributes.get("external_echo") is True
        return (
            self.message_type is MessageType.outgoing
            and is_person
            and "automation_rule_id" not in self.content_attributes
        )


@dataclass(frozen=True, slots=True)
class Conversation:
    id: int
    account_id: int
    contact_inbox: ContactInbox
    uuid: str
    status: Status
    created_at: datetime
    updated_at: datetime
    last_activity_at: datetime
    waiting_since: datetime | None
    assignee: User | Bot | None = None
    team: Team | None = None
    first_reply_created_at: datetime | None = None
    snoozed_until: datetime | None = None
    agent_last_seen_at: datetime | None = None
    contact_last_seen_at: datetime | None = None
    priority: Priority | None = None
    labels: tuple[str, ...] = ()
    additional_attributes: Attributes = field(default_factory=dict)
    custom_attributes: Attributes = field(default_factory=dict)

    @property
    def inbox(self) -> Inbox:
        return self.contact_inbox.inbox

    @property
    def contact(self) -> Contact:
        return self.contact_inbox.contact


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation at one moment, with what its payload is made of besides its own columns."""

    account: Account
    conversation: Conversation
    last_chat: Message | None
    unread: int
    can_reply: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """A row of the reports: `conversation_bot_handoff`, `conversation_bot_resolved` or `first_response`."""

    name: str
    account_id: int
    conversation_id: int
    at: datetime
