"""What an administrator has set up: a bot that calls us, with our secret, in our inboxes, and no second one.

An inbox that is answered by two is answered twice (bridge rule 16); one whose bot is not ours is not answered
by us at all.
"""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Iterator, Sequence
from urllib.parse import urlsplit

from bridge.chatwoot.admin import SUBSCRIPTIONS, Admin, Bot, Inbox, Webhook
from bridge.chatwoot.listing import WEBHOOKS
from bridge.doctor.scene import Known, Scene
from bridge.settings import Route
from kbtool.doctor.finding import Finding, fine, note, problem
from kbtool.errors import ServiceError

_SETUP = "kbtool bridge setup makes it"


async def look(scene: Scene, known: Known) -> AsyncIterator[Finding]:
    if known.admin is None:
        return
    try:
        async for finding in _accounts(scene, known, known.admin):
            yield finding
    except ServiceError as error:
        yield problem("Chatwoot", error.message, error.hint or "Is the user token an administrator's?")


async def _accounts(scene: Scene, known: Known, admin: Admin) -> AsyncIterator[Finding]:
    bots = {account: await admin.bots(account) for account in known.accounts}
    hooks = {account: await admin.webhooks(account) for account in known.accounts}
    for route in {route.address: route for route in scene.settings.routes}.values():
        if route.is_account:
            for finding in _subscription(route, [one for each in hooks.values() for one in each]):
                yield finding
            continue
        ours = [(number, bot) for number, each in bots.items() for bot in each if calls(bot.url, route)]
        if not ours:
            there = "; ".join(f"“{bot.name}” calls {bot.url or 'nobody'}" for e in bots.values() for bot in e)
            said = f"none calls …{WEBHOOKS}{route.address}. There are: {there or 'none at all'}"
            yield problem("bot", said, f"{_SETUP}; or set that address: Settings › Bots.")
            continue
        account, bot = _right_one(ours, route)
        known.bots[route.address] = (account, bot)
        for finding in (*_of_bot(bot, route), *_doubles(bot, ours, hooks[account])):
            yield finding
        async for finding in _inboxes(scene, known, admin, route):
            yield finding


def _right_one(ours: Sequence[tuple[int, Bot]], route: Route) -> tuple[int, Bot]:
    """The one whose token we have, or else the first."""
    return next((one for one in ours if one[1].token and one[1].token == route.bot_token), ours[0])


def _of_bot(bot: Bot, route: Route) -> Iterator[Finding]:
    yield fine("bot", f"“{bot.name}” calls {bot.url}")
    if route.is_signed and bot.secret and not _same(bot.secret, route.secret):
        yield problem(
            "webhook secret",
            f"“{bot.name}” signs with another one than ours: every delivery is refused",
            "Copy it again: Settings › Bots › the bot › Webhook Secret; then start the bridge anew.",
        )
    if bot.token and not _same(bot.token, route.bot_token):
        yield problem(
            "bot token",
            f"is not that of “{bot.name}”: another bot would speak, and ours would take it for a rival",
            "Copy it again: Settings › Bots › the bot › Access Token.",
        )


def _doubles(bot: Bot, ours: Sequence[tuple[int, Bot]], hooks: Sequence[Webhook]) -> Iterator[Finding]:
    others = [one for _, one in ours if one.id != bot.id]
    if others:
        said = f"“{bot.name}” and “{others[0].name}” call the same address with different secrets"
        yield problem("bot", said, "Remove one of them: Settings › Bots.")
    if any(hook.url == bot.url for hook in hooks):
        said = (
            "one of the account has the bot's address: each message comes twice, once with a wrong signature"
        )
        yield problem("webhook", said, "Remove it: Settings › Integrations › Webhooks.")


async def _inboxes(scene: Scene, known: Known, admin: Admin, route: Route) -> AsyncIterator[Finding]:
    """Where the bot is connected, and whether its routes and Chatwoot's inboxes agree."""
    account, bot = known.bots[route.address]
    every = await admin.inboxes(account)
    owners = {inbox.id: await admin.bot_of(account, inbox.id) for inbox in every}
    own = tuple(inbox for inbox in every if (its := owners[inbox.id]) is not None and its.id == bot.id)
    known.inboxes[route.address] = own
    wanted = scene.settings.inboxes(route.address)
    if not own:
        said = f"“{bot.name}” is connected to none of {len(every)}: nothing is sent to it"
        yield problem("inbox", said, "Connect it: Settings › Inboxes › the inbox › Bot Configuration.")
    else:
        yield fine("inbox", f"{_names(own)}: connected to “{bot.name}”")
    for number in sorted(wanted - {inbox.id for inbox in own}):
        other = owners.get(number)
        if number not in owners:
            said, remedy = f"{number} of the routes is not there", "Mend `inboxes` in kb.toml."
        else:
            said = (
                f"{number} of the routes has {'no bot' if other is None else f'“{other.name}” for its bot'}"
            )
            remedy = "Connect ours: Settings › Inboxes › the inbox › Bot Configuration."
        yield problem("inbox", said, remedy)
    untaken = [inbox for inbox in own if wanted and inbox.id not in wanted]
    if untaken:
        said = f"{_names(untaken)}: the bot has it, and no route takes it, so its customers wait for nobody"
        yield problem("inbox", said, "Add it to `inboxes` of a route in kb.toml, or disconnect the bot.")
    yield await _rivals(admin, account, own)


async def _rivals(admin: Admin, account: int, own: Sequence[Inbox]) -> Finding:
    """Dialogflow and Captain answer beside the bot of an inbox."""
    dialogflow, captain = await admin.dialogflow(account), await admin.captain(account)
    for name, inboxes, place in (
        ("Dialogflow", dialogflow, "Settings › Integrations › Dialogflow"),
        ("Captain", captain, "Captain › Inboxes"),
    ):
        both = [inbox for inbox in own if inbox.id in inboxes]
        if both:
            said = f"{name} answers in {_names(both)} too: customers get two answers"
            return problem("second brain", said, f"Disconnect one of them: {place}.")
    return fine("second brain", "none: neither Dialogflow nor Captain answers there")


def _subscription(route: Route, hooks: Sequence[Webhook]) -> Iterator[Finding]:
    ours = [hook for hook in hooks if calls(hook.url, route)]
    if not ours:
        said = f"none of the account calls …{WEBHOOKS}{route.address}"
        yield problem("webhook", said, f"{_SETUP}; or: Settings › Integrations › Webhooks.")
        return
    hook = ours[0]
    missing = [name for name in SUBSCRIPTIONS if name not in hook.subscriptions]
    if missing:
        said = f"{hook.url} is not told of {', '.join(missing)}"
        yield problem("webhook", said, "Tick them: Settings › Integrations › Webhooks.")
    if hook.secret and not _same(hook.secret, route.secret):
        said = f"{hook.url} is signed with another secret than ours: every delivery is refused"
        yield problem("webhook secret", said, "Copy it again: Settings › Integrations › Webhooks.")
    if not missing:
        yield fine("webhook", f"of the account calls {hook.url}")
    if len(ours) > 1:
        yield note("webhook", f"{len(ours)} of the account call us", "Remove all but one.")


def calls(url: str, route: Route) -> bool:
    """Whether an address is this route's; behind it may stand the secret of a server that does not sign."""
    _, is_ours, address = urlsplit(url).path.partition(WEBHOOKS)
    address = address.strip("/")
    return bool(is_ours) and (address == route.address or address.startswith(f"{route.address}/"))


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _names(inboxes: Sequence[Inbox]) -> str:
    return ", ".join(f"“{inbox.name}”" for inbox in inboxes)
