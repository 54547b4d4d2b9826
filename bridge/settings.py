"""What a bridge is made of: its routes, its addresses, its store, and how long things may take.

All values are frozen. A reload replaces the whole (`reload.py`); a turn keeps the one that it began with.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from kbtool.config import ALWAYS, Hours, Kpi
from kbtool.handoff import Policy
from kbtool.hold import Hold
from kbtool.policy_file import differences


class Mode(StrEnum):
    """`draft`: the AI writes private notes and a person sends. `reply`: the AI answers the customer. `off`:
    no AI; what Chatwoot gives to the bot is shown to people at once, since nobody is told of it there.
    `silent` is nobody's to choose: the conversation is not ours at all.
    """

    DRAFT = "draft"
    REPLY = "reply"
    OFF = "off"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Forwarding:
    """What a conversation gets when it goes to people: `team` is Chatwoot's id, 0 none; labels are added to
    those it has; `priority` "" leaves it as it is.
    """

    team: int = 0
    labels: tuple[str, ...] = ()
    priority: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a month's answers may cost: money in the currency that Dify reports, tokens. None is no bound."""

    money: float | None = None
    tokens: int | None = None

    @property
    def is_unbounded(self) -> bool:
        return self.money is None and self.tokens is None


@dataclass(frozen=True, slots=True)
class Limits:
    """How many questions one contact, and one inbox, may put to the AI within an hour; 0: any number."""

    contact: int = 0
    inbox: int = 0


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
class Review:
    """The page on which people send drafts. `desk` is the origin where they have Chatwoot open, "" that of
    the address that the bridge itself uses. Without `secret` nobody can sign in: agents' tokens are sealed
    with it. A session ends after `session` seconds.
    """

    is_on: bool = True
    desk: str = ""
    session: float = 12 * 3600.0
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the routing table, with the secrets of the agent bot, or account webhook, that it hears from.

    `secret` is what Chatwoot signs with, or where it does not sign (before 4.13), what stands behind the
    address; `bot_token` what replies and status changes are sent with.
    `user_token` (an administrator's) only reads. `inboxes` are the ids that it speaks in, `labels` those of
    which a conversation must bear one; empty means all. `contact` are the attributes of the contact that its
    app may be told. `app` is its Dify app, "" the only one. Without a
    `policy` or a `patience` of its own it has the bridge's. Its text form hides the secrets.
    """

    name: str
    secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    user_token: str = field(default="", repr=False)
    mode: Mode = Mode.DRAFT
    inboxes: frozenset[int] = frozenset()
    labels: frozenset[str] = frozenset()
    bot: str = ""
    is_account: bool = False
    is_signed: bool = True
    app: str = ""
    policy: Policy | None = None
    hours: Hours = ALWAYS
    language: str = ""
    forwarding: Forwarding = Forwarding()
    contact: frozenset[str] = frozenset()
    budget: Budget = Budget()
    patience: Patience | None = None

    @property
    def address(self) -> str:
        """What stands behind `/webhooks/chatwoot/`, and in the store for whom a conversation came."""
        name = self.bot or self.name
        return f"account/{name}" if self.is_account else name

    @property
    def asks(self) -> bool:
        """Whether its Dify app is asked at all."""
        return self.mode is not Mode.OFF

    def fits(self, inbox: int, labels: Collection[str]) -> bool:
        """Whether a conversation of this inbox (0: unknown) with these labels is this route's."""
        is_here = not self.inboxes or inbox in self.inboxes
        return is_here and (not self.labels or not self.labels.isdisjoint(labels))


@dataclass(frozen=True, slots=True)
class BridgeSettings:
    """A whole bridge. `largest_body` is in bytes, `concurrency` the conversations worked on at once. `hold`
    is the mark by which an operator holds answers back. `database` is the URL of a PostgreSQL, which several
    bridges share; without it the store is the file at `store`. `unanswered` are the seconds after which a
    customer whom nobody answered goes to a person. `storage` are further addresses of Chatwoot's files,
    `questions_at_once` bounds what one app is asked at a time (0: not), `limits` what one contact or inbox
    asks in an hour. `kpi` are the figures' targets.
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
    unanswered: float = 600.0
    storage: tuple[str, ...] = ()
    questions_at_once: int = 0
    limits: Limits = Limits()
    kpi: Kpi = field(default_factory=Kpi)
    review: Review = Review()

    def route(self, address: str) -> Route | None:
        """The first route of this address, for what they share: secrets and tokens."""
        return next((route for route in self.routes if route.address == address), None)

    def choose(self, address: str, inbox: int, labels: Collection[str]) -> Route | None:
        """The route of a conversation: the first of this address that fits it."""
        return next((r for r in self.routes if r.address == address and r.fits(inbox, labels)), None)

    def is_account(self, address: str) -> bool:
        """Whether it is that of an account webhook, which also hears of conversations that are not ours."""
        route = self.route(address)
        return route is not None and route.is_account

    def inboxes(self, address: str) -> frozenset[int]:
        """Those that the routes of the address name; empty where one of them takes all."""
        of = [route.inboxes for route in self.routes if route.address == address]
        return frozenset().union(*of) if all(of) else frozenset()

    def policy_of(self, route: Route) -> Policy:
        return route.policy or self.policy

    def patience_of(self, route: Route) -> Patience:
        return route.patience or self.patience

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those that deliveries come to, each once."""
        return tuple(dict.fromkeys(route.address for route in self.routes))

    def changes(self, new: BridgeSettings) -> Iterator[str]:
        """What is different in `new`, for a log: names and numbers, no secrets."""
        before = {route.name: route for route in self.routes}
        after = {route.name: route for route in new.routes}
        yield from (f"route {name} is gone" for name in before if name not in after)
        yield from (f"route {name} is new" for name in after if name not in before)
        for name, route in after.items():
            old = before.get(name)
            if old is None:
                continue
            policies = differences(self.policy_of(old), new.policy_of(route))
            yield from (f"route {name}: {change}" for change in policies)
            if old.mode is not route.mode:
                yield f"route {name}: mode {old.mode.value} to {route.mode.value}"
            if replace(old, policy=None, mode=route.mode) != replace(route, policy=None):
                yield f"route {name}: other settings"
        if self.limits != new.limits:
            yield f"questions an hour: {new.limits.contact} of a contact, {new.limits.inbox} of an inbox"
        if self.review != new.review:
            yield "the review page"
        if [name for name in before if name in after] != [name for name in after if name in before]:
            yield "the order of the routes"
