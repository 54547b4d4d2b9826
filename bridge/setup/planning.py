"""From what Chatwoot has to what is wanted: the steps between, as values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bridge.app import ADDRESS
from bridge.chatwoot.admin import Bot, DashboardApp, Inbox, Webhook
from kbtool.errors import ConfigError

REVIEW = "/review"


@dataclass(frozen=True, slots=True)
class Wanted:
    """`url` is the bridge's public address, without a path. `bots` are the last parts of bots' addresses,
    each with the inboxes that it shall be in; `webhooks` those of account webhooks.

    `replaces` lets a bot take another's place. `has_page`: the review page stands beside conversations, as
    `title`.
    """

    url: str
    bots: Mapping[str, tuple[int, ...]]
    webhooks: tuple[str, ...] = ()
    name: str = "Assistant"
    title: str = "AI drafts"
    has_page: bool = True
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class There:
    """What an account has; `owners` is the bot of an inbox, None where it has none."""

    account: int
    bots: tuple[Bot, ...]
    inboxes: tuple[Inbox, ...]
    owners: dict[int, Bot | None]
    webhooks: tuple[Webhook, ...]
    apps: tuple[DashboardApp, ...]


@dataclass(frozen=True, slots=True)
class MakeBot:
    address: str
    name: str
    url: str

    def __str__(self) -> str:
        return f"create the bot “{self.name}”, which calls {self.url}"


@dataclass(frozen=True, slots=True)
class MoveBot:
    bot: Bot
    url: str

    def __str__(self) -> str:
        return f"have the bot “{self.bot.name}” call {self.url} instead of {self.bot.url}"


@dataclass(frozen=True, slots=True)
class Attach:
    address: str
    inbox: Inbox
    instead_of: str = ""

    def __str__(self) -> str:
        other = f", in the place of “{self.instead_of}”" if self.instead_of else ""
        return f"connect it to the inbox “{self.inbox.name}”{other}"


@dataclass(frozen=True, slots=True)
class MakeWebhook:
    address: str
    url: str

    def __str__(self) -> str:
        return f"create an account webhook to {self.url}"


@dataclass(frozen=True, slots=True)
class MakeApp:
    title: str
    url: str

    def __str__(self) -> str:
        return f"show {self.url} beside conversations, as “{self.title}”"


Step: TypeAlias = MakeBot | MoveBot | Attach | MakeWebhook | MakeApp


def plan(there: There, wanted: Wanted) -> list[Step]:
    """The steps, in the order in which they can be made; none where all is there. Raises ConfigError."""
    return [*_bots(there, wanted), *_webhooks(there, wanted), *_page(there, wanted)]


def bot_of(bots: Sequence[Bot], address: str, url: str = "") -> Bot | None:
    """The bot of this address: the one that calls `url`, or else one that calls it on another server."""
    ours = [bot for bot in bots if bot.url.split("?", 1)[0].rstrip("/").endswith(f"{ADDRESS}/{address}")]
    return next((bot for bot in ours if bot.url == url), ours[0] if ours else None)


def _bots(there: There, wanted: Wanted) -> Iterator[Step]:
    for address in wanted.bots:
        url = f"{wanted.url}{ADDRESS}/{address}"
        bot = bot_of(there.bots, address, url)
        if bot is None:
            name = wanted.name if len(wanted.bots) == 1 else f"{wanted.name} ({address})"
            yield MakeBot(address, name, url)
        elif bot.url != url:
            yield MoveBot(bot, url)
        yield from _inboxes(there, wanted, address, bot)


def _inboxes(there: There, wanted: Wanted, address: str, bot: Bot | None) -> Iterator[Step]:
    by_id = {inbox.id: inbox for inbox in there.inboxes}
    for number in wanted.bots[address]:
        inbox, owner = by_id.get(number), there.owners.get(number)
        if inbox is None:
            known = ", ".join(f"{one.id} (“{one.name}”)" for one in there.inboxes) or "none"
            raise ConfigError(f"there is no inbox {number}", hint=f"There are: {known}.")
        if owner is not None and bot is not None and owner.id == bot.id:
            continue
        if owner is not None and not wanted.replaces:
            raise ConfigError(
                f"the inbox “{inbox.name}” is answered by the bot “{owner.name}” already",
                hint="Say --replace to put ours in its place: an inbox has one bot.",
            )
        yield Attach(address, inbox, "" if owner is None else owner.name)


def _webhooks(there: There, wanted: Wanted) -> Iterator[Step]:
    for name in wanted.webhooks:
        address = f"account/{name}"
        url = f"{wanted.url}{ADDRESS}/{address}"
        if all(hook.url != url for hook in there.webhooks):
            yield MakeWebhook(address, url)


def _page(there: There, wanted: Wanted) -> Iterator[Step]:
    url = f"{wanted.url}{REVIEW}"
    if wanted.has_page and all(url not in app.urls for app in there.apps):
        yield MakeApp(wanted.title, url)
