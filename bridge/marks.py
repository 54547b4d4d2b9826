"""Does this Chatwoot keep our mark? Newer ones keep what a post brings in `content_attributes`; an older
message builder dropped what it did not know, and other servers may.

Without the mark a post whose answer was lost cannot be looked for. So it is looked for where it must be: on
what we have posted last, at the start and then until it was seen. A bot may not list messages, so this takes
the user token, as looking for a lost post does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from bridge import log, outbox
from bridge.chatwoot.client import ChatwootClient
from bridge.store import Store
from kbtool.errors import ServiceError

SEEN = 3
"""Posts that are looked at: a message that somebody deleted has lost its mark with its words."""
EVERY = 60.0
"""Seconds between two looks, until one has told."""


DROPPED = (
    "this Chatwoot does not keep content_attributes: a post whose answer is lost cannot be looked for, and "
    "goes to people"
)


@dataclass(frozen=True, slots=True)
class Marks:
    """The addresses whose Chatwoot was seen to keep our mark, and those whose was seen to drop it."""

    kept: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)


async def look(store: Store, clients: Mapping[str, ChatwootClient], marks: Marks) -> None:
    """Learn of each address what its last posts tell. Raises Unavailable where the store does not work."""
    for address, client in clients.items():
        if address in marks.kept:
            continue
        posted = await store.read(partial(outbox.last_posted, bot=address, limit=SEEN))
        try:
            found = [await _has_mark(client, one) for one in posted]
        except ServiceError as error:
            log.problem("marks_not_seen", bot=address, why=error.message)
            continue
        if True in found:
            marks.kept.add(address)
            marks.dropped.discard(address)
        elif False in found and address not in marks.dropped:
            marks.dropped.add(address)
            log.problem("mark_dropped", bot=address, why=DROPPED)


async def _has_mark(client: ChatwootClient, one: outbox.Posted) -> bool | None:
    """None without a user token."""
    listed = await client.marks_after(one.subject.account, one.subject.conversation, one.id - 1)
    return None if listed is None else one.mark in listed
