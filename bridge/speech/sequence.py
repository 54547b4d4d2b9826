"""A decision → its posts.

A handoff tells the customer, then leaves a private note with the reason, sorts the conversation in (labels,
priority, team) and opens it last: whoever it is assigned to then finds everything there. Nothing is said to
the customer after it (bridge rule 28).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.channels import channel_of, pieces
from bridge.settings import Forwarding, Mode
from bridge.speech.notes import draft_note, handoff_note, place_of, plain_note
from bridge.speech.posts import SAID, Kind, Post, choice
from bridge.speech.reasons import Because, because_of
from bridge.speech.words import Words
from kbtool.handoff import Action, Decision
from kbtool.model import Answer, Hit
from kbtool.smalltalk import Smalltalk


@dataclass(frozen=True, slots=True)
class Manner:
    """How this route speaks in this conversation now.

    `channel` is Chatwoot's class name, "" unknown. `language` is what the bridge speaks whatever the customer
    does, "" the customer's. `forwarding` sorts in what goes to people. `back` is when somebody will be there,
    in their own zone; None where somebody is there `now`.
    """

    channel: str = ""
    language: str = ""
    forwarding: Forwarding = field(default_factory=Forwarding)
    back: datetime | None = None
    now: datetime | None = None


PLAIN = Manner()


def posts_for(
    decision: Decision, answer: Answer, words: Words, mode: Mode, manner: Manner = PLAIN
) -> tuple[Post, ...]:
    """What to post for `decision`. A draft is always followed by opening: a person has to send it."""
    said = said_to_customer(decision, answer, words)
    because = because_of(decision.reason) if decision.action is Action.HANDOFF else Because("")
    if mode is Mode.DRAFT:
        return (Post(Kind.NOTE, draft_note(decision, answer, said)), *_over(because, manner))
    if decision.action is Action.HANDOFF:
        return _handoff(because, handoff_note(decision, answer), words, manner)
    options = _options(answer.hits, manner.channel) if decision.action is Action.CLARIFY else ()
    if options:
        return (choice(said, options),)
    return tuple(Post(Kind.REPLY, piece) for piece in pieces(said, manner.channel))


def posts_without_answer(
    reason: str,
    detail: str,
    words: Words,
    mode: Mode,
    manner: Manner = PLAIN,
    *,
    asked: str = "",
    before: Sequence[str] = (),
) -> tuple[Post, ...]:
    """The handoff where there is no answer to decide on; `detail`, `asked` and `before` are for the note."""
    because, note = because_of(reason), plain_note(reason, detail, asked, before)
    if mode is Mode.DRAFT:
        return (Post(Kind.NOTE, note), *_over(because, manner))
    return _handoff(because, note, words, manner)


def posts_unsaid(
    planned: Sequence[Post], reason: str, detail: str, manner: Manner = PLAIN
) -> tuple[Post, ...]:
    """Instead of `planned`, where the customer cannot be written to: people get the text to act on."""
    unsaid = "\n\n".join(post.text for post in planned if post.kind in SAID)
    notes = [post for post in planned if post.kind is Kind.NOTE]
    note = plain_note(reason, detail) + (f"\n\nNot sent:\n\n{unsaid}" if unsaid else "")
    return (Post(Kind.NOTE, note), *notes, *_over(because_of(reason), manner))


def posts_opened(manner: Manner = PLAIN) -> tuple[Post, ...]:
    """Given to people without a word: a person has it already, or nobody of ours may speak."""
    return tuple(_over(Because(""), manner))


def _handoff(because: Because, note: str, words: Words, manner: Manner) -> tuple[Post, ...]:
    sentence = because.sentence(words)
    if sentence and manner.back and manner.now:
        sentence = words.away_until(manner.back, manner.now)
    said = (Post(Kind.REPLY, piece) for piece in pieces(sentence, manner.channel))
    return (*said, Post(Kind.NOTE, note), *_over(because, manner))


def _over(because: Because, manner: Manner) -> Iterator[Post]:
    """The conversation is sorted in and given to people. The team comes first, so that Chatwoot assigns one
    of its members, and once more behind the opening: what a bot owns is not assigned to anyone.
    """
    forwarding = manner.forwarding
    if forwarding.labels:
        yield Post(Kind.LABELS, "\n".join(forwarding.labels))
    if priority := because.priority or forwarding.priority:
        yield Post(Kind.PRIORITY, priority)
    team = Post(Kind.TEAM, str(forwarding.team))
    if forwarding.team:
        yield team
    yield Post(Kind.OPEN)
    if forwarding.team:
        yield team


def said_to_customer(decision: Decision, answer: Answer, words: Words) -> str:
    """What the customer would read; empty for a handoff."""
    match decision.action:
        case Action.REPLY:
            return answer.text.strip()
        case Action.CLARIFY:
            return words.clarify
        case Action.SMALLTALK:
            return words.answer_to(Smalltalk(decision.detail))
        case Action.HANDOFF:
            return ""


def _options(hits: Sequence[Hit], channel: str) -> tuple[str, ...]:
    """What the customer may have meant, to be tapped: the sections that came nearest, if there are several.

    An option comes back as the customer's next question, in its own words.
    """
    own = channel_of(channel)
    titles = dict.fromkeys(place_of(hit).rsplit("›", 1)[-1].strip() for hit in hits)
    short = [title for title in titles if title and len(title) <= own.option_length and "•" not in title]
    return tuple(short[: min(3, own.options)]) if len(short) > 1 else ()
