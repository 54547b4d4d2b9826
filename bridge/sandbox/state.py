"""One Chatwoot's conversations: what customers do, on top of what everybody else does (`changes.py`)."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, get_args

from bridge.sandbox import channels, payloads
from bridge.sandbox.changes import Changes
from bridge.sandbox.directory import Directory
from bridge.sandbox.events import Event
from bridge.sandbox.faults import Faults
from bridge.sandbox.records import (
    Attachment,
    Contact,
    ContactInbox,
    Conversation,
    FileType,
    Inbox,
    Message,
    MessageType,
)
from bridge.sandbox.telling import utc_now


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a customer sends along."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A place that a customer sends: it has a name and coordinates, and no file."""

    name: str
    latitude: float
    longitude: float


class State(Changes):
    """Public methods are what people and the API do."""

    def __init__(
        self,
        directory: Directory,
        listener: Callable[[Event], None],
        *,
        now: Callable[[], datetime] = utc_now,
        public_url: str = "",
        faults: Faults | None = None,
        bot_owns: bool = False,
    ) -> None:
        super().__init__(directory, listener, now=now, faults=faults, bot_owns=bot_owns)
        self._public_url = public_url
        self._contact_ids, self._file_ids, self._provider_ids = count(1), count(1), count(1)

    def arrive(
        self, inbox: Inbox | None = None, *, name: str = "", email: str | None = None, **attributes: Any
    ) -> ContactInbox:
        """A new contact in `inbox`, the first one if none is given. No conversation begins yet."""
        number = next(self._contact_ids)
        inbox = inbox or next(iter(self.directory.inboxes.values()))
        contact = Contact(number, inbox.account_id, name or f"Visitor {number}", email, **attributes)
        visit = ContactInbox(
            number, contact, inbox, str(uuid.uuid4()), secrets.token_urlsafe(18), self._now()
        )
        self.visits[visit.source_id] = visit
        return visit

    def open_widget(self, visit: ContactInbox, info: Mapping[str, Any]) -> None:
        """The customer opens the chat window; `info` is what the browser tells."""
        current = self.conversation_of(visit)
        account = self.directory.accounts[visit.inbox.account_id]

        def body() -> payloads.Body:
            thread = None if current is None else self.thread(current)
            return payloads.webwidget_triggered(visit, account, thread, info)

        self._tell("webwidget_triggered", account.id, visit.inbox, body)

    def say(self, visit: ContactInbox, text: str | None, *uploads: Upload | Place, **info: Any) -> Message:
        """The customer writes. The widget, mail and API inboxes go on with the last conversation; elsewhere
        a resolved one is followed by a new one [whatsapp/incoming_message_base_service.rb:115].

        `info` are a new conversation's additional attributes.
        """
        channel = visit.inbox.channel
        attributes: dict[str, Any] = {}
        if channel == "Channel::WebWidget":
            attributes = {"in_reply_to": None}
        elif channel == "Channel::Whatsapp" and text is not None:
            attributes = {"in_reply_to_external_id": None}
        return self._hear(visit, text, info, attributes, tuple(self._keep(upload) for upload in uploads))

    def mail(
        self,
        visit: ContactInbox,
        subject: str,
        text: str,
        *,
        history: str = "",
        cc: Sequence[str] = (),
        auto_reply: bool = False,
    ) -> Message:
        """The customer writes a mail; `history` is what it quotes of earlier ones."""
        now = self._now()
        attributes = channels.mail(
            visit.contact.email or "", visit.inbox.name, subject, text, history, now, cc=cc,
            auto_reply=auto_reply,
        )  # fmt: skip
        info = {
            "in_reply_to": None,
            "source": "email",
            "auto_reply": auto_reply,
            "mail_subject": subject,
            "initiated_at": {"timestamp": payloads.iso(now)},
        }
        content = attributes["email"]["text_content"]["full"]
        return self._hear(visit, content, info, attributes, (), content_type="incoming_email")

    def echo(self, conversation: Conversation, text: str) -> Message:
        """A person answers in the channel's own app: outgoing, and nobody's [WhatsApp coexistence]."""
        source_id = channels.provider_id(conversation.inbox.channel, next(self._provider_ids), "ECHO")
        return self.add(
            conversation, MessageType.outgoing, text, source_id=source_id, status="delivered",
            content_attributes={"external_echo": True},
        )  # fmt: skip

    def block(self, visit: ContactInbox) -> ContactInbox:
        """The contact is blocked: what they write from now on begins and ends resolved."""
        blocked = replace(visit, contact=replace(visit.contact, blocked=True))
        self.visits[visit.source_id] = blocked
        conversation = self.conversation_of(visit)
        if conversation is not None:
            self.put(replace(conversation, contact_inbox=blocked))
        return blocked

    def submit(self, message: Message, values: Any) -> Message:
        """The customer fills in an input message: an update of that message, never a new one."""
        attributes = {**message.content_attributes, "submitted_values": values}
        return self.update(message, content_attributes=attributes)

    def _hear(
        self,
        visit: ContactInbox,
        text: str | None,
        info: Mapping[str, Any],
        attributes: Mapping[str, Any],
        attachments: tuple[Attachment, ...],
        *,
        content_type: str = "text",
    ) -> Message:
        visit = self.visits.get(visit.source_id, visit)  # the contact may have been blocked meanwhile
        conversation = self.conversation_of(visit)
        is_kept = visit.inbox.channel in {"Channel::WebWidget", "Channel::Email", "Channel::Api"}
        if conversation is None or (conversation.status == "resolved" and not is_kept):
            conversation = self.begin(visit, additional_attributes=info)
        source_id = None
        if visit.inbox.channel not in {"Channel::WebWidget", "Channel::Api"}:
            source_id = channels.provider_id(visit.inbox.channel, next(self._provider_ids), "IN")
        return self.add(
            conversation, MessageType.incoming, text, visit.contact, content_type=content_type,
            content_attributes=attributes, attachments=attachments, source_id=source_id,
        )  # fmt: skip

    def _keep(self, upload: Upload | Place) -> Attachment:
        number = next(self._file_ids)
        if isinstance(upload, Place):
            link = f"https://maps.google.com/?q={upload.latitude},{upload.longitude}"
            at = (upload.latitude, upload.longitude)
            return Attachment(number, "location", upload.name, "", b"", link, at)
        kind: FileType = "file"
        for media in get_args(FileType):
            if upload.content_type.startswith(f"{media}/"):
                kind = media
        url = f"{self._public_url}/rails/active_storage/blobs/redirect/{number}/{upload.name}"
        file = Attachment(number, kind, upload.name, upload.content_type, upload.data, url)
        self.files[number] = file
        return file
