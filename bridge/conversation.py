"""What to do with a customer's message, given what is known of its conversation. Pure.

Chatwoot sends a bot everything in every status and lets it post anywhere, so keeping silent is up to us.
Events come in any order; all is decided by Chatwoot's own times, which the events carry.

An *episode* is one customer's matter: it ends when the conversation is resolved, or is given back to the
bot by a person. The next message begins a new one, with a fresh Dify conversation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.events import Message, Role, Snapshot
from bridge.settings import Mode


class Step(StrEnum):
    """What comes next. `OPEN` shows the conversation to people without a word; the last two are silence."""

    ANSWER = "answer"
    OPEN = "taken_over"
    NOT_PENDING = "not_pending"
    ANSWERED = "answered_by_a_person"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one conversation. Times are Chatwoot's, in seconds since 1970; 0.0 means never.

    `status` was seen at `status_at`. `ended_at` is when it was last resolved, `returned_at` when it last
    went back to the bot, `person_at` when a person last wrote to the customer. `dify_conversation`,
    `was_clarified` belong to the episode that began at `episode_at`.
    """

    status: str = ""
    status_at: float = 0.0
    has_person: bool = False
    ended_at: float = 0.0
    returned_at: float = 0.0
    person_at: float = 0.0
    episode_at: float = 0.0
    dify_conversation: str = ""
    was_clarified: bool = False
    language: str = ""
    channel: str = ""
    inbox: int = 0


def learn(facts: Facts, seen: Snapshot, message: Message | None) -> Facts:
    """The facts, after an event has shown `seen`. The order of events matters only for how soon a thing is
    known: an older snapshot never overwrites a newer one.
    """
    if message is not None and message.role is Role.PERSON:
        facts = replace(facts, person_at=max(facts.person_at, message.at))
    if seen.status == "resolved":
        facts = replace(facts, ended_at=max(facts.ended_at, seen.at))
    if not seen.status or seen.at < facts.status_at:
        return facts
    if seen.status == "pending" and facts.status in {"open", "snoozed"}:
        # Seen first by the message itself, the return was before it.
        at = min(seen.at, message.at) if message is not None else seen.at
        facts = replace(facts, returned_at=max(facts.returned_at, at))
    return replace(
        facts,
        status=seen.status,
        status_at=seen.at,
        has_person=seen.has_person,
        language=seen.language or facts.language,
        channel=seen.channel or facts.channel,
        inbox=seen.inbox_id or facts.inbox,
    )


def episode_of(facts: Facts, at: float) -> float:
    """When the episode of a message written `at` began: 0.0 for a conversation's first."""
    return max((turn for turn in (facts.ended_at, facts.returned_at) if turn <= at), default=0.0)


def begin(facts: Facts, at: float) -> Facts:
    """The facts with the episode of a message written `at`: what belonged to an earlier one is dropped."""
    episode = episode_of(facts, at)
    if episode <= facts.episode_at:
        return facts
    return replace(facts, episode_at=episode, dify_conversation="", was_clarified=False)


def next_step(facts: Facts, at: float, mode: Mode) -> Step:
    """What to do with a customer's message written `at`.

    Replies are for pending conversations that no person has spoken in. A person's reply does not take a
    conversation out of pending by itself (Chatwoot does that for Captain only), and nobody is notified of
    what comes in there: so the customer's next message opens it. Drafts are private; they are written for
    every message that no person has answered yet, in open conversations too.
    """
    if mode is Mode.DRAFT:
        if facts.status not in {"pending", "open"}:
            return Step.NOT_PENDING
        return Step.ANSWERED if facts.person_at > at else Step.ANSWER
    if facts.status != "pending":
        return Step.NOT_PENDING
    is_taken = facts.has_person or facts.person_at > episode_of(facts, at)
    return Step.OPEN if is_taken else Step.ANSWER
