"""What an account of Chatwoot has, as far as setting up concerns it."""

from __future__ import annotations

from bridge.chatwoot.admin import ADMINISTRATOR, BOT_REFUSED, Admin
from bridge.setup.planning import There
from kbtool.errors import ConfigError, Rejected


async def account_of(admin: Admin, wanted: int) -> int:
    """The account to set up: the one that is `wanted`, or the only one (0). Raises ConfigError."""
    try:
        person = await admin.me()
    except Rejected as error:
        if BOT_REFUSED not in error.message:
            raise
        raise ConfigError(
            "CHATWOOT_USER_TOKEN is an agent bot's, which may set up nothing",
            hint="Take an administrator's: in Chatwoot, Profile › Access Token.",
        ) from error
    accounts = [number for number, role in person.roles.items() if role == ADMINISTRATOR]
    if not accounts:
        raise ConfigError(
            f"CHATWOOT_USER_TOKEN is {person.name}'s, who is no administrator",
            hint="Take an administrator's: in Chatwoot, Profile › Access Token.",
        )
    if wanted and wanted not in accounts:
        said = f"{person.name} is no administrator of account {wanted}"
        raise ConfigError(said, hint=f"Of these: {', '.join(map(str, accounts))}.")
    if not wanted and len(accounts) > 1:
        said = f"{person.name} is an administrator of several accounts"
        raise ConfigError(said, hint=f"Say which: --account {' or '.join(map(str, accounts))}.")
    return wanted or accounts[0]


async def look(admin: Admin, account: int) -> There:
    """Raises ServiceError."""
    inboxes = await admin.inboxes(account)
    return There(
        account=account,
        bots=await admin.bots(account),
        inboxes=inboxes,
        owners={inbox.id: await admin.bot_of(account, inbox.id) for inbox in inboxes},
        webhooks=await admin.webhooks(account),
        apps=await admin.dashboard_apps(account),
    )
