"""What all turns of a bridge share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.answering import Answering
from bridge.chatwoot.client import ChatwootClient
from bridge.settings import BridgeSettings, Mode
from bridge.store import Store


@dataclass(frozen=True, slots=True)
class Desk:
    """`clients` has Chatwoot's client for each route's name."""

    store: Store
    answering: Answering
    clients: Mapping[str, ChatwootClient]
    settings: BridgeSettings
    clock: Callable[[], float] = time.time

    def mode(self, bot: str) -> Mode:
        """That of the route; what has none any more is drafted."""
        route = self.settings.route(bot)
        return route.mode if route else Mode.DRAFT
