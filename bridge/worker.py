"""The worker: sorts what came in, and takes turns, one per conversation, many conversations at once.

It holds nothing that is not in the store: ended at any moment, the next one goes on from there.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from bridge import inbox, intake, log, turns
from bridge.inbox import Delivery
from bridge.turn import Turn
from bridge.turns import Work
from kbtool.errors import Unavailable

LONGEST_REST = 5.0
SHORTEST_REST = 0.01


class Worker:
    """`run` until `stop`; `wake` says that something was accepted."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._store = turn.store
        self._settings = turn.settings
        self._bots = [route.name for route in turn.settings.routes]
        self._woken = asyncio.Event()
        self._stopping = False
        self._running: set[asyncio.Task[None]] = set()
        self.is_ready = False

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Work until told to stop. First of all, what a bridge that died was working on is free again."""
        await self._store.write(turns.release_all)
        self.is_ready = True
        while not self._stopping:
            self._woken.clear()
            try:
                is_more = await self._sort() or await self._start()
            except Unavailable as error:
                log.problem("store", why=error.message)
                is_more = False
            if not is_more:
                await self._rest()
        self.is_ready = False
        await self._drain()

    def stop(self) -> None:
        """Take no new turn; `run` ends when those under way have ended, or have had their time."""
        self._stopping = True
        self.wake()

    async def _drain(self) -> None:
        if self._running:
            log.event("draining", turns=len(self._running))
            await asyncio.wait(self._running, timeout=self._settings.patience.drain)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _sort(self) -> bool:
        """Make messages of deliveries; whether there were any."""
        new = await self._store.read(inbox.unsorted)
        outcomes = await asyncio.gather(*(self._sort_one(one) for one in new), return_exceptions=True)
        for delivery, outcome in zip(new, outcomes, strict=True):
            if isinstance(outcome, Unavailable):
                raise outcome
            if isinstance(outcome, BaseException):
                log.problem("unsortable", outcome, bot=delivery.bot, number=delivery.number)
                await self._store.write(partial(inbox.set_unreadable, number=delivery.number))
        return bool(new)

    async def _sort_one(self, delivery: Delivery) -> None:
        route = self._settings.route(delivery.bot)
        inboxes = route.inboxes if route else frozenset[int]()
        now = self._turn.clock()
        word = await self._store.write(lambda c: intake.sort(c, delivery, inboxes, now))
        log.event("delivery", bot=delivery.bot, number=delivery.number, verdict=word)

    async def _start(self) -> bool:
        """Begin the turns that are due, as far as there is room; whether there were any."""
        room = self._settings.concurrency - len(self._running)
        if room <= 0:
            return False
        now, lease = self._turn.clock(), self._settings.patience.lease
        claimed = await self._store.write(lambda c: turns.claim(c, self._bots, now, lease, room))
        for work in claimed:
            task = asyncio.create_task(self._work(work))
            self._running.add(task)
            task.add_done_callback(self._ended)
        return bool(claimed)

    async def _work(self, work: Work) -> None:
        """A turn in a task of its own: a bug in one is told, and does not end the others."""
        turn = asyncio.create_task(self._turn.take(work))
        try:
            await asyncio.wait({turn})
        except asyncio.CancelledError:
            turn.cancel()
            await asyncio.wait({turn})
            raise
        error = None if turn.cancelled() else turn.exception()
        if error is not None:
            log.problem("turn_failed", error, message=work.subject.message)
            with suppress(Unavailable):  # then the lease runs out, and the turn is taken again
                await self._turn.give_up(work, error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.wake()

    async def _rest(self) -> None:
        """Until something is accepted, a turn ends, or a postponed one is due."""
        seconds = LONGEST_REST
        if len(self._running) < self._settings.concurrency:
            due = await self._store.read(lambda c: turns.next_due(c, self._bots))
            if due is not None:
                seconds = min(LONGEST_REST, max(SHORTEST_REST, due - self._turn.clock()))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
