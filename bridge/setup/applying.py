"""Making the steps of a plan, one call each, and the secrets that come of them.

A plan that is broken off half-way is gone on with by the next: what was made is there then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bridge.chatwoot.admin import Admin, Bot
from bridge.setup.planning import Attach, MakeApp, MakeBot, MakeWebhook, MoveBot, Step, There, Wanted, bot_of


@dataclass(frozen=True, slots=True)
class Keys:
    """What a route needs to know, by its address. `token` is empty for an account webhook."""

    address: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


async def apply(
    admin: Admin, there: There, steps: Sequence[Step], told: Callable[[Step], None] = lambda _: None
) -> None:
    """Each step, and after each that it is done. Raises ServiceError at the first that fails."""
    made: dict[str, Bot] = {}
    for step in steps:
        match step:
            case MakeBot(address, name, url):
                made[address] = await admin.create_bot(there.account, name, url)
            case MoveBot(bot, url):
                await admin.move_bot(there.account, bot, url)
            case Attach(address, inbox):
                own = made.get(address) or bot_of(there.bots, address)
                assert own is not None  # the plan makes it first
                await admin.attach(there.account, inbox.id, own)
            case MakeWebhook(address, url):
                await admin.create_webhook(there.account, f"kbtool {address}", url)
            case MakeApp(title, url):
                await admin.create_dashboard_app(there.account, title, url)
        told(step)


def keys(there: There, wanted: Wanted) -> list[Keys]:
    """The secrets of what is there now, for the bridge's environment."""
    found = []
    for address in wanted.bots:
        bot = bot_of(there.bots, address)
        if bot is not None:
            found.append(Keys(address, bot.secret, bot.token))
    for name in wanted.webhooks:
        hook = next((one for one in there.webhooks if one.url.endswith(f"/account/{name}")), None)
        if hook is not None:
            found.append(Keys(name, hook.secret))
    return found
