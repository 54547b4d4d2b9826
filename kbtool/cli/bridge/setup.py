"""`kbtool bridge setup`: the bot, its inbox, and the page beside conversations, made in Chatwoot."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import show
from kbtool.cli.options import DEFAULT_CONFIG, Config
from kbtool.errors import ConfigError, Exit

if TYPE_CHECKING:
    from bridge.setup.applying import Keys
    from bridge.setup.planning import There, Wanted
    from kbtool.config import Settings

KEYS = ".kbtool/chatwoot.env"


def setup(
    url: Annotated[str, typer.Option(metavar="URL", help="The bridge's address, as Chatwoot reaches it.")],
    inbox: Annotated[
        list[int] | None, typer.Option(help="Connect the bot to this inbox (repeatable).")
    ] = None,
    chatwoot_url: Annotated[str, typer.Option(help="Chatwoot's address.", envvar="CHATWOOT_URL")] = "",
    account: Annotated[int, typer.Option(help="Chatwoot's account, if there are several.")] = 0,
    name: Annotated[str, typer.Option(help="The bot's name, which customers see.")] = "Assistant",
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of an inbox's bot.")] = False,
    plan_only: Annotated[bool, typer.Option("--plan", help="Show what is missing; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Make it without asking.")] = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Make in Chatwoot what the routes of kb.toml need: bots, account webhooks, the inbox, the drafts' page.

    What is there is left alone, so it can be run again. The tokens and secrets that the bridge needs are
    written into .kbtool/chatwoot.env, for nobody else to read. CHATWOOT_USER_TOKEN is an administrator's.
    """
    import asyncio

    from kbtool.cli.bridge.source import Source
    from kbtool.config import load

    settings = load(config)
    address = Source(config, chatwoot_url).chatwoot_url()
    token = os.environ.get("CHATWOOT_USER_TOKEN", "").strip()
    if not token:
        raise ConfigError(
            "CHATWOOT_USER_TOKEN not set",
            hint="export CHATWOOT_USER_TOKEN=…   (an administrator's Profile › Access Token)",
        )
    wanted = _wanted(settings, _origin(url), tuple(inbox or ()), name, replaces=replace)
    code = asyncio.run(
        _setup(settings, wanted, (address, token), account, plan_only=plan_only, is_agreed=yes)
    )
    raise typer.Exit(code)


async def _setup(
    settings: Settings,
    wanted: Wanted,
    chatwoot: tuple[str, str],
    account: int,
    *,
    plan_only: bool,
    is_agreed: bool,
) -> int:
    import httpx
    from httpx_aiohttp import HttpxAiohttpClient

    from bridge.chatwoot.admin import Admin
    from bridge.setup.applying import apply, keys
    from bridge.setup.looking import account_of, look
    from bridge.setup.planning import plan

    address, token = chatwoot
    async with HttpxAiohttpClient(base_url=address, timeout=httpx.Timeout(15.0)) as http:
        admin = Admin(http, token)
        there = await look(admin, await account_of(admin, account))
        wanted = _with_inboxes(there, wanted)
        steps = plan(there, wanted)
        for step in steps:
            typer.echo(f"  {step}")
        if not steps:
            typer.echo("All is set up in Chatwoot.")
        if plan_only:
            return Exit.OK
        if steps and not is_agreed and not show.is_confirmed("Make it?"):
            typer.echo("Nothing was changed.")
            return Exit.PENDING
        await apply(admin, there, steps, lambda step: typer.echo(f"done: {step}"))
        found = keys(await look(admin, there.account), wanted)
    path = settings.resolve(KEYS)
    _write(path, address, found, is_only=len(found) == 1)
    typer.echo(f"Its tokens and secrets are in {path}; nobody else may read it.")
    typer.echo(f"Next: set -a; . {path}; set +a; kbtool bridge serve     then: kbtool doctor bridge")
    return Exit.OK


def _wanted(settings: Settings, url: str, inboxes: tuple[int, ...], name: str, *, replaces: bool) -> Wanted:
    """What kb.toml's routes need, and what the command line says. Raises ConfigError."""
    from bridge.routes.routing import DEFAULT
    from bridge.setup.planning import Wanted

    bots: dict[str, tuple[int, ...]] = {} if settings.bridge.routes else {DEFAULT: ()}
    webhooks = []
    for row in settings.bridge.routes.values():
        if row.webhook:
            webhooks.append(row.webhook)
        else:
            bots[row.bot] = (*bots.get(row.bot, ()), *row.inboxes)
    if inboxes and len(bots) != 1:
        raise ConfigError(
            f"--inbox: kb.toml has {len(bots)} bots", hint="Say `inboxes` of each route there instead."
        )
    return Wanted(
        url=url,
        bots={bot: tuple(dict.fromkeys(inboxes or own)) for bot, own in bots.items()},
        webhooks=tuple(dict.fromkeys(webhooks)),
        name=name,
        has_page=settings.bridge.review.enabled,
        replaces=replaces,
    )


def _with_inboxes(there: There, wanted: Wanted) -> Wanted:
    """Without a word about inboxes it is the only one, or the bot's own; or somebody has to say."""
    from dataclasses import replace

    from bridge.setup.planning import bot_of

    bots = dict(wanted.bots)
    for address, inboxes in wanted.bots.items():
        bot = bot_of(there.bots, address)
        own = [number for number, owner in there.owners.items() if bot and owner and owner.id == bot.id]
        if inboxes or own:
            bots[address] = inboxes or tuple(own)
            continue
        if len(there.inboxes) != 1:
            known = ", ".join(f"{one.id} (“{one.name}”)" for one in there.inboxes) or "none: make one first"
            said = f"which inbox shall the bot {address!r} answer in?"
            raise ConfigError(said, hint=f"--inbox …, or `inboxes` in kb.toml; there are: {known}.")
        bots[address] = (there.inboxes[0].id,)
    return replace(wanted, bots=bots)


def _origin(url: str) -> str:
    """Raises ConfigError for what Chatwoot could not call."""
    found = re.fullmatch(r"(https?://[^\s@/?#]+)/?", url)
    if found is None:
        raise ConfigError(
            f"--url {url!r}: the bridge's address is wanted, without a path",
            hint="--url https://bridge.example.com",
        )
    return found.group(1)


def _write(path: Path, chatwoot_url: str, found: list[Keys], *, is_only: bool) -> None:
    """As lines that a shell, systemd and Docker read. Whole or not at all, and never readable by others."""
    from bridge.routes.routing import variable

    lines = [f"CHATWOOT_URL={chatwoot_url}"]
    for one in found:
        for which, value in (("CHATWOOT_BOT_TOKEN", one.token), ("CHATWOOT_WEBHOOK_SECRET", one.secret)):
            if value:
                lines.append(f"{which if is_only else variable(which, one.address)}={value}")
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.unlink(missing_ok=True)
    half.touch(0o600, exist_ok=False)
    half.write_text("\n".join([*lines, ""]), encoding="utf-8")
    half.replace(path)
