"""What a bridge is made of: its routes, its addresses, its store, and how long things may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from kbtool.handoff import Policy
from kbtool.hold import Hold


class Mode(StrEnum):
    """`draft`: the AI writes private notes and a person sends. `reply`: the AI answers the customer."""

    DRAFT = "draft"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What a conversation gets when it goes to people: `team` is Chatwoot's id, 0 none; labels are added to
    those it has; `priority` "" leaves it as it is.
    """

    team: int = 0
    labels: tuple[str, ...] = ()
    priority: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One agent bot of Chatwoot: `name` is the last part of its webhook address.

    `secret` is what Chatwoot signs with, `bot_token` what replies and status changes are sent with.
    `user_token` (an administrator's, optional) only reads. `inboxes` are the ids that it speaks in; empty
    means all that Chatwoot has given it. `language` is that of customers who show none. Its text form
    hides the secrets.
    """

    name: str
    secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    user_token: str = field(default="", repr=False)
    mode: Mode = Mode.DRAFT
    inboxes: frozenset[int] = frozenset()
    language: str = ""
    forwarding: Forwarding = Forwarding()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds.

    `answer` bounds all attempts to get one answer out of Dify, `attempts` their number. `settles` is the
    longest time after which a post of unknown outcome is either in Chatwoot or will never be. `drain` is
    what turns under way get at the end. `lease` outlasts every turn; only a bridge that died leaves one.
    """

    answer: float = 60.0
    attempts: int = 3
    first_pause: float = 1.0
    longest_pause: float = 60.0
    settles: float = 15.0
    drain: float = 20.0
    lease: float = 600.0


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """A whole bridge. `largest_body` is in bytes, `concurrency` the conversations worked on at once. `hold`
    is the mark by which an operator holds answers back.
    """

    store: Path
    routes: tuple[Route, ...]
    policy: Policy
    patience: Patience = Patience()
    hold: Hold | None = None
    concurrency: int = 64
    largest_body: int = 1_000_000

    def route(self, name: str) -> Route | None:
        return next((route for route in self.routes if route.name == name), None)
