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
class Route:
    """One agent bot, or account webhook, of Chatwoot: `address` is the last part of its webhook's.

    `secret` is what Chatwoot signs with, or where it does not sign (before 4.13), what stands behind the
    address; `bot_token` what replies and status changes are sent with.
    `user_token` (an administrator's, optional) only reads. `inboxes` are the ids that it speaks in; empty
    means all that Chatwoot has given it. Its text form hides the secrets.
    """

    name: str
    secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    user_token: str = field(default="", repr=False)
    mode: Mode = Mode.DRAFT
    inboxes: frozenset[int] = frozenset()
    bot: str = ""
    is_account: bool = False
    is_signed: bool = True

    @property
    def address(self) -> str:
        """What stands behind `/webhooks/chatwoot/`, and in the store for whom a conversation came."""
        name = self.bot or self.name
        return f"account/{name}" if self.is_account else name


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds.

    `answer` bounds all attempts to get one answer out of Dify, `attempts` their number. `post_limit` is the
    longest time after which a post of unknown outcome is either in Chatwoot or will never be. `drain` is
    what turns under way get at the end. A turn that cannot be ended for `longest_try` is a dead letter.

    An answer is posted `quiet` after the customer's last message, and what comes before that is answered with
    it; after `longest_burst` nothing more is waited for. With `quiet` 0 nothing waits. On a shared store a
    bridge that has not been heard of for `lease` is dead, and others go on with what it had.
    """

    answer: float = 60.0
    attempts: int = 3
    first_pause: float = 1.0
    longest_pause: float = 60.0
    post_limit: float = 20.0
    drain: float = 20.0
    lease: float = 8.0
    longest_try: float = 86_400.0
    quiet: float = 1.2
    longest_burst: float = 10.0


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days things are kept: a delivery's id, what was said, and the rows that are counted."""

    deliveries: float = 7.0
    words: float = 90.0
    rows: float = 400.0


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """A whole bridge. `largest_body` is in bytes, `concurrency` the conversations worked on at once. `hold`
    is the mark by which an operator holds answers back. `database` is the URL of a PostgreSQL, which several
    bridges share; without it the store is the file at `store`.
    """

    store: Path
    routes: tuple[Route, ...]
    policy: Policy
    patience: Patience = Patience()
    hold: Hold | None = None
    concurrency: int = 1000
    largest_body: int = 1_000_000
    database: str = field(default="", repr=False)
    keep: Keep = Keep()

    def route(self, address: str) -> Route | None:
        return next((route for route in self.routes if route.address == address), None)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those that deliveries come to, each once."""
        return tuple(dict.fromkeys(route.address for route in self.routes))
