"""What to do with a customer's message, given what is known of its conversation. Pure.

Chatwoot sends a bot everything in every status and lets it post anywhere, so keeping silent is up to us.
Events come in any order, and more than once; all is decided by Chatwoot's own times, which they carry: what
is known after a set of events does not depend on their order.

An *episode* is one customer's matter: it ends when the conversation is resolved, or when people have it; what
the customer writes once it is the bot's again begins a new one, with a fresh Dify conversation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from bridge.events import Message, Role, Snapshot
from bridge.settings import Mode


class Step(StrEnum):
    """What comes next. `OPEN` shows the conversation to people without a word; the rest is silence."""

    ANSWER = "answer"
    OPEN = "taken_over"
    NOT_PENDING = "not_pending"
    ANSWERED = "answered_by_a_person"
    RIVAL = "another_bot"


SILENT = frozenset({Step.NOT_PENDING, Step.ANSWERED, Step.RIVAL})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one conversation. Times are Chatwoot's, in seconds since 1970; 0.0 means never.

    `status` was seen at `status_at`. `ended_at` is when it was last resolved, `left_at` when it was last seen
    in anybody's hands but the bot's, `person_at` when a person last wrote to the customer, `captain_at` when
    Captain did. `has_rival`: another bot than ours is the assignee.
    `dify_conversation`, `was_clarified` belong to the episode that began at `episode_at`. `channel`, `inbox`
    (its id) and `labels` are where it is.
    """

    status: str = ""
    status_at: float = 0.0
    has_person: bool = False
    ended_at: float = 0.0
    left_at: float = 0.0
    person_at: float = 0.0
    captain_at: float = 0.0
    has_rival: bool = False
    episode_at: float = 0.0
    dify_conversation: str = ""
    was_clarified: bool = False
    language: str = ""
    channel: str = ""
    inbox: int = 0
    labels: tuple[str, ...] = ()

    @property
    def inbox_name(self) -> str:
        """As thresholds and golden questions call it: Chatwoot's id; "" where that is not known."""
        return str(self.inbox or "")


def learn(facts: Facts, seen: Snapshot, message: Message | None, own_bot: int = 0) -> Facts:
    """The facts, after an event has shown `seen`. `own_bot` is our bot's id, 0 where nobody knows it."""
    at = seen.at
    if message is not None and message.role is Role.PERSON:
        facts = replace(facts, person_at=max(facts.person_at, message.at))
        at = max(at, message.at)  # what a person wrote in an open conversation is not after it
    if message is not None and message.speaker is not None and message.speaker.is_captain:
        facts = replace(facts, captain_at=max(facts.captain_at, message.at))
    if seen.status == "resolved":
        facts = replace(facts, ended_at=max(facts.ended_at, at))
    if seen.status not in {"", "pending"}:
        facts = replace(facts, left_at=max(facts.left_at, at))
    has_rival = seen.owner is not None and seen.owner.is_other(own_bot)
    if not (seen.status and _is_newer(facts, seen, has_rival=has_rival)):
        return facts
    return replace(
        facts,
        status=seen.status,
        status_at=seen.at,
        has_person=seen.has_person,
        has_rival=has_rival,
        language=seen.language or facts.language,
        channel=seen.channel or facts.channel,
        inbox=seen.inbox_id or facts.inbox,
        labels=seen.labels,
    )


def _is_newer(facts: Facts, seen: Snapshot, *, has_rival: bool) -> bool:
    """Whether `seen` is the newer one. At the same moment, whatever silences the bot is."""
    if not facts.status:
        return True
    known = (facts.status_at, facts.status != "pending", facts.has_person, facts.has_rival, facts.status)
    return (seen.at, seen.status != "pending", seen.has_person, has_rival, seen.status) > known


def episode_of(facts: Facts, at: float, mode: Mode) -> float:
    """When the episode of a message written `at` began: 0.0 for a conversation's first.

    Drafts are written in open conversations: there only the end of a matter ends an episode.
    """
    turns = (facts.ended_at,) if mode is Mode.DRAFT else (facts.ended_at, facts.left_at)
    return max((turn for turn in turns if turn <= at), default=0.0)


def begin(facts: Facts, at: float, mode: Mode) -> Facts:
    """The facts with the episode of a message written `at`: what belonged to an earlier one is dropped."""
    episode = episode_of(facts, at, mode)
    if episode <= facts.episode_at:
        return facts
    return replace(facts, episode_at=episode, dify_conversation="", was_clarified=False)


def next_step(facts: Facts, at: float, mode: Mode) -> Step:
    """What to do with a customer's message written `at`.

    Replies are for pending conversations that no person has spoken in. A person's reply does not take a
    conversation out of pending by itself (Chatwoot does that for Captain only), and nobody is notified of
    what comes in there: so the customer's next message opens it. Drafts are private; they are written for
    every message that no person has answered yet, in open conversations too. A route that is off gives what
    is pending to people. What is pending for another brain, Captain or a second bot, is left to it: two would
    answer one customer (bridge rule 16).
    """
    if facts.status == "pending" and is_rivals(facts, at, mode):
        return Step.RIVAL
    if mode in {Mode.OFF, Mode.SILENT}:
        return Step.OPEN if facts.status == "pending" and mode is Mode.OFF else Step.NOT_PENDING
    if mode is Mode.DRAFT:
        if facts.status not in {"pending", "open"}:
            return Step.NOT_PENDING
        return Step.ANSWERED if facts.person_at > at else Step.ANSWER
    if facts.status != "pending":
        return Step.NOT_PENDING
    is_taken = facts.has_person or facts.person_at > episode_of(facts, at, mode)
    return Step.OPEN if is_taken else Step.ANSWER


def is_rivals(facts: Facts, at: float, mode: Mode) -> bool:
    """Whether another brain has the conversation, or has spoken in the episode of a message written `at`."""
    return facts.has_rival or facts.captain_at > episode_of(facts, at, mode)


def silences(facts: Facts) -> tuple[object, ...]:
    """What a turn under way must hear of when it changes."""
    return (
        facts.status, facts.has_person, facts.person_at, facts.ended_at, facts.has_rival, facts.captain_at,
    )  # fmt: skip
