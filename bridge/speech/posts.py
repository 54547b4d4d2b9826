"""One thing to do in a conversation, as it is kept before it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The customer sees `REPLY` and `CHOICE`, people only `NOTE`; the others change the conversation.

    The `text` of each: what is said; for `CHOICE` a question and its options (`choices`); `LABELS` one to
    a line, to be added; `PRIORITY` its name; `TEAM` its id. `OPEN` gives the conversation to people; a
    `TEAM` behind it looks whether it is still that team's, and assigns it again where it is not.
    """

    REPLY = "reply"
    CHOICE = "choice"
    NOTE = "note"
    LABELS = "labels"
    PRIORITY = "priority"
    TEAM = "team"
    OPEN = "open"


SAID = frozenset({Kind.REPLY, Kind.CHOICE})
"""What the customer sees."""
WRITTEN = SAID | {Kind.NOTE}
"""What becomes a message in Chatwoot, and must not be posted twice. All other kinds can be repeated."""

_BULLET = "\n• "


@dataclass(frozen=True, slots=True)
class Post:
    """One thing to do in a conversation."""

    kind: Kind
    text: str = ""


def choice(question: str, options: Sequence[str]) -> Post:
    """A question with options to tap. Its text reads well too where a channel shows no options."""
    return Post(Kind.CHOICE, question + "\n" + "".join(_BULLET + option for option in options))


def choices(post: Post) -> tuple[str, tuple[str, ...]]:
    """What a post says, and the options to tap; none but for a `CHOICE`."""
    if post.kind is not Kind.CHOICE:
        return post.text, ()
    question, *options = post.text.split(_BULLET)
    return question.rstrip("\n"), tuple(options)
