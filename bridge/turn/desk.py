"""What all turns of a bridge share: made anew by a reload, while turns under way keep the one they have."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.answering import Answering
from bridge.chatwoot.client import ChatwootClient
from bridge.conversation import Facts
from bridge.settings import BridgeSettings, Mode, Patience, Route
from bridge.speech import Manner
from bridge.store import Store


@dataclass(frozen=True, slots=True)
class Desk:
    """`answering` has what answers for each route's name, `clients` Chatwoot's client for each address."""

    store: Store
    answering: Mapping[str, Answering]
    clients: Mapping[str, ChatwootClient]
    settings: BridgeSettings
    clock: Callable[[], float] = time.time

    def route(self, address: str, facts: Facts) -> Route | None:
        """The route of a conversation; None where none fits it."""
        return self.settings.choose(address, facts.inbox, facts.labels)

    def mode(self, address: str, facts: Facts) -> Mode:
        """That of the route. What no route wants is shown to people where Chatwoot gave it to our bot, and
        otherwise left alone, as is what waits there for somebody else's bot.
        """
        route = self.route(address, facts)
        speaks = route is not None and route.mode is not Mode.OFF
        if self.settings.is_account(address) and (not speaks or facts.status == "pending"):
            return Mode.SILENT
        return route.mode if route is not None else Mode.OFF

    def patience(self, address: str, facts: Facts) -> Patience:
        route = self.route(address, facts)
        return self.settings.patience_of(route) if route else self.settings.patience

    def manner(self, address: str, facts: Facts) -> Manner:
        """How to speak in the conversation now."""
        return manner_of(self.route(address, facts), facts, self.clock())


def manner_of(route: Route | None, facts: Facts, now: float) -> Manner:
    """How to speak in a conversation that `route` is for, None where none is."""
    if route is None:
        return Manner(facts.channel)
    back = route.hours.next_opening(now)
    return Manner(facts.channel, route.language, route.forwarding, back, datetime.fromtimestamp(now, UTC))
