"""Is the threshold still that of the app as it is? Asked at the start, after a reload, and every six hours.

Who asks them is given (`is_stale`): a sentence where the policy belongs to other settings, "" where it does
not. A bridge with a stale policy still runs: its drafts go on, and what would be a reply goes to a person
(design decision 12).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bridge import log
from bridge.holding import Standing
from bridge.store import Store
from bridge.tables.alerts import raise_alert
from kbtool.errors import KbtoolError
from kbtool.hold import POLICY_STALE
from kbtool.notify import Level, Message

EVERY = 6 * 3600.0
"""Seconds. Each canary costs an answer of the app."""
IsStale = Callable[[], Awaitable[str]]


class Staleness:
    """Keeps `standing.stale` true: `look` is one look, `run` looks until it is cancelled."""

    def __init__(
        self,
        store: Store,
        standing: Standing,
        is_stale: IsStale,
        clock: Callable[[], float] = time.time,
        every: float = EVERY,
    ) -> None:
        self._store = store
        self._standing = standing
        self._is_stale = is_stale
        self._clock = clock
        self._every = every
        self._asked = asyncio.Event()

    def look_soon(self) -> None:
        """Another policy is in use."""
        self._asked.set()

    async def run(self) -> None:
        while True:
            self._asked.clear()
            await self.look()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._every)

    async def look(self) -> None:
        """Ask once. Who cannot be asked leaves things as they were: that Dify is away is told elsewhere."""
        try:
            said = await self._is_stale()
            if said and not self._standing.stale:
                await raise_alert(self._store, _message(said), self._clock())
            elif self._standing.stale and not said:
                log.event("policy_fresh")
            self._standing.stale = said
        except KbtoolError as error:
            log.problem("staleness_unknown", why=error.message)


def _message(said: str) -> Message:
    return Message(
        subject="The handoff threshold was measured under other settings",
        lines=(
            said,
            "Replies are held back until then: measure and tune again (kbtool eval weekly; kbtool tune).",
        ),
        level=Level.CRITICAL,
        key=POLICY_STALE,
    )
