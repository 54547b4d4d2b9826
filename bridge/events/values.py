"""What an event is to us. Ids are Chatwoot's; a conversation's is unique in its account only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bridge.events.fields import dict_of, int_of, text_of

MARK = "kbtool_turn"
"""The key in `content_attributes` by which a post of ours is found again."""


class Role(StrEnum):
    """Who speaks. `NOTE` is private, whoever wrote it; `SYSTEM` is a template, campaign or automation."""

    CUSTOMER = "customer"
    PERSON = "person"
    BOT = "bot"
    NOTE = "note"
    SYSTEM = "system"


class Verdict(StrEnum):
    """The reply filter in one word: `ASKS` is answered, all others are not."""

    ASKS = "asks"
    NOT_A_NEW_MESSAGE = "not_a_new_message"
    PRIVATE = "private"
    NOT_INCOMING = "not_incoming"
    NOT_A_CUSTOMER = "not_a_customer"
    CONTENT_TYPE = "content_type"
    VOICE_CALL = "voice_call"
    OTHER_INBOX = "other_inbox"
    AUTO_REPLY = "auto_reply"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Attachment:
    """What came with a message. `kind` is Chatwoot's `file_type`.

    `url` is "" where there is no file to fetch (a location, a shared contact, a story). `size` is in bytes, 0
    when unknown. `words` is what it says without being opened: a transcript, a place, a name.
    """

    kind: str
    url: str = ""
    media_type: str = ""
    size: int = 0
    words: str = ""

    def row(self) -> dict[str, Any]:
        """As the store keeps it."""
        return asdict(self)

    @classmethod
    def of(cls, row: Any) -> Attachment:
        """From what the store kept; a bare word is a kind."""
        if not isinstance(row, dict):
            return cls(text_of(row))
        return cls(
            kind=text_of(row.get("kind")),
            url=text_of(row.get("url")),
            media_type=text_of(row.get("media_type")),
            size=int_of(row.get("size")),
            words=text_of(row.get("words")),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}" if self.words else self.kind


@dataclass(frozen=True, slots=True)
class Rival:
    """A bot at work in this inbox that may be another than ours; `kind`, `id` and `name` are Chatwoot's."""

    inbox_id: int
    kind: str
    id: int
    name: str

    @property
    def is_captain(self) -> bool:
        return self.kind == "captain_assistant"

    def is_other(self, own_bot: int) -> bool:
        """Whether it is another brain, ours being the agent bot of that id; 0: nobody knows, so it may be."""
        return self.is_captain or own_bot not in {0, self.id}

    def __str__(self) -> str:
        who = "Captain" if self.is_captain else "another bot"
        return f"inbox {self.inbox_id}: {who} ({self.name or self.id}) answers here too; leave one connected"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A conversation as an event showed it. `at` is its `updated_at`, seconds since 1970; 0 when unknown.

    `language` is what the channel says of the customer. `channel` is Chatwoot's class name
    (`Channel::Whatsapp`), with `/whatsapp` behind it for WhatsApp through Twilio, which has other limits.
    `contact_id` is whose conversation it is, `owner` the bot that has it.
    """

    account_id: int
    id: int
    status: str
    at: float = 0.0
    has_person: bool = False
    language: str = ""
    channel: str = ""
    inbox_id: int = 0
    contact_id: int = 0
    labels: tuple[str, ...] = ()
    owner: Rival | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """Stars from 1 to 5, and what the customer wrote to them, "" nothing."""

    stars: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as an event showed it. `text` is what its author wrote, a mail's without what it quotes.

    `is_automatic`: a machine sent it. `chosen`: the customer chose this in a message of ours, whose `id` it
    bears, since Chatwoot makes no new message of it; a digest of the choice, "" for all other messages.
    `speaker` is the bot that said it to the customer, where our mark is not on it. `rating` is what the
    customer gave, where this is Chatwoot's survey, answered.
    """

    id: int
    role: Role
    text: str
    at: float
    inbox_id: int = 0
    contact_id: int = 0
    content_type: str = ""
    attachments: tuple[Attachment, ...] = ()
    mark: str = ""
    error: str = ""
    is_automatic: bool = False
    is_incoming: bool = False
    is_blocked: bool = False
    chosen: str = ""
    speaker: Rival | None = None
    rating: Rating | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One delivery, understood as far as it goes."""

    name: str
    conversation: Snapshot | None = None
    message: Message | None = None


def has_person(meta: Mapping[str, Any]) -> bool:
    """Whether a conversation's `meta` names a person (not a bot) as its assignee."""
    assignee = dict_of(meta.get("assignee"))
    kind = text_of(meta.get("assignee_type")) or text_of(assignee.get("type"))
    return bool(assignee) and kind.casefold() in {"", "user"}
