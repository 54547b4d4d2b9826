"""Looks at the figures now and then, for `/metrics`, and raises an alert when ratings drop.

Counting reads all that was said in the time that is looked at, so it is done once in a while, in the thread
that reads the store, and not when somebody asks for metrics.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bridge import log
from bridge.kpi.rows import rated, rows
from bridge.settings import BridgeSettings
from bridge.store import Store
from bridge.tables.alerts import raise_alert
from kbtool.errors import Unavailable
from kbtool.kpi.alarm import WEEK, Drop, drop
from kbtool.kpi.figures import Figures, figures
from kbtool.kpi.matters import matters
from kbtool.notify import Level, Message

EVERY = 3600.0
DAY = 86_400.0


class Watch:
    """`latest` is what was found last, None before the first look. `run` looks until it is cancelled."""

    def __init__(
        self,
        store: Store,
        current: Callable[[], BridgeSettings],
        clock: Callable[[], float] = time.time,
        every: float = EVERY,
    ) -> None:
        self._store = store
        self._current = current
        self._clock = clock
        self._every = every
        self.latest: Figures | None = None

    async def run(self) -> None:
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.problem("store", why=error.message)
            await asyncio.sleep(self._every)

    async def look(self) -> Figures:
        """Count anew. Raises Unavailable."""
        kpi, now = self._current().kpi, self._clock()
        self.latest = found = await self.figures(now)
        if kpi.rating_alert:
            fallen = await self._store.read(lambda c: drop(matters(rated(c, now)), now))
            if fallen is not None:
                await raise_alert(self._store, _message(fallen), now, quiet=WEEK)
        return found

    async def figures(self, now: float, days: int = 0) -> Figures:
        """Over so many days; 0: those that kb.toml says. Raises Unavailable."""
        since = now - (days or self._current().kpi.days) * DAY
        return await self._store.read(lambda c: figures(rows(c, since, now), since, now))


def _message(fallen: Drop) -> Message:
    now, before = fallen.now, fallen.before
    return Message(
        subject="Customers rate the AI's answers worse than before",
        lines=(
            f"Good in the last 7 days: {now.hits} of {now.n} ratings; before: {before.hits} of {before.n}.",
            "See which answers: /queue on the ops address, bad ratings; then: kbtool eval weekly",
        ),
        level=Level.WARNING,
        key="csat_drop",
        details={
            "now": {"good": now.hits, "of": now.n},
            "before": {"good": before.hits, "of": before.n},
            "p": fallen.p,
        },
    )
