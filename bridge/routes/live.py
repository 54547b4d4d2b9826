"""The settings in use and what is made of them, replaced as a whole by a reload."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

import httpx

from bridge import log
from bridge.answering import QUOTA, Answering, Chat
from bridge.asking.enclosing import App, Enclosing
from bridge.asking.fetch import Fetcher
from bridge.asking.rate import Rate
from bridge.chatwoot.client import ChatwootClient
from bridge.guards.budget import Budgets
from bridge.holding import RouteHold, Standing
from bridge.routes.metered import Metered
from bridge.settings import BridgeSettings, Route
from bridge.store import Store
from bridge.tables.alerts import raise_alert
from bridge.turn import Desk
from kbtool.canary import check
from kbtool.errors import ConfigError, ServiceError, Unavailable
from kbtool.notify import Level, Message

Chats = Callable[[str], Chat]
"""The Dify app of a name, "" being the nameless one. Raises ConfigError where it has no key."""


class Live:
    """`desk` is what turns are taken with; `adopt` makes a new one. `standing` outlives them all."""

    def __init__(
        self,
        store: Store,
        settings: BridgeSettings,
        chats: Chats,
        chatwoot: httpx.AsyncClient,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chats = chats
        self._chatwoot = chatwoot
        self._clock = clock
        self._apps: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._rate = Rate()
        self.standing = Standing()
        self.budgets = Budgets(store, self.standing, self.current, clock)
        self.desk = self._desk(settings)

    def current(self) -> BridgeSettings:
        return self.desk.settings

    def chats(self) -> dict[str, Chat]:
        """The apps of the routes that ask one, by name."""
        return {route.app: self._chats(route.app) for route in self.current().routes if route.asks}

    async def is_stale(self) -> str:
        """Ask the policy's canary questions through the app that they were measured with, the nameless one;
        where no route has that, through the first. "" where all is as it was, or there are no canaries.

        They cost what answers cost, on the account of the first route of that app.
        """
        canaries = self.current().policy.canaries
        routes = sorted(
            (route for route in self.current().routes if route.asks), key=lambda one: one.app != ""
        )
        if not (canaries and routes):
            return ""
        route = routes[0]
        asked = Metered(self._chats(route.app), route.name, self.budgets.spend, self._failed)
        drift = await check(asked, canaries)
        if not drift.is_known:
            raise Unavailable(f"The policy cannot be checked: {drift.sentence}")
        return drift.sentence if drift.is_stale else ""

    async def adopt(self, settings: BridgeSettings) -> Desk:
        """Use these from now on. Raises ConfigError, and changes nothing, where they cannot be."""
        self.desk = self._desk(settings)
        try:
            await self.budgets.refresh()
        except Unavailable as error:
            log.problem("store", why=error.message)
        return self.desk

    async def refused(self, error: ConfigError) -> None:
        """An edit of kb.toml that was not taken: somebody believes that it was."""
        message = Message(
            subject="kb.toml was edited and not taken: the bridge goes on with what it had",
            lines=tuple(filter(None, (error.message, error.hint))),
            key="reload_refused",
        )
        await self._alert(message, quiet=0.0)

    def _desk(self, settings: BridgeSettings) -> Desk:
        return Desk(
            self._store,
            {route.name: self._answering(route, settings) for route in settings.routes if route.asks},
            {
                route.address: ChatwootClient(self._chatwoot, route.bot_token, route.user_token)
                for route in settings.routes
            },
            settings,
            self._clock,
        )

    def _answering(self, route: Route, settings: BridgeSettings) -> Answering:
        chat = self._chats(route.app)
        app = Metered(chat, route.name, self.budgets.spend, self._failed)
        hold = RouteHold(route.name, settings.hold, self.standing)
        return Answering(
            app,
            settings.policy_of(route),
            settings.patience_of(route),
            hold,
            enclosing=self._enclosing(chat, route, settings) if isinstance(chat, App) else None,
            places=self._places(route.app, settings.questions_at_once),
            rate=partial(self._rate.admit, settings.limits),
        )

    def _enclosing(self, app: App, route: Route, settings: BridgeSettings) -> Enclosing:
        fetcher = Fetcher.of(self._chatwoot, str(self._chatwoot.base_url), settings.storage)
        return Enclosing(app, fetcher, route.contact)

    def _places(self, app: str, number: int) -> asyncio.Semaphore | None:
        """Shared by the routes of an app, and kept by a reload that leaves their number as it is."""
        if not number:
            return None
        return self._apps.setdefault((app, number), asyncio.Semaphore(number))

    async def _failed(self, route: str, error: ServiceError) -> None:
        """Customers get a person meanwhile; that Dify fails them is for an operator to know."""
        is_quota = error.code == QUOTA
        message = Message(
            subject=f"Route {route}: {'the quota at Dify is used up' if is_quota else 'Dify fails'}",
            lines=(error.message, error.hint or "People get the questions until it answers again."),
            level=Level.CRITICAL if is_quota else Level.WARNING,
            key=f"{'quota' if is_quota else 'dify'}:{route}",
            details={"route": route, "status": error.status},
        )
        await self._alert(message)

    async def _alert(self, message: Message, quiet: float | None = None) -> None:
        try:
            if quiet is None:
                await raise_alert(self._store, message, self._clock())
            else:
                await raise_alert(self._store, message, self._clock(), quiet)
        except Unavailable as error:
            log.problem("alert_not_kept", key=message.key, why=error.message)
