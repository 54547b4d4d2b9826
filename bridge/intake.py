"""From deliveries to what the bridge knows: each is understood once, whatever order they come in.

What is learned of the conversation is kept, a message is kept once whatever number of deliveries brings it,
and a customer's question makes its conversation's turn due.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, update

from bridge import log, rivals
from bridge.conversation import Facts, learn, silences
from bridge.events import Event, Message, Role, Snapshot, Verdict, parse, verdict
from bridge.speech import NOT_DELIVERED, PLAIN, Kind, Manner, Post, posts_unsaid
from bridge.store.schema import WAITING, insert_new, messages
from bridge.tables import drafts, inbox, known, ratings, turns
from bridge.tables.drafts import ALIVE, Moved
from bridge.tables.inbox import Delivery
from bridge.tables.trace import Step, Subject, note, record
from bridge.tables.turns import Decided, Outcome, Work

UNREADABLE = "unreadable"
RATED = "rated"
_CLOSES = frozenset({"conversation_resolved", "conversation_status_changed"})
"""A bot hears both of one closing, an account webhook the second only."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """What was made of a delivery: a word for it (a verdict or the event's name), and the conversation where
    a turn under way must look again.
    """

    number: int
    bot: str
    word: str
    changed: Subject | None = None


def sort(
    connection: Connection,
    new: Sequence[Delivery],
    inboxes: Callable[[str], Collection[int]],
    now: float,
    manner: Callable[[str, Facts], Manner] = lambda *_: PLAIN,
) -> list[Sorted]:
    """Make of the deliveries what can be made of them; `inboxes` are those that a bot speaks in, `manner` how
    a conversation goes to people there.

    By conversation, so that bridges that sort at the same time take them in one order.
    """
    events = sorted(
        ((delivery, parse(delivery.body)) for delivery in new),
        key=lambda pair: (*_place(pair[0], pair[1]), pair[0].number),
    )
    outcomes = [
        _sort_one(connection, delivery, event, inboxes(delivery.bot), now, manner)
        for delivery, event in events
    ]
    readable = [one.number for one in outcomes if one.word != UNREADABLE]
    if readable:
        inbox.set_sorted(connection, readable)
    return outcomes


def _place(delivery: Delivery, event: Event | None) -> tuple[str, int, int]:
    seen = event.conversation if event else None
    return (delivery.bot, seen.account_id, seen.id) if seen else (delivery.bot, 0, 0)


def _sort_one(
    connection: Connection,
    delivery: Delivery,
    event: Event | None,
    inboxes: Collection[int],
    now: float,
    manner: Callable[[str, Facts], Manner],
) -> Sorted:
    if event is None:
        inbox.set_unreadable(connection, delivery.number)
        return Sorted(delivery.number, delivery.bot, UNREADABLE)
    seen, message = event.conversation, event.message
    if seen is None:
        return Sorted(delivery.number, delivery.bot, event.name)
    subject = Subject(delivery.bot, seen.account_id, seen.id, message.id if message else 0)
    is_new, word = False, event.name
    if message is not None and (event.name == "message_created" or message.chosen):
        is_new, word = _keep(connection, delivery, subject, event, message, inboxes)
    elif message is not None and message.error and message.mark and message.role is Role.BOT:
        is_new, word = _undelivered(connection, delivery, subject, message, now, manner)
    elif message is not None and message.rating is not None:
        ratings.keep(connection, subject, message.rating, message.at or delivery.at)
        word = RATED
    elif event.name in _CLOSES and seen.status == "resolved":
        ratings.close(connection, subject, seen.at or delivery.at)
    if is_new and message is not None and message.role is Role.PERSON:
        drafts.answered(connection, subject, message.text, message.mark, message.contact_id, now)
    is_waiting = is_new and word in {Verdict.ASKS, NOT_DELIVERED}
    has_changed = _learn(connection, subject, event, now, delivery.at if is_waiting else None)
    changed = subject if is_waiting or has_changed else None
    return Sorted(delivery.number, delivery.bot, word, changed)


def _learn(connection: Connection, subject: Subject, event: Event, now: float, due_at: float | None) -> bool:
    """Keep what the event shows of its conversation; whether that may silence the bot."""
    seen = event.conversation
    assert seen is not None
    message = event.message if event.name == "message_created" else None
    own = _own_bot(connection, subject, seen, message, now)
    before = known.facts_of(connection, subject, locked=True)
    if before is None:
        facts = learn(Facts(), seen, message, own)
        if known.add(connection, subject, facts, due_at):
            return False
        before = known.facts_of(connection, subject, locked=True) or Facts()
    facts = learn(before, seen, message, own)
    known.keep(connection, subject, facts, before, due_at)
    if before.status in ALIVE and facts.status not in ALIVE:
        drafts.supersede(connection, subject, Moved.STATUS, now)
    return silences(facts) != silences(before)


def _own_bot(
    connection: Connection, subject: Subject, seen: Snapshot, message: Message | None, now: float
) -> int:
    """Our bot's id, looked up where the event shows a bot; another brain is told of. 0: nobody knows."""
    shown = [bot for bot in (seen.owner, message.speaker if message else None) if bot is not None]
    own = rivals.own_bot(connection, subject) if shown else 0
    for bot in shown:
        if bot.is_other(own):
            rivals.tell(connection, subject, bot, now)
    return own


def _keep(
    connection: Connection,
    delivery: Delivery,
    subject: Subject,
    event: Event,
    message: Message,
    inboxes: Collection[int],
) -> tuple[bool, str]:
    """Whether the message is new, and the word for it."""
    word = verdict(event, inboxes)
    row = _row(delivery, subject, message, word)
    is_kept = insert_new(connection, messages, row) or (
        message.chosen and word is Verdict.ASKS and _change_ours(connection, subject, row)
    )
    if not is_kept:
        again = note(Step.DELIVERY, "delivered again, under another id; answered once")
        record(connection, subject, delivery.at, again)
        return False, "duplicate"
    received = note(Step.DELIVERY, "received, signature verified")
    wants = "wants an answer" if word is Verdict.ASKS else "not for the bot"
    filtered = note(Step.FILTER, f"{wants}: {word.value}", verdict=word.value)
    record(connection, subject, delivery.at, received, filtered)
    return True, word.value


def _row(delivery: Delivery, subject: Subject, message: Message, word: Verdict) -> dict[str, Any]:
    return {
        "bot": subject.bot,
        "account": subject.account,
        "id": message.id,
        "conversation": subject.conversation,
        "at": message.at or delivery.at,
        "received_at": delivery.at,
        "role": message.role.value,
        "verdict": word.value,
        "text": message.text,
        "attachments": [one.row() for one in message.attachments],
        "contact": message.contact_id,
        "mark": message.mark[:200],
        "state": WAITING if word is Verdict.ASKS else "done",
    }


def _change_ours(connection: Connection, subject: Subject, row: dict[str, Any]) -> bool:
    """Write over our own message; False where it is not ours, or not any more.

    A message in which the customer has chosen becomes theirs, the first time (bridge rule 9).
    """
    ours = update(messages).where(
        messages.c.bot == subject.bot,
        messages.c.account == subject.account,
        messages.c.id == subject.message,
        messages.c.role == Role.BOT.value,
    )
    kept = {name: value for name, value in row.items() if name != "mark"}
    return connection.execute(ours.values(kept)).rowcount == 1


def _undelivered(
    connection: Connection,
    delivery: Delivery,
    subject: Subject,
    message: Message,
    now: float,
    manner: Callable[[str, Facts], Manner],
) -> tuple[bool, str]:
    """Accepted by Chatwoot, then refused by the channel, for instance WhatsApp after 24 hours (rule 27).

    A person gets the conversation, once; sending it again would fail again. Its facts are locked before it is
    asked whether that was decided: two bridges may be told at the same time.
    """
    facts = known.facts_of(connection, subject, locked=True) or Facts()
    if turns.is_decided(connection, subject):
        return False, NOT_DELIVERED
    reason = message.error[:200]
    row = _row(delivery, subject, message, Verdict.NOT_INCOMING)
    row |= {"state": WAITING, "turn": message.id}
    if not insert_new(connection, messages, row):
        _change_ours(connection, subject, row)
    unsaid = (Post(Kind.REPLY, message.text),)
    planned = posts_unsaid(unsaid, NOT_DELIVERED, reason, manner(subject.bot, facts))
    told = note(Step.ERROR, "the channel did not deliver this: a person gets it", reason=reason)
    work = Work(subject, message.text, message.at, (), message.contact_id, 0, (message.id,))
    decided = Decided(Outcome("handoff", NOT_DELIVERED), planned, facts, (told,))
    turns.plan(connection, work, decided, now, begun=False)
    log.problem("not_delivered", bot=subject.bot, conversation=subject.conversation, why=reason)
    return True, NOT_DELIVERED
