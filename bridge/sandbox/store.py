"""What there is: customers, conversations, messages and files, each kept as its latest record."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.sandbox.directory import Directory
from bridge.sandbox.records import (
    Attachment,
    Bot,
    ContactInbox,
    Conversation,
    Message,
    MessageType,
    User,
)

Key = tuple[int, int]  # account and display id


class Store:
    """Records by id. Writing here tells nobody; `State` does."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.visits: dict[str, ContactInbox] = {}
        self.conversations: dict[Key, Conversation] = {}
        self.files: dict[int, Attachment] = {}
        self._messages: dict[int, Message] = {}
        self._threads: dict[Key, list[int]] = {}
        self._latest: dict[str, Key] = {}
        self._typing: dict[Key, set[User | Bot]] = {}

    def current(self, conversation: Conversation) -> Conversation:
        return self.conversations[key_of(conversation)]

    def conversation_of(self, visit: ContactInbox) -> Conversation | None:
        """The customer's latest conversation: the web widget goes on with a resolved one."""
        key = self._latest.get(visit.source_id)
        return None if key is None else self.conversations[key]

    def message(self, message_id: int) -> Message:
        return self._messages[message_id]

    def messages(self, conversation: Conversation) -> Sequence[Message]:
        """All messages by id, private notes and activities included."""
        return tuple(self._messages[number] for number in self._threads.get(key_of(conversation), ()))

    def typing(self, conversation: Conversation) -> frozenset[User | Bot]:
        return frozenset(self._typing.get(key_of(conversation), ()))

    def unread(self, conversation: Conversation) -> int:
        """Customer's messages that nobody at the desk has seen; Chatwoot counts to 10."""
        seen = self.current(conversation).agent_last_seen_at
        incoming = (m for m in self.messages(conversation) if m.message_type is MessageType.incoming)
        return min(10, sum(seen is None or message.created_at > seen for message in incoming))

    def put(self, conversation: Conversation) -> None:
        key = key_of(conversation)
        if key not in self.conversations:
            self._latest[conversation.contact_inbox.source_id] = key
        self.conversations[key] = conversation

    def put_message(self, message: Message) -> None:
        if message.id not in self._messages:
            self._threads.setdefault((message.account_id, message.conversation_id), []).append(message.id)
        self._messages[message.id] = message

    def put_typing(self, conversation: Conversation, who: User | Bot, *, is_on: bool) -> None:
        typing = self._typing.setdefault(key_of(conversation), set())
        (typing.add if is_on else typing.discard)(who)


def key_of(conversation: Conversation) -> Key:
    return conversation.account_id, conversation.id
