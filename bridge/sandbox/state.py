"""Conversations and messages, and what follows from a change, as Chatwoot's models do it.

Everything lives in memory and in one event loop; nothing here waits. A change is stored, then told to the
`listener` as `Event`s in Chatwoot's order. Not here, because no bridge can see it: teams, campaigns,
automation rules, Captain, messaging windows; and **Liquid is not expanded** in outgoing text, where Chatwoot
would replace `{{contact.name}}` [liquidable.rb:25].
"""

from __future__ import annotations

import secrets
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, get_args

from bridge.sandbox import activity, payloads
from bridge.sandbox.directory import Directory
from bridge.sandbox.events import BOT_EVENTS, Event
from bridge.sandbox.records import (
    Attachment,
    Bot,
    Contact,
    ContactInbox,
    Conversation,
    FileType,
    Inbox,
    Message,
    MessageType,
    Sender,
    Status,
    Thread,
    User,
)
from bridge.sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a customer sends along."""

    name: str
    content_type: str
    data: bytes


def utc_now() -> datetime:
    return datetime.now(UTC)


class State(Store):
    """One Chatwoot's conversations. Public methods are what people and the API do to it."""

    def __init__(
        self,
        directory: Directory,
        listener: Callable[[Event], None],
        *,
        now: Callable[[], datetime] = utc_now,
        public_url: str = "",
    ) -> None:
        super().__init__(directory)
        self._listener = listener
        self._now = now
        self._public_url = public_url
        self._message_ids, self._contact_ids, self._file_ids = count(1), count(1), count(1)
        self._display_ids: defaultdict[int, count[int]] = defaultdict(lambda: count(1))

    # What a customer does

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

    def say(self, visit: ContactInbox, text: str | None, *uploads: Upload, **info: Any) -> Message:
        """The customer writes; a conversation begins with the first message, and the widget keeps to it.

        `info` are the new conversation's additional attributes.
        """
        conversation = self.conversation_of(visit) or self.begin(visit, additional_attributes=info)
        attributes = {"in_reply_to": None} if visit.inbox.channel == "Channel::WebWidget" else {}
        return self.add(
            conversation, MessageType.incoming, text, visit.contact,
            content_attributes=attributes, attachments=tuple(self._keep(upload) for upload in uploads),
        )  # fmt: skip

    def submit(self, message: Message, values: Any) -> Message:
        """The customer fills in an input message: an update of that message, never a new one."""
        attributes = {**message.content_attributes, "submitted_values": values}
        return self.update(message, content_attributes=attributes)

    # What the desk, the bot and the API do

    def begin(self, visit: ContactInbox, **fields: Any) -> Conversation:
        """A new conversation; pending if the inbox has a bot, whatever was asked [conversation.rb:280]."""
        now = self._now()
        account_id = visit.inbox.account_id
        display_id = next(self._display_ids[account_id])
        status: Status = fields.pop("status", "open")
        if visit.contact.blocked:
            status = "resolved"
        elif visit.inbox.bot is not None:
            status = "pending"
        conversation = Conversation(
            display_id, account_id, visit, str(uuid.uuid4()), status, now, now, now, now, **fields
        )
        self.put(conversation)
        self._tell_about(conversation, "conversation_created", payloads.conversation_event)
        return conversation

    def add(
        self,
        conversation: Conversation,
        message_type: MessageType,
        content: str | None,
        sender: Sender | None = None,
        **fields: Any,
    ) -> Message:
        """A new message and its consequences, in Chatwoot's order [message.rb:324].

        Incoming: a resolved conversation comes back *before* the message is told, pending if the inbox has a
        bot; a snoozed one comes back open. Then the event, and only then `waiting_since` and the first reply.
        """
        if message_type is MessageType.incoming:
            self._reopen(self.current(conversation))
        now = self._now()
        current = self.current(conversation)
        message = Message(
            next(self._message_ids), current.account_id, current.inbox.id, current.id, message_type, content,
            now, now, sender, **fields,
        )  # fmt: skip
        self.put_message(message)
        seen = now if message_type is MessageType.incoming else current.contact_last_seen_at
        self.put(replace(current, last_activity_at=now, contact_last_seen_at=seen, updated_at=now))
        if isinstance(sender, User | Bot):
            self.put_typing(current, sender, is_on=False)
        self._tell_message("message_created", message)
        self._note_waiting(message)
        if message_type is MessageType.incoming:
            self._greet(current)
        return message

    def update(self, message: Message, **fields: Any) -> Message:
        """A changed message: `message_updated`, whatever has changed."""
        updated = replace(message, updated_at=self._now(), **fields)
        self.put_message(updated)
        self._tell_message("message_updated", updated)
        return updated

    def save(self, conversation: Conversation, by: User | Bot | None = None, **fields: Any) -> Conversation:
        """Changed columns and their events: a resolve is three deliveries to a bot [conversation.rb:246]."""
        before = self.current(conversation)
        after = replace(before, **fields)
        if after.status != "snoozed":
            after = replace(after, snoozed_until=None)
        old, new = _columns(before), _columns(after)
        changes = {name: (old[name], new[name]) for name in new if old[name] != new[name]}
        if not changes:
            return before
        after = replace(after, updated_at=self._now())
        changes["updated_at"] = (before.updated_at, after.updated_at)
        if "status" in changes and after.status == "resolved":
            after = replace(after, waiting_since=None)  # written past the callbacks: no change is told
        self.put(after)
        if "status" in changes:
            if after.status in ("open", "resolved"):
                name = "conversation_opened" if after.status == "open" else "conversation_resolved"
                self._tell_about(after, name, payloads.conversation_event)
            self._tell_about(
                after,
                "conversation_status_changed",
                lambda _, thread: payloads.conversation_status_changed(thread),
            )
        for sentence in activity.of_change(before, after, by):
            self.add(after, MessageType.activity, sentence)
        ordered = dict(sorted(changes.items()))
        self._tell_about(
            after, "conversation_updated", lambda _, thread: payloads.conversation_updated(thread, ordered)
        )
        return self.current(after)

    def set_status(
        self,
        conversation: Conversation,
        status: Status,
        by: User | Bot,
        snoozed_until: datetime | None = None,
    ) -> Conversation:
        """A bot that opens a pending conversation hands it off; an agent who opens one takes it
        [conversations_controller.rb:91]. There is no event of its own for a handoff.
        """
        current = self.current(conversation)
        if isinstance(by, Bot) and (current.status, status) == ("pending", "open"):
            return self.save(current, by, status=status, waiting_since=current.waiting_since or self._now())
        after = self.save(current, by, status=status, snoozed_until=snoozed_until)
        if status == "open" and isinstance(by, User) and by.role == "agent":
            after = self.save(after, by, assignee=by)
        return after

    def reply(
        self, conversation: Conversation, text: str, by: User | Bot, *, private: bool = False
    ) -> Message:
        """A public reply, or a note that the customer never sees. A person's reply changes no status."""
        return self.add(conversation, MessageType.outgoing, text, by, private=private)

    def open_after_bot_failure(self, account_id: int, conversation_id: int) -> None:
        """The bot's webhook failed for good: a pending conversation goes to a person [trigger.rb:65]."""
        conversation = self.conversations[account_id, conversation_id]
        if conversation.status == "pending":
            self.save(conversation, status="open")
            self.add(conversation, MessageType.activity, activity.BOT_FAILED)

    def type(
        self, conversation: Conversation, who: User | Bot, *, is_on: bool, is_private: bool = False
    ) -> None:
        """Somebody types, or stops."""
        self.put_typing(conversation, who, is_on=is_on)
        name = "conversation_typing_on" if is_on else "conversation_typing_off"
        self._tell_about(
            conversation,
            name,
            lambda event, thread: payloads.typing_event(event, thread, who, is_private=is_private),
        )

    def see(self, conversation: Conversation) -> None:
        """Somebody at the desk reads it; no event."""
        self.put(replace(self.current(conversation), agent_last_seen_at=self._now()))

    # Consequences

    def _reopen(self, conversation: Conversation) -> None:
        if conversation.contact.blocked:
            return
        if conversation.status == "snoozed":
            self.save(conversation, status="open")
        elif conversation.status == "resolved":
            self.save(conversation, status="open" if conversation.inbox.bot is None else "pending")

    def _note_waiting(self, message: Message) -> None:
        """After the event: a reply ends the waiting, a customer's message begins it [message.rb:344]."""
        conversation = self.conversations[message.account_id, message.conversation_id]
        if message.message_type is MessageType.incoming:
            if conversation.waiting_since is None:
                self.save(conversation, waiting_since=message.created_at)
        elif message.message_type is MessageType.outgoing and not message.private:
            if message.is_human_response and conversation.first_reply_created_at is None:
                self.save(conversation, first_reply_created_at=message.created_at, waiting_since=None)
            elif message.is_human_response or isinstance(message.sender, Bot):
                self.save(conversation, waiting_since=None)

    def _greet(self, conversation: Conversation) -> None:
        incoming = [m for m in self.messages(conversation) if m.message_type is MessageType.incoming]
        if conversation.inbox.greeting and len(incoming) == 1:
            self.add(conversation, MessageType.template, conversation.inbox.greeting)

    def _keep(self, upload: Upload) -> Attachment:
        kind: FileType = "file"
        for media in get_args(FileType):
            if upload.content_type.startswith(f"{media}/"):
                kind = media
        number = next(self._file_ids)
        url = f"{self._public_url}/sandbox/files/{number}/{upload.name}"
        file = Attachment(
            number, kind, upload.name, upload.content_type,
            upload.data, url,
        )  # fmt: skip
        self.files[number] = file
        return file

    # Telling

    def _tell_message(self, event: str, message: Message) -> None:
        if not message.is_sent_to_webhooks:
            return
        conversation = self.conversations[message.account_id, message.conversation_id]

        def body() -> payloads.Body:
            return payloads.message_event(event, self.message(message.id), self.thread(conversation))

        self._tell(event, message.account_id, conversation.inbox, body, conversation, message.id)

    def _tell_about(
        self, conversation: Conversation, event: str, build: Callable[[str, Thread], payloads.Body]
    ) -> None:
        def body() -> payloads.Body:
            return build(event, self.thread(conversation))

        self._tell(event, conversation.account_id, conversation.inbox, body, conversation)

    def _tell(
        self,
        event: str,
        account_id: int,
        inbox: Inbox,
        body: Callable[[], payloads.Body],
        conversation: Conversation | None = None,
        message_id: int | None = None,
    ) -> None:
        """To the bot that is assigned and the inbox's own, once each [agent_bot_listener.rb:65]."""
        assignee = conversation.assignee if conversation else None
        candidates = [who for who in (assignee, inbox.bot) if isinstance(who, Bot) and who.url]
        bots = tuple(dict.fromkeys(candidates)) if event in BOT_EVENTS else ()
        display_id = conversation.id if conversation else None
        subscribers = self.directory.subscribers(account_id, event)
        self._listener(Event(event, account_id, display_id, message_id, bots, subscribers, body(), body))


def _columns(conversation: Conversation) -> dict[str, Any]:
    """What is told when it changes [conversation.rb:310], by the name of its column."""
    assignee = conversation.assignee
    return {
        "assignee_id": assignee.id if isinstance(assignee, User) else None,
        "assignee_agent_bot_id": assignee.id if isinstance(assignee, Bot) else None,
        "custom_attributes": dict(conversation.custom_attributes),
        "first_reply_created_at": conversation.first_reply_created_at,
        "label_list": conversation.labels,
        "priority": conversation.priority,
        "snoozed_until": conversation.snoozed_until,
        "status": conversation.status,
        "waiting_since": conversation.waiting_since,
    }
