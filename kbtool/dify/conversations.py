"""What an app has: what it is and asks for, its conversations, messages and files, as values of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from kbtool.model import Hit

Rating = Literal["like", "dislike"]


class AppInfo(NamedTuple):
    """`mode` is chat, agent-chat, advanced-chat (a chatflow), workflow or completion."""

    name: str
    mode: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class InputField:
    """A variable of the app's form; a question without a required one is refused (272)."""

    name: str
    is_required: bool
    longest: int | None


@dataclass(frozen=True, slots=True)
class FileRules:
    """The files that an app takes with a question: `kinds` (image, document, audio, video), at most `most`.

    `sizes` are the server's bounds by kind, in bytes. Without kinds it takes none.
    """

    kinds: frozenset[str] = frozenset()
    most: int = 0
    sizes: tuple[tuple[str, int], ...] = ()

    def takes(self, kind: str, size: int) -> bool:
        return kind in self.kinds and size <= dict(self.sizes).get(kind, 0)


@dataclass(frozen=True, slots=True)
class AppParameters:
    """What a client has to know of an app. Without `has_citations` no answer carries a score (276)."""

    opening_statement: str
    suggested_questions: tuple[str, ...]
    has_citations: bool
    suggests_afterwards: bool
    inputs: tuple[InputField, ...]
    files: FileRules = FileRules()


class Site(NamedTuple):
    """How the app's own web page calls itself."""

    title: str
    language: str


@dataclass(frozen=True, slots=True)
class Message:
    """A question of a conversation with its answer, as kept. A chatflow's has no citations (356)."""

    id: str
    conversation_id: str
    query: str
    answer: str
    hits: tuple[Hit, ...]
    rating: Rating | None
    error: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation of one user with an app. Nobody else can go on with it (256-260)."""

    id: str
    name: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody said about an answer."""

    id: str
    message_id: str
    conversation_id: str
    rating: str
    text: str


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that questions of the same user may name by `id`."""

    id: str
    name: str
    size: int
    extension: str
    media_type: str
