"""Wait until Dify is done with documents, and never for ever.

By listing, never per document: what is queued and what is being indexed, asked for in this order, since a
document goes from one to the other and never back. Servers before 1.10.1 do not know the filter and list
everything, which costs more and says the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from kbtool.dify.client import DifyClient
from kbtool.dify.objects import StoredDocument

FIRST_PAUSE = 0.1
"""Seconds before the second look: one page is often done by then. Pauses grow up to `Pace.poll`."""

Item = TypeVar("Item")


class Progress(Protocol):
    """Told what is being done, how much of it is done, and of how much."""

    def __call__(self, what: str, done: int, total: int) -> None: ...


def quiet(what: str, done: int, total: int) -> None:
    """No progress shown."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast to work, and how patiently to wait. Times in seconds.

    concurrency  requests under way at a time
    window       documents that are sent before they are waited for, read back and described; in a rebuild
                 they are missing from the dataset for so long, so there it is smaller
    patience     for what somebody else began (an interrupted run, a person) and does not end
    stall        for our own documents, while not one of them gets any further
    poll         the longest pause between two looks at how indexing goes
    deadline     for our own documents of one window, whatever they do
    """

    concurrency: int = 4
    window: int = 50
    rebuild_window: int = 10
    poll: float = 1.0
    patience: float = 60.0
    stall: float = 600.0
    deadline: float = 1800.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class Waited:
    """What became of documents that were waited for. `busy` are those that were not waited for any longer."""

    busy: set[str] = field(default_factory=set)
    failed: dict[str, StoredDocument] = field(default_factory=dict)
    polls: int = 0


async def settle(
    client: DifyClient,
    dataset_id: str,
    ids: Collection[str],
    pace: Pace,
    *,
    seconds: float,
    stall: float,
    told: Callable[[int], None],
) -> Waited:
    """Wait until none of `ids` is queued or being indexed, at most `seconds`, or `stall` without any change.

    `told` hears how many are settled. What failed is listed by itself, once, at the end.
    """
    waited = Waited()
    if not ids:
        return waited
    started = changed = time.monotonic()
    before: dict[str, str] | None = None
    pause = FIRST_PAUSE
    while True:
        found = [*await client.documents(dataset_id, status="queuing")]
        found += await client.documents(dataset_id, status="indexing")
        waited.polls += 2
        busy = {one.id: one.indexing_status for one in found if one.id in ids and not one.is_settled}
        told(len(ids) - len(busy))
        now = time.monotonic()
        if busy != before:
            before, changed = busy, now
        if not busy or now - started >= seconds or now - changed >= stall:
            break
        await pace.sleep(min(pace.poll, pause))
        pause *= 1.5
    waited.busy = set(busy)
    failed = await client.documents(dataset_id, status="error")
    waited.polls += 1
    waited.failed = {one.id: one for one in failed if one.id in ids and one.indexing_status == "error"}
    return waited


async def each(items: Collection[Item], do: Callable[[Item], Awaitable[None]], *, at_once: int) -> None:
    """All items, a few at a time. The first error stops the rest."""
    gate = asyncio.Semaphore(at_once)

    async def one(item: Item) -> None:
        async with gate:
            await do(item)

    try:
        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(one(item))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
