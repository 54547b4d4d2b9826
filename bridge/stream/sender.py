"""Sends events to the one receiver that kb.toml names, in order, until it has them.

What cannot be sent is tried again, less and less often, for `LONGEST`; what the receiver refuses for good is
given up at once, so that one event holds up no others. Both are logged, counted, and told as an alert.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
from sqlalchemy import Connection

from bridge import log
from bridge.store import Store
from bridge.stream import rows
from bridge.stream.rows import Wanted
from bridge.tables import alerts, stream
from bridge.tables.stream import Due, State
from kbtool.errors import Unavailable
from kbtool.events import PATIENCE, Refusal, post
from kbtool.notify import Message

SOURCE = "/kbtool/bridge"
EVERY = 1.0
"""Seconds between two looks at the store."""
LONGEST = 3 * 86_400.0
"""Seconds for which an event is tried, and for which those of a bridge that was down are still found."""
TELL_AFTER = 900.0
"""Seconds after which people are told that the receiver takes nothing."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 600.0
MANY = 20
CLAIM = MANY * PATIENCE + 30.0
"""Seconds after which what a dead bridge was sending is sent by another."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where events go. The address and the secret are not for logs."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    wanted: Wanted


class Sender:
    """`run` until it is cancelled; `http` reaches the receiver."""

    def __init__(
        self,
        store: Store,
        receiver: Receiver,
        http: httpx.AsyncClient,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._receiver = receiver
        self._http = http
        self._clock = clock
        self._begun = clock()
        self._since: float | None = None
        self._after = 0

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.problem("store", why=error.message)
            except Exception as error:  # noqa: BLE001 a bug here must not end the bridge; the claim ends by itself
                log.problem("events_failed", error)
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Find what has happened, and send what is due. Raises Unavailable where the store does not work."""
        now = self._clock()
        due = await self._store.write(lambda c: self._find(c, now))
        for number, one in enumerate(due):
            if one.at < now - LONGEST:
                await self._lose(one, f"not taken in {LONGEST / 86_400:.0f} days")
                continue
            refusal = await post(
                self._http, self._receiver.url, self._receiver.secret, one.body, self._clock()
            )
            if refusal is None:
                await self._settle(one, State.SENT)
            elif refusal.is_final:
                await self._lose(one, refusal.why)
            else:
                await self._try_again(due[number:], refusal)
                return

    def _find(self, connection: Connection, now: float) -> list[Due]:
        """Of a receiver that is new, only what comes after the start: the past is not its."""
        if self._since is None:
            has_some = stream.begun(connection)
            self._since = now - LONGEST if has_some else self._begun
            self._after = rows.first_row(connection, self._since)
        wanted = self._receiver.wanted
        since = max(self._since, now - LONGEST)
        found, self._after = rows.turned(connection, wanted, self._after, now)
        found += rows.sent(connection, wanted, since)
        found += rows.rated(connection, wanted, self._since, now)
        found += rows.alerted(connection, wanted, since)
        for event in sorted(found, key=lambda one: one.at):
            stream.add(connection, event, SOURCE, now)
        return stream.claim(connection, now, now + CLAIM, MANY)

    async def _settle(self, one: Due, state: State) -> None:
        await self._store.write(lambda c: stream.settle(c, one.number, state))
        log.event(
            "event_sent" if state is State.SENT else "event_lost", type=one.body["type"], id=one.body["id"]
        )

    async def _lose(self, one: Due, why: str) -> None:
        log.problem("event_refused", type=one.body["type"], id=one.body["id"], why=why)
        await self._settle(one, State.LOST)

    async def _try_again(self, due: Sequence[Due], refusal: Refusal) -> None:
        first, now = due[0], self._clock()
        pause = min(FIRST_PAUSE * 2**first.attempts, LONGEST_PAUSE)
        log.problem("event_not_sent", type=first.body["type"], id=first.body["id"], why=refusal.why)

        def put_back(connection: Connection) -> None:
            stream.put_back(connection, due, now + pause)
            if now - first.at > TELL_AFTER:
                alerts.keep(connection, _told(refusal.why), now)

        await self._store.write(put_back)


def _told(why: str) -> Message:
    return Message(
        "Events do not reach their receiver",
        (f"It {why}. They are kept for {LONGEST / 86_400:.0f} days, and sent once it takes them.",),
        key="events_unsent",
    )
