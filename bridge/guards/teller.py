"""Tells people of alerts, over the channels that are configured: each by itself, and none twice on purpose.

An alert is claimed in the store, sent, and marked. What fails is tried again, less and less often, for a
day. What is due at the same time goes out as one message; out of `hours` only what is critical, at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import httpx
from sqlalchemy import Connection

from bridge import log
from bridge.store import Store
from bridge.tables import alerts, told
from bridge.tables.told import LONGEST, Due, State
from kbtool.config.hours import ALWAYS, Hours
from kbtool.errors import Unavailable
from kbtool.notify import PATIENCE, Channels, Level, Message, send

EVERY = 2.0
"""Seconds between two looks at the store."""
CLAIM = 4 * PATIENCE
"""Seconds after which what a dead bridge was sending is sent by another."""
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 3600.0
MANY = 50
"""Alerts in one message."""


class Teller:
    """`run` until it is cancelled; `http` reaches the channels, whatever their addresses."""

    def __init__(
        self,
        store: Store,
        channels: Channels,
        http: httpx.AsyncClient,
        clock: Callable[[], float] = time.time,
        *,
        hours: Hours = ALWAYS,
        every: float = EVERY,
    ) -> None:
        self._store = store
        self._channels = channels
        self._http = http
        self._clock = clock
        self._hours = hours
        self._every = every
        self._begun = clock()

    async def run(self) -> None:
        """Each channel by itself: one that does not answer holds no other up."""
        async with asyncio.TaskGroup() as group:
            for name in self._channels.names:
                group.create_task(self._tell_always(name))

    async def _tell_always(self, channel: str) -> None:
        while True:
            try:
                await self.tell(channel)
            except Unavailable as error:
                log.problem("store", why=error.message)
            except Exception as error:  # noqa: BLE001 a bug here must not end the bridge; the claim ends by itself
                log.problem("teller_failed", error, channel=channel)
            await asyncio.sleep(self._every)

    async def tell(self, channel: str) -> None:
        """Send what is due over that channel now. Raises Unavailable where the store does not work."""
        now = self._clock()
        due = await self._store.write(lambda c: self._claim(c, channel, now))
        old = [one for one in due if one.alert.at < now - LONGEST]
        if old:
            await self._settle(channel, old, State.LOST)
            log.problem("alert_lost", channel=channel, alerts=[one.alert.number for one in old])
        fresh = [one for one in due if one not in old]
        urgent = [one for one in fresh if one.alert.message.level is Level.CRITICAL]
        others = [one for one in fresh if one not in urgent]
        for one in urgent:
            await self._send(channel, [one])
        if not others:
            return
        opens = self._hours.next_opening(now)
        if opens is None:
            await self._send(channel, others)
        else:
            numbers = [one.alert.number for one in others]
            await self._store.write(lambda c: told.put_off(c, channel, numbers, opens.timestamp()))

    def _claim(self, connection: Connection, channel: str, now: float) -> list[Due]:
        told.expect(connection, channel, self._begun, now)
        return told.claim(connection, channel, now, now + CLAIM, MANY)

    async def _send(self, channel: str, due: Sequence[Due]) -> None:
        begun = await self._store.read(lambda c: [alerts.since(c, one.alert) for one in due])
        message = message_of([one.alert for one in due], begun)
        failures = await send(message, self._channels.only(channel), self._http)
        if not failures:
            await self._settle(channel, due, State.SENT)
            log.event("told", channel=channel, alerts=[one.alert.number for one in due])
            return
        now = self._clock()
        log.problem("not_told", channel=channel, alerts=[one.alert.number for one in due], why=failures[0])

        def put_back(connection: Connection) -> None:
            for one in due:
                pause = min(FIRST_PAUSE * 2**one.attempts, LONGEST_PAUSE)
                told.failed(connection, channel, one, now + pause)

        await self._store.write(put_back)

    async def _settle(self, channel: str, due: Sequence[Due], state: State) -> None:
        numbers = [one.alert.number for one in due]
        await self._store.write(lambda c: told.settle(c, channel, numbers, state))


def message_of(some: Sequence[alerts.Alert], begun: Sequence[float]) -> Message:
    """One alert as it is, with since when; several as a list. `details` has their numbers, which stay the
    same when they are sent again: who gets a number twice was told once.
    """
    numbers = [one.number for one in some]
    if len(some) == 1:
        (one,), (since,) = some, begun
        when = f"{'Since' if since < one.at else 'At'} {_clock(since)}."
        return replace(
            one.message,
            lines=(*one.message.lines, when),
            details={**one.message.details, "alerts": numbers, "at": one.at, "since": since},
        )
    lines = tuple(f"{_clock(one.at)}  {one.message.subject}: {'; '.join(one.message.lines)}" for one in some)
    return Message(f"{len(some)} alerts of the bridge", lines, Level.WARNING, "several", {"alerts": numbers})


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
