"""Who is told of what: each change becomes `Event`s for the bots and webhooks that are to hear of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from bridge.sandbox import payloads
from bridge.sandbox.channels import can_reply
from bridge.sandbox.directory import Directory
from bridge.sandbox.events import BOT_EVENTS, Event
from bridge.sandbox.faults import Faults
from bridge.sandbox.records import Bot, Conversation, Inbox, Message, MessageType, Thread
from bridge.sandbox.store import Store


def utc_now() -> datetime:
    return datetime.now(UTC)


class Telling(Store):
    """Records, and the `listener` that hears of changes in them. `faults` are those switched on."""

    def __init__(
        self,
        directory: Directory,
        listener: Callable[[Event], None],
        *,
        now: Callable[[], datetime] = utc_now,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(directory)
        self.faults = faults or Faults()
        self._listener = listener
        self._now = now

    def thread(self, conversation: Conversation) -> Thread:
        """The conversation as it is now, ready for a payload."""
        current = self.current(conversation)
        own = self.messages(current)
        chat = [message for message in own if message.is_chat]
        incoming = [m.created_at for m in own if m.message_type is MessageType.incoming]
        last_incoming = incoming[-1] if incoming else None
        return Thread(
            self.directory.accounts[current.account_id],
            current,
            chat[-1] if chat else None,
            self.unread(current),
            can_reply(current.inbox.channel, last_incoming, self._now(), is_closed=self.faults.window_closed),
        )

    def run_rule(self, conversation: Conversation, url: str) -> None:
        """An automation rule sends a webhook: unsigned, once, and without the rule's name (#4363)."""

        def body() -> payloads.Body:
            return payloads.conversation_event("automation_event.message_created", self.thread(conversation))

        own = self.current(conversation)
        webhook = self.directory.unsigned(own.account_id, url)
        self._listener(
            Event(
                "automation_event.message_created", own.account_id, own.id, None, (), (webhook,), body(), body
            )
        )

    def _tell_message(self, event: str, message: Message) -> None:
        if not message.is_sent_to_webhooks:
            return
        conversation = self.conversations[message.account_id, message.conversation_id]

        def body() -> payloads.Body:
            return payloads.message_event(event, self.message(message.id), self.thread(conversation))

        self._tell(event, message.account_id, conversation.inbox, body, conversation, message.id)

    def active_bot(self, inbox: Inbox) -> Bot | None:
        """That of the inbox as it is set up now: a conversation's record of it is older."""
        return self.directory.inboxes.get(inbox.id, inbox).active_bot

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
        candidates = [who for who in (assignee, self.active_bot(inbox)) if isinstance(who, Bot) and who.url]
        bots = tuple(dict.fromkeys(candidates)) if event in BOT_EVENTS else ()
        display_id = conversation.id if conversation else None
        subscribers = self.directory.subscribers(account_id, event)
        self._listener(Event(event, account_id, display_id, message_id, bots, subscribers, body(), body))
