"""From a delivery to what the bridge knows: one transaction per delivery.

What is learned of the conversation is kept, a message is kept once whatever number of deliveries brings it,
and a customer's question is left waiting for its turn.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from bridge import inbox, known
from bridge.conversation import Facts, learn
from bridge.events import Event, Message, Role, Verdict, parse, verdict
from bridge.inbox import Delivery
from bridge.schema import insert_new, messages
from bridge.trace import Step, Subject, note, record

UNREADABLE = "unreadable"


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
    if message is None:
        return event.name
    if is_new:
        return _keep(connection, delivery, subject, event, message, inboxes, now)
    if message.error and message.role is Role.BOT:
        # Accepted by Chatwoot, then refused by the channel, for instance WhatsApp after 24 hours.
        failed = note(Step.ERROR, "the channel did not deliver this", reason=message.error[:200])
        record(connection, subject, now, failed)
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
    row = {
        "bot": subject.bot,
        "account": subject.account,
        "id": message.id,
        "conversation": subject.conversation,
        "at": message.at or delivery.at,
        "role": message.role.value,
        "verdict": word.value,
        "text": message.text,
        "attachments": list(message.attachments),
        "contact": message.contact_id,
        "mark": message.mark[:200],
        "state": "waiting" if word is Verdict.ASKS else "done",
    }
    if not insert_new(connection, messages, row):
        again = note(Step.DELIVERY, "delivered again, under another id; answered once")
        record(connection, subject, delivery.at, again)
        return "duplicate"
    record(connection, subject, delivery.at, note(Step.DELIVERY, "received, signature verified"))
    wants = "wants an answer" if word is Verdict.ASKS else "not for the bot"
    record(connection, subject, now, note(Step.FILTER, f"{wants}: {word.value}", verdict=word.value))
    return word.value
