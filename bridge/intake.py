"""From a delivery to what the bridge knows: one transaction per delivery.

What is learned of the conversation is kept, a message is kept once whatever number of deliveries brings it,
and a customer's question is left waiting for its turn.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, and_, bindparam, update

from bridge import inbox, known, log, turns
from bridge.conversation import Facts, learn
from bridge.events import Event, Message, Role, Verdict, parse, verdict
from bridge.inbox import Delivery
from bridge.schema import insert_new, messages
from bridge.speech import NOT_DELIVERED, Kind, Post, posts_unsaid
from bridge.trace import Step, Subject, note, record
from bridge.turns import Decided, Outcome

UNREADABLE = "unreadable"

_IS_OURS = and_(
    messages.c.bot == bindparam("its_bot"),
    messages.c.account == bindparam("its_account"),
    messages.c.id == bindparam("its_message"),
    messages.c.role == Role.BOT.value,
)


def sort(connection: Connection, delivery: Delivery, inboxes: Collection[int], now: float) -> str:
    """Make of the delivery what can be made of it; the word for that (a verdict or the event's name)."""
    event = parse(delivery.body)
    if event is None:
        inbox.set_unreadable(connection, delivery.number)
        return UNREADABLE
    inbox.set_sorted(connection, delivery.number)
    seen, message = event.conversation, event.message
    if seen is None:
        return event.name
    subject = Subject(delivery.bot, seen.account_id, seen.id, message.id if message else 0)
    is_new = event.name == "message_created"
    before = known.facts_of(connection, subject)
    facts = learn(before or Facts(), seen, message if is_new else None)
    known.keep(connection, subject, facts, before)
    if event.rival is not None:
        log.problem("rival", bot=subject.bot, inbox=event.rival.inbox_id, why=str(event.rival))
    if message is None:
        return event.name
    if is_new or message.chosen:
        return _keep(connection, delivery, subject, event, message, inboxes, now)
    if message.error and message.mark and message.role is Role.BOT:
        return _undelivered(connection, subject, message, facts, now)
    return event.name


def _keep(
    connection: Connection,
    delivery: Delivery,
    subject: Subject,
    event: Event,
    message: Message,
    inboxes: Collection[int],
    now: float,
) -> str:
    word = verdict(event, inboxes)
    row = _row(subject, message, word, delivery.at)
    is_kept = insert_new(connection, messages, row) or (
        message.chosen and word is Verdict.ASKS and _becomes(connection, subject, row)
    )
    if not is_kept:
        again = note(Step.DELIVERY, "delivered again, under another id; answered once")
        record(connection, subject, delivery.at, again)
        return "duplicate"
    record(connection, subject, delivery.at, note(Step.DELIVERY, "received, signature verified"))
    wants = "wants an answer" if word is Verdict.ASKS else "not for the bot"
    record(connection, subject, now, note(Step.FILTER, f"{wants}: {word.value}", verdict=word.value))
    return word.value


def _row(subject: Subject, message: Message, word: Verdict, now: float) -> dict[str, Any]:
    return {
        "bot": subject.bot,
        "account": subject.account,
        "id": message.id,
        "conversation": subject.conversation,
        "at": message.at or now,
        "role": message.role.value,
        "verdict": word.value,
        "text": message.text,
        "attachments": [one.row() for one in message.attachments],
        "contact": message.contact_id,
        "mark": message.mark[:200],
        "state": "waiting" if word is Verdict.ASKS else "done",
    }


def _becomes(connection: Connection, subject: Subject, row: dict[str, Any]) -> bool:
    """Whether our own message becomes the customer's: they have chosen in it, the first time (rule 9)."""
    values = {name: row[name] for name in ("at", "role", "verdict", "text", "contact", "state")}
    ours = update(messages).where(_IS_OURS).values(values)
    return connection.execute(ours, _key(subject)).rowcount == 1


def _undelivered(connection: Connection, subject: Subject, message: Message, facts: Facts, now: float) -> str:
    """Accepted by Chatwoot, then refused by the channel, for instance WhatsApp after 24 hours (rule 27).

    A person gets the conversation, once; sending it again would fail again.
    """
    if turns.is_decided(connection, subject):
        return NOT_DELIVERED
    reason = message.error[:200]
    planned = posts_unsaid((Post(Kind.REPLY, message.text),), NOT_DELIVERED, reason)
    told = note(Step.ERROR, "the channel did not deliver this: a person gets it", reason=reason)
    turns.plan(connection, subject, Decided(Outcome("handoff", NOT_DELIVERED), planned, facts, (told,)), now)
    row = _row(subject, message, Verdict.NOT_INCOMING, now) | {"state": "waiting"}
    if not insert_new(connection, messages, row):
        connection.execute(update(messages).where(_IS_OURS).values(state="waiting"), _key(subject))
    log.problem("not_delivered", bot=subject.bot, conversation=subject.conversation, why=reason)
    return NOT_DELIVERED


def _key(subject: Subject) -> dict[str, object]:
    return {"its_bot": subject.bot, "its_account": subject.account, "its_message": subject.message}
