"""What the desk, the bot and the API do to a conversation, and what follows, as Chatwoot's models do it.

Everything lives in memory and in one event loop; nothing here waits. A change is stored, then told to the
`listener` as `Event`s in Chatwoot's order. Not here, because no bridge can see it: campaigns, automation
rules but for their webhooks, and Captain.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any

from bridge.sandbox import activity, channels, liquid, payloads
from bridge.sandbox.directory import Directory
from bridge.sandbox.events import Event
from bridge.sandbox.faults import Faults
from bridge.sandbox.records import (
    Bot,
    ContactInbox,
    Conversation,
    Message,
    MessageType,
    Report,
    Sender,
    Status,
    Team,
    User,
)
from bridge.sandbox.telling import Telling, utc_now

HANDOFF = "conversation_bot_handoff"


class Changes(Telling):
    """Conversations and messages come to be and change here. `reports` has what Chatwoot's reports count."""

    def __init__(
        self,
        directory: Directory,
        listener: Callable[[Event], None],
        *,
        now: Callable[[], datetime] = utc_now,
        faults: Faults | None = None,
        bot_owns: bool = False,
    ) -> None:
        super().__init__(directory, listener, now=now, faults=faults)
        self.reports: list[Report] = []
        self._bot_owns = bot_owns
        self._message_ids = count(1)
        self._display_ids: defaultdict[int, count[int]] = defaultdict(lambda: count(1))

    def begin(self, visit: ContactInbox, **fields: Any) -> Conversation:
        """A new conversation; pending if the inbox has a bot, whatever was asked [conversation.rb:280]."""
        now = self._now()
        account_id = visit.inbox.account_id
        display_id = next(self._display_ids[account_id])
        status: Status = fields.pop("status", "open")
        if visit.contact.blocked:
            status = "resolved"
        elif (bot := self.active_bot(visit.inbox)) is not None or self.directory.has_brain(visit.inbox):
            status = "pending"
            if self._bot_owns and bot is not None:
                fields.setdefault("assignee", bot)
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
        """A new message and its consequences, in Chatwoot's order [message.rb:324]. What is not incoming is a
        Liquid template, notes included.

        Incoming: a resolved conversation comes back *before* the message is told, pending if the inbox has a
        bot; a snoozed one comes back open. Then the event, and only then `waiting_since` and the first reply.
        """
        if message_type is MessageType.incoming:
            self._reopen(self.current(conversation))
        now = self._now()
        current = self.current(conversation)
        if content is not None and message_type in (MessageType.outgoing, MessageType.template):
            content = liquid.render(content, self.thread(current), sender)
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
        elif message.is_chat and message.source_id is None:
            self._send_on_channel(message)
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
            self._report_resolved(after)
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
            if not any(report.name == HANDOFF and _is_of(report, current) for report in self.reports):
                self._report(HANDOFF, current)
            waiting_since = current.waiting_since or self._now()
            assignee = None if isinstance(current.assignee, Bot) else current.assignee
            return self.save(current, by, status=status, waiting_since=waiting_since, assignee=assignee)
        after = self.save(current, by, status=status, snoozed_until=snoozed_until)
        if status == "open" and isinstance(by, User) and by.role == "agent":
            after = self.save(after, by, assignee=by)
        return after

    def assign(self, conversation: Conversation, assignee: User | Bot | None, by: User | Bot) -> Conversation:
        """Where bots own conversations [4.16+], one given to a bot is pending, to a person open."""
        current = self.current(conversation)
        status = current.status
        if self._bot_owns and isinstance(assignee, Bot):
            status = "pending"
        elif self._bot_owns and isinstance(assignee, User) and isinstance(current.assignee, Bot):
            status = "open" if status == "pending" else status
        return self.save(current, by, assignee=assignee, status=status)

    def assign_team(self, conversation: Conversation, team: Team | None, by: User | Bot) -> Conversation:
        """A team that assigns picks a member, unless a bot owns the conversation still [4.17]."""
        current = self.current(conversation)
        assignee = current.assignee
        if team is not None and team.assigns and team.members and not isinstance(assignee, Bot):
            assignee = self.directory.users[team.members[0]]
        return self.save(current, by, team=team, assignee=assignee)

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
            self.save(conversation, status="pending" if self._waits_for_bot(conversation) else "open")

    def _waits_for_bot(self, conversation: Conversation) -> bool:
        """Whether its inbox is answered by a bot, Captain or Dialogflow [inbox.rb:173]."""
        return self.active_bot(conversation.inbox) is not None or self.directory.has_brain(conversation.inbox)

    def _note_waiting(self, message: Message) -> None:
        """After the event: a reply ends the waiting, a customer's message begins it [message.rb:344]."""
        conversation = self.conversations[message.account_id, message.conversation_id]
        if message.message_type is MessageType.incoming:
            if conversation.waiting_since is None:
                self.save(conversation, waiting_since=message.created_at)
        elif message.message_type is MessageType.outgoing and not message.private:
            if message.is_human_response and conversation.first_reply_created_at is None:
                self._report("first_response", conversation)
                self.save(conversation, first_reply_created_at=message.created_at, waiting_since=None)
            elif message.is_human_response or isinstance(message.sender, Bot):
                self.save(conversation, waiting_since=None)

    def _greet(self, conversation: Conversation) -> None:
        incoming = [m for m in self.messages(conversation) if m.message_type is MessageType.incoming]
        if conversation.inbox.greeting and len(incoming) == 1:
            self.add(conversation, MessageType.template, conversation.inbox.greeting)

    def _send_on_channel(self, message: Message) -> None:
        """The channel takes it or not, after the API has answered 200: only an update tells [rule 27]."""
        conversation = self.conversations[message.account_id, message.conversation_id]
        channel = conversation.inbox.channel
        if channel in ("Channel::WebWidget", "Channel::Api"):
            return
        source_id = channels.provider_id(channel, message.id, "OUT")
        error = channels.refusal(
            channel, message, can_reply=self.thread(conversation).can_reply, error=self.faults.channel_error
        )
        if error:
            attributes = {**message.content_attributes, "external_error": error}
            self.update(message, source_id=source_id, status="failed", content_attributes=attributes)
            return
        sent = self.update(message, source_id=source_id)
        self.update(sent, status="delivered")

    def _report(self, name: str, conversation: Conversation) -> None:
        self.reports.append(Report(name, conversation.account_id, conversation.id, self._now()))

    def _report_resolved(self, conversation: Conversation) -> None:
        """By the bot: no person's message in it, not even a note [reporting_event_listener.rb:170]."""
        if conversation.status != "resolved" or not self._waits_for_bot(conversation):
            return
        own = self.messages(conversation)
        if not any(isinstance(m.sender, User) and m.message_type is MessageType.outgoing for m in own):
            self._report("conversation_bot_resolved", conversation)


def _is_of(report: Report, conversation: Conversation) -> bool:
    return (report.account_id, report.conversation_id) == (conversation.account_id, conversation.id)


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
        "team_id": None if conversation.team is None else conversation.team.id,
        "waiting_since": conversation.waiting_since,
    }
