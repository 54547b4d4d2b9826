"""The worker: sorts what came in, and takes turns, one per conversation, many conversations at once.

It holds nothing that is not in the store: ended at any moment, the next one goes on from there, and where
several share a store, another one does within seconds.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic

from sqlalchemy import Connection

from bridge import intake, log
from bridge.intake import Sorted
from bridge.settings import BridgeSettings
from bridge.store import announce
from bridge.tables import inbox, leases, outbox, retention, turns
from bridge.tables.leases import LeaseLost
from bridge.tables.trace import Subject
from bridge.tables.turns import Taken
from bridge.turn import Desk, News, Turn
from bridge.turn.posting import named
from kbtool.errors import Unavailable

LONGEST_REST = 5.0
SHORTEST_REST = 0.01
BATCH = 100
SMALL_BATCH = 16
BEATS = 4
"""How often a bridge says that it lives, in the time after which it is taken for dead."""

YIELDS = 2.5
"""Seconds for which the worker lets acknowledgements go first: Chatwoot hangs up, customers wait for the AI
anyway.
"""
MANY = 8
RUSH = 60.0
"""So many deliveries at once, or so many in a second, are a rush."""
_GAP = 0.01
_AFTER_A_TURN = 0.05
"""Seconds in which somebody looks at what a turn has left behind, if nothing makes us look before: mostly
that is nothing, and a look at the store costs as much as one more commit.
"""

_Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class _Running:
    task: asyncio.Task[None]
    news: News


@dataclass(frozen=True, slots=True)
class _Round:
    """What one look at the store has brought. `has_more`: it may have left something, and `due_at` is when
    the next turn is due where it has not.
    """

    sorted: list[Sorted]
    taken: list[Taken]
    has_more: bool
    due_at: float | None = None


class Worker:
    """`run` until `stop`; `wake` says that something was accepted."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._store = desk.store
        self._me = str(uuid.uuid4())
        self._woken = asyncio.Event()
        self._stopping = False
        self._running: dict[_Key, _Running] = {}
        self._receiving = 0
        self._received: deque[float] = deque(maxlen=MANY)
        self._looks_soon: asyncio.TimerHandle | None = None
        self.is_ready = False

    def wake(self) -> None:
        self._woken.set()

    def adopt(self, desk: Desk) -> None:
        """Take turns as `desk` has it from now on; those under way end as they began."""
        self._desk = desk
        self.wake()

    @property
    def running(self) -> int:
        """How many turns are under way here."""
        return len(self._running)

    @property
    def _settings(self) -> BridgeSettings:
        return self._desk.settings

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """While a delivery is being acknowledged."""
        self._receiving += 1
        self._received.append(monotonic())
        try:
            yield
        finally:
            self._receiving -= 1

    async def run(self) -> None:
        """Work until told to stop."""
        async with asyncio.TaskGroup() as group:
            await self._join()
            if self._store.is_shared:
                self._store.listen(self._hear)
            others = [group.create_task(self._keep_tidy())]
            if self._store.is_shared:
                others.append(group.create_task(self._keep_alive()))
            self.is_ready = True
            await self._work()
            self.is_ready = False
            await self._drain()
            for task in others:
                task.cancel()
        with suppress(Unavailable):  # then what is left here is free when the others take us for dead
            await self._leave()

    def stop(self) -> None:
        """Take no new turn; `run` ends when those under way have ended, or have had their time."""
        self._stopping = True
        self.wake()

    async def _work(self) -> None:
        while not self._stopping:
            self._woken.clear()
            await self._let_acknowledge()
            self._forget_to_look()
            try:
                found = await self._look()
            except Unavailable as error:
                log.problem("store", why=error.message)
                await self._rest(None)
                continue
            for taken in found.taken:
                self._start(taken)
            if not found.has_more:
                await self._rest(found.due_at)

    async def _let_acknowledge(self) -> None:
        """While many deliveries come in, wait for as long as we can."""
        until = monotonic() + YIELDS
        while self._is_rushed and monotonic() < until and not self._stopping:  # noqa: ASYNC110 a rate, no event
            await asyncio.sleep(_GAP)

    @property
    def _is_rushed(self) -> bool:
        is_fast = len(self._received) == MANY and monotonic() - self._received[0] < MANY / RUSH
        return is_fast or self._receiving >= MANY

    async def _look(self) -> _Round:
        """Sort what is new and take what is due, in one commit."""
        batch = SMALL_BATCH if self._is_rushed else BATCH
        room = min(self._settings.concurrency - len(self._running), batch)
        try:
            found = await self._store.write(lambda c: self._round(c, batch, room))
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 a bug on one delivery must not stop the others
            log.problem("unsortable", error)
            apart = await self._sort_apart()
            found = _Round(apart, [], has_more=bool(apart))
        for one in found.sorted:
            log.event("delivery", bot=one.bot, number=one.number, verdict=one.word)
            if one.changed is not None:
                self._tell(_key(one.changed))
        return found

    def _round(self, connection: Connection, batch: int, room: int) -> _Round:
        now, me = self._desk.clock(), self._me
        new = inbox.unsorted(connection, batch)
        outcomes = intake.sort(connection, new, self._inboxes, now, self._desk.manner) if new else []
        if self._store.is_shared:
            for key in {_key(one.changed) for one in outcomes if one.changed is not None}:
                announce(connection, _word(key))
        bots = self._settings.addresses
        claimed = leases.claim(connection, me, bots, now, room) if room > 0 else []
        merges = any(self._settings.patience_of(route).quiet > 0 for route in self._settings.routes)
        taken = []
        for lease in claimed:
            one = turns.take(connection, lease, self._desk.mode, now, merges=merges)
            if one is None:
                leases.let_go(connection, lease.subject, me, now)
            else:
                taken.append(one)
        has_more = len(new) == batch or (0 < room == len(claimed))
        due_at = None if has_more or room <= 0 else leases.next_due(connection, bots)
        return _Round(outcomes, taken, has_more, due_at)

    async def _sort_apart(self) -> list[Sorted]:
        """One by one, so that only the one that cannot be sorted is left."""
        outcomes: list[Sorted] = []
        for delivery in await self._store.write(inbox.unsorted):
            now = self._desk.clock()
            manner = self._desk.manner
            sort = partial(intake.sort, new=[delivery], inboxes=self._inboxes, now=now, manner=manner)
            try:
                outcomes += await self._store.write(sort)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 told, and kept for whoever mends it
                log.problem("unsortable", error, bot=delivery.bot, number=delivery.number)
                await self._store.write(partial(inbox.set_unreadable, number=delivery.number))
        return outcomes

    def _inboxes(self, bot: str) -> Collection[int]:
        return self._settings.inboxes(bot)

    def _start(self, taken: Taken) -> None:
        key, news = _key(taken.work.subject), News()
        task = asyncio.create_task(self._run(Turn(self._desk, taken, self._me, news), taken.work.subject))
        self._running[key] = _Running(task, news)
        task.add_done_callback(lambda done: self._ended(key, done))

    async def _run(self, turn: Turn, subject: Subject) -> None:
        """A turn in a task of its own: a bug in one is told, and does not end the others."""
        begun, ended = monotonic(), "failed"
        try:
            await turn.run()
            ended = "done"
        except LeaseLost:
            log.problem("lease_lost", bot=subject.bot, message=subject.message)
        except Unavailable as error:
            await self._put_back(subject, error.message)
        except Exception as error:  # noqa: BLE001 whatever it is, the customer gets a person
            log.problem("turn_failed", error, message=subject.message)
            try:
                await turn.give_up(error)
            except LeaseLost:
                pass
            except Unavailable as failure:
                await self._put_back(subject, failure.message)
        finally:
            log.event("turn", **named(subject), ended=ended, seconds=monotonic() - begun)

    async def _put_back(self, subject: Subject, why: str) -> None:
        """The store failed a turn: when it works again, the turn is taken again."""
        log.problem("store", why=why, message=subject.message)
        while True:
            await asyncio.sleep(self._settings.patience.first_pause)
            try:
                await self._store.write(lambda c: leases.postpone(c, subject, self._me, self._desk.clock()))
            except Unavailable:
                continue
            except LeaseLost:
                pass
            return

    def _ended(self, key: _Key, task: asyncio.Task[None]) -> None:
        if (running := self._running.get(key)) and running.task is task:
            del self._running[key]
            is_full = len(self._running) + 1 >= self._settings.concurrency
            if not (self._stopping or is_full or running.news.has_come):
                self._look_soon()
                return
        self.wake()

    def _look_soon(self) -> None:
        if self._looks_soon is None:
            self._looks_soon = asyncio.get_running_loop().call_later(_AFTER_A_TURN, self.wake)

    def _forget_to_look(self) -> None:
        if self._looks_soon is not None:
            self._looks_soon.cancel()
            self._looks_soon = None

    async def _rest(self, due_at: float | None) -> None:
        """Until something is accepted, a turn ends, or a postponed one is due."""
        seconds = self._settings.patience.lease / BEATS if self._store.is_shared else LONGEST_REST
        if due_at is not None:
            seconds = min(seconds, max(SHORTEST_REST, due_at - self._desk.clock()))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    def _hear(self, word: str) -> None:
        """Another bridge has sorted something: of a conversation that is here, or that is due."""
        if (key := _key_of(word)) is not None:
            self._tell(key)
        self.wake()

    def _tell(self, key: _Key) -> None:
        if running := self._running.get(key):
            running.news.tell()

    async def _join(self) -> None:
        """Until the store takes it: on a file, what a bridge that died was working on is free again."""
        step = partial(leases.join, me=self._me) if self._store.is_shared else leases.release_all
        while not self._stopping:
            try:
                return await self._store.write(step)
            except Unavailable as error:
                log.problem("store", why=error.message)
                await asyncio.sleep(self._settings.patience.first_pause)
        return None

    async def _leave(self) -> None:
        if self._store.is_shared:
            await self._store.write(lambda c: leases.leave(c, self._me))

    async def _keep_alive(self) -> None:
        """Say that we live. Who was silent for too long has lost what it had, and begins anew."""
        seconds = self._settings.patience.lease
        while True:
            await asyncio.sleep(seconds / BEATS)
            try:
                lives = await self._store.write(lambda c: leases.beat(c, self._me, seconds))
            except Unavailable as error:
                log.problem("store", why=error.message)
                continue
            if not lives:
                log.problem("taken_for_dead", turns=len(self._running))
                await self._cancel_all()
                self._me = str(uuid.uuid4())
                await self._join()
            self.wake()

    async def _keep_tidy(self) -> None:
        while True:
            try:
                await self._look_for_marks()
                await retention.forget(self._store, self._settings.keep, self._desk.clock())
            except Unavailable as error:
                log.problem("store", why=error.message)
            await asyncio.sleep(retention.EVERY)

    async def _look_for_marks(self) -> None:
        """Say it at the start where Chatwoot drops what a lost post would be looked for by."""
        for bot in self._settings.addresses:
            if await self._store.read(partial(outbox.keeps_marks, bot=bot)) is False:
                log.problem("mark_dropped", bot=bot, why="Chatwoot does not keep content_attributes")

    async def _drain(self) -> None:
        tasks = [running.task for running in self._running.values()]
        if tasks:
            log.event("draining", turns=len(tasks))
            await asyncio.wait(tasks, timeout=self._settings.patience.drain)
        await self._cancel_all()

    async def _cancel_all(self) -> None:
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _key(subject: Subject) -> _Key:
    return subject.bot, subject.account, subject.conversation


def _word(key: _Key) -> str:
    return ":".join(map(str, key))


def _key_of(word: str) -> _Key | None:
    """The conversation that a word names; a bot's name has no colon in it."""
    bot, _, numbers = word.partition(":")
    account, _, conversation = numbers.partition(":")
    if not (account.isdigit() and conversation.isdigit()):
        return None
    return bot, int(account), int(conversation)
