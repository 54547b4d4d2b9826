"""`kbtool bridge`: the Chatwoot bridge that runs the policy of kb.toml."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config
from kbtool.errors import ConfigError

if TYPE_CHECKING:
    import socket

    from bridge.settings import BridgeSettings, Mode, Route
    from kbtool.config import Settings

app = typer.Typer(help="The Chatwoot bridge.", no_args_is_help=True)


@app.callback()
def bridge() -> None:
    """The Chatwoot bridge: webhooks in, measured decisions out."""


@app.command()
def serve(
    config: Config = DEFAULT_CONFIG,
    chatwoot_url: Annotated[str, typer.Option(help="Chatwoot's address.", envvar="CHATWOOT_URL")] = "",
    mode: Annotated[
        str, typer.Option(help="draft: private notes for people. reply: to customers.")
    ] = "draft",
    untuned: Annotated[bool, typer.Option("--untuned", help="Reply with a threshold nobody chose.")] = False,
    bot: Annotated[str, typer.Option(help="The bot's name, last part of its webhook address.")] = "kbtool",
    inbox: Annotated[list[int] | None, typer.Option(help="Speak in this inbox only (repeatable).")] = None,
    host: Annotated[str, typer.Option(help="Address for Chatwoot's webhooks.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Its port.", min=0, max=65535)] = 8080,
    ops_host: Annotated[str, typer.Option(help="Address for health and traces.")] = "127.0.0.1",
    ops_port: Annotated[int, typer.Option(help="Its port.", min=0, max=65535)] = 8081,
    store: Annotated[Path, typer.Option(help="The bridge's database file.")] = Path(".kbtool/bridge.sqlite"),
) -> None:
    """Serve the bridge until Ctrl-C or SIGTERM; what is under way is then finished first."""
    import asyncio

    from bridge.settings import BridgeSettings
    from kbtool.config import load
    from kbtool.hold import PLACE, Hold

    settings = load(config)
    route = _route(os.environ, bot, _mode(mode, settings, untuned=untuned), inbox or ())
    bridge_settings = BridgeSettings(
        settings.resolve(str(store)), (route,), settings.policy, hold=Hold(settings.resolve(PLACE))
    )
    address = _address(chatwoot_url)
    from bridge.serve import listen

    sockets = (
        listen(host, port, hint="Take another port: kbtool bridge serve --port …"),
        listen(ops_host, ops_port, hint="Take another port: kbtool bridge serve --ops-port …"),
    )
    asyncio.run(_serve(settings, bridge_settings, address, sockets))


async def _serve(
    settings: Settings,
    bridge_settings: BridgeSettings,
    chatwoot_url: str,
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    import httpx
    from httpx_aiohttp import HttpxAiohttpClient

    from bridge import log
    from bridge.asking.enclosing import Enclosing
    from bridge.asking.fetch import Fetcher
    from bridge.serve import address_of, bridge, serving, until_stopped
    from kbtool.cli.connect import connect

    log.to_stderr()
    async with (
        connect(settings, needs_datasets=False) as chat,  # it asks the app only
        HttpxAiohttpClient(base_url=chatwoot_url, timeout=httpx.Timeout(10.0)) as http,
        bridge(bridge_settings, chat, http, Enclosing(chat, Fetcher.of(http, chatwoot_url))) as running,
        serving((running.app, sockets[0]), (running.ops, sockets[1])) as servers,
    ):
        for route in bridge_settings.routes:
            webhook = f"{address_of(sockets[0])}/webhooks/chatwoot/{route.name}"
            typer.echo(f"The bridge takes webhooks at {webhook} ({route.mode.value} mode).")
        typer.echo(f"Health and traces: {address_of(sockets[1])}; stop with Ctrl-C.")
        await until_stopped(running.work, *servers)


def _route(environment: Mapping[str, str], bot: str, mode: Mode, inboxes: list[int] | tuple[()]) -> Route:
    """The one route of the command line; `CHATWOOT_BOT_TOKEN_<BOT>` comes before `CHATWOOT_BOT_TOKEN`."""
    from bridge.settings import Route

    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", bot):
        raise ConfigError(
            f"--bot {bot!r}: it is part of an address", hint="Small letters, digits and hyphens, at most 40."
        )

    def secret(name: str) -> str:
        return environment.get(f"{name}_{bot.upper().replace('-', '_')}") or environment.get(name, "")

    missing = [name for name in ("CHATWOOT_BOT_TOKEN", "CHATWOOT_WEBHOOK_SECRET") if not secret(name)]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} not set, needed for Chatwoot",
            hint=f"export {missing[0]}=…   (in Chatwoot: Settings › Bots › the bot)",
        )
    return Route(
        name=bot,
        secret=secret("CHATWOOT_WEBHOOK_SECRET"),
        bot_token=secret("CHATWOOT_BOT_TOKEN"),
        user_token=secret("CHATWOOT_USER_TOKEN"),
        mode=mode,
        inboxes=frozenset(inboxes),
    )


def _mode(name: str, settings: Settings, *, untuned: bool) -> Mode:
    """Replies go out only under a threshold that was chosen from measurements (design decision 14)."""
    from bridge.settings import Mode

    if name not in set(Mode):
        raise ConfigError(f"--mode {name!r} is not a mode", hint="draft or reply")
    if name == Mode.REPLY and not (settings.handoff.tuned or untuned):
        raise ConfigError(
            f"reply mode needs a tuned threshold, and {settings.handoff.threshold} is the one to start from",
            hint="Run `kbtool tune`, stay in draft mode, or say --untuned.",
        )
    return Mode(name)


def _address(url: str) -> str:
    if not re.match(r"https?://[^/]", url):
        said = f"{url!r} is no address of a server" if url else "Chatwoot's address is not known"
        raise ConfigError(said, hint="--chatwoot-url https://chat.example.com, or export CHATWOOT_URL=…")
    return url
