"""A route's monthly budget: told at 80 %, closed at 100 %, and told once where Dify does not say the cost.

Several bridges on one store share a budget: each counts into the same rows, and looks at the others' once a
minute. What is closed opens again with the next month, or with a larger budget in kb.toml.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection

from bridge import log
from bridge.holding import Standing
from bridge.settings import BridgeSettings, Route
from bridge.store import Store
from bridge.tables import usage
from bridge.tables.alerts import raise_alert
from bridge.tables.usage import Cost, Spent, month_of
from kbtool.errors import Unavailable
from kbtool.notify import Level, Message

NEARLY = 0.8
EVERY = 60.0
_MONTH = 32 * 86400.0
"""Seconds for which an alert of one month is not repeated."""


class Budgets:
    """Keeps `standing.spent` true. `settings` are those in use at the time of the call."""

    def __init__(
        self,
        store: Store,
        standing: Standing,
        settings: Callable[[], BridgeSettings],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._standing = standing
        self._settings = settings
        self._clock = clock

    async def spend(self, route: str, cost: Cost) -> None:
        """Count one answer. A store that fails costs the count, not the answer: it is logged."""
        table = self._route(route)
        if table is None:
            return
        month = self._month(table)
        log.event(
            "cost",
            route=route,
            tokens="unknown" if cost.tokens is None else cost.tokens,
            money="unknown" if cost.money is None else cost.money,
            currency=cost.currency or "unknown",
        )

        if table.budget.is_unbounded:  # there is nothing to judge, so nobody waits for the count
            self._store.write_later(lambda c: usage.add(c, route, month, cost))
            return

        def count(connection: Connection) -> Spent:
            usage.add(connection, route, month, cost)
            return usage.spent(connection, route, month)

        try:
            spent = await self._store.write(count)
            await self._judge(table, month, spent)
        except Unavailable as error:
            log.problem("usage_not_counted", route=route, why=error.message)

    async def run(self) -> None:
        """Refresh until cancelled, the first time at once."""
        while True:
            try:
                await self.refresh()
            except Unavailable as error:
                log.problem("store", why=error.message)
            await asyncio.sleep(EVERY)

    async def refresh(self) -> None:
        """Judge all routes anew: at the start, after a reload, and for what other bridges have spent."""
        for route in self._settings().routes:
            month = self._month(route)
            spent = await self._store.read(partial(usage.spent, route=route.name, month=month))
            await self._judge(route, month, spent)
        names = {route.name for route in self._settings().routes}
        self._standing.spent = frozenset(self._standing.spent & names)

    async def _judge(self, route: Route, month: str, spent: Spent) -> None:
        share = spent.share(route.budget)
        is_spent = share is not None and share >= 1.0
        others = self._standing.spent - {route.name}
        self._standing.spent = others | {route.name} if is_spent else frozenset(others)
        now = self._clock()
        if is_spent:
            told = "its answers are paused, and people get the questions, until the month ends"
            await raise_alert(self._store, _message(route, month, spent, Level.CRITICAL, told), now, _MONTH)
        elif share is not None and share >= NEARLY:
            told = f"{share:.0%} is spent"
            await raise_alert(self._store, _message(route, month, spent, Level.WARNING, told), now, _MONTH)
        if spent.is_unknown(route.budget):
            await raise_alert(self._store, _unknown(route, month, spent), now, _MONTH)

    def _route(self, name: str) -> Route | None:
        return next((route for route in self._settings().routes if route.name == name), None)

    def _month(self, route: Route) -> str:
        return month_of(self._clock(), route.hours.zone)


def _message(route: Route, month: str, spent: Spent, level: Level, told: str) -> Message:
    mark = "spent" if level is Level.CRITICAL else "nearly"
    return Message(
        subject=f"Route {route.name}: the budget of {month}: {told}",
        lines=(_so_far(spent), f"[bridge.routes.{route.name}] budget in kb.toml is read without a restart."),
        level=level,
        key=f"budget:{route.name}:{month}:{mark}",
        details={"route": route.name, "month": month, "share": spent.share(route.budget)},
    )


def _unknown(route: Route, month: str, spent: Spent) -> Message:
    return Message(
        subject=f"Route {route.name}: what answers cost is not known for all of them",
        lines=(
            _so_far(spent),
            "Dify tells no price for a model without one, and no usage for some chatflows.",
            "The budget is held to what is known; bound tokens (budget_tokens) where prices are missing.",
        ),
        level=Level.INFO,
        key=f"budget:{route.name}:{month}:unknown",
        details={"route": route.name, "month": month, "unpriced": spent.unpriced, "untold": spent.untold},
    )


def _so_far(spent: Spent) -> str:
    money = ", ".join(f"{amount:.2f} {currency}" for currency, amount in spent.money) or "no price told"
    unknown = f"; unknown: price of {spent.unpriced}, tokens of {spent.untold}" if spent.unpriced else ""
    return f"{spent.answers} answers, {spent.tokens} tokens, {money}{unknown}."
