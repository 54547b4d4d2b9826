"""Webhook bodies as values of ours, and whether a message is a customer's question. Pure, and total.

values.py     what an event is to us: Event, Snapshot, Message, Attachment
reading.py    a body → an Event
mail.py       a mail's own words, and whether a machine sent it
files.py      what came with a message
choices.py    what a customer chose in a message of ours
ratings.py    what a customer gave in Chatwoot's survey
verdicts.py   an Event → whether it wants an answer
rivals.py     another bot that answers the same customers
fields.py     the lenient reading of single fields, under all of them
"""

from __future__ import annotations

from bridge.events.reading import parse
from bridge.events.rivals import owner
from bridge.events.values import (
    MARK,
    Attachment,
    Event,
    Message,
    Rating,
    Rival,
    Role,
    Snapshot,
    Verdict,
    has_person,
)
from bridge.events.verdicts import verdict

__all__ = [
    "MARK",
    "Attachment",
    "Event",
    "Message",
    "Rating",
    "Rival",
    "Role",
    "Snapshot",
    "Verdict",
    "has_person",
    "owner",
    "parse",
    "verdict",
]
