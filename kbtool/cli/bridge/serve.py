"""`kbtool bridge serve`: the webhook service between Chatwoot and Dify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config

if TYPE_CHECKING:
    import socket

    from bridge.settings import BridgeSettings
    from kbtool.cli.bridge.source import Source

_SAYS = "kb.toml says it, or the default"


def serve(
    config: Config = DEFAULT_CONFIG,
    chatwoot_url: Annotated[str, typer.Option(help="Chatwoot's address.", envvar="CHATWOOT_URL")] = "",
    mode: Annotated[
        str, typer.Option(help="draft: private notes for people. reply: to customers.", show_default="draft")
    ] = "",
    untuned: Annotated[bool, typer.Option("--untuned", help="Reply with a threshold nobody chose.")] = False,
    bot: Annotated[
        str, typer.Option(help="The bot's name, last part of its webhook address.", show_default="kbtool")
    ] = "",
    inbox: Annotated[list[int] | None, typer.Option(help="Speak in this inbox only (repeatable).")] = None,
    host: Annotated[str, typer.Option(help="Address for Chatwoot's webhooks.", show_default=_SAYS)] = "",
    port: Annotated[int | None, typer.Option(help="Its port.", min=0, max=65535, show_default=_SAYS)] = None,
    ops_host: Annotated[str, typer.Option(help="Address for health and traces.", show_default=_SAYS)] = "",
    ops_port: Annotated[
        int | None, typer.Option(help="Its port.", min=0, max=65535, show_default=_SAYS)
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="The bridge's database file.", show_default=_SAYS)
    ] = None,
) -> None:
    """Serve the bridge until Ctrl-C or SIGTERM; what is under way is then finished first.

    Routes stand in kb.toml, [bridge.routes]; --mode, --bot and --inbox make one where it has none. An edit of
    kb.toml is taken without a restart, or refused with its sentence.
    """
    from kbtool.cli.bridge.source import OnlyRoute, Source

    route = OnlyRoute(bot, mode, tuple(inbox or ()), is_untuned=untuned)
    server = {
        "host": host,
        "port": port,
        "ops_host": ops_host,
        "ops_port": ops_port,
        "store": str(store) if store else "",
    }
    said = {name: value for name, value in server.items() if value not in {"", None}}
    source = Source(config, chatwoot_url, said, route)
    settings, table = source.read(), source.table()
    address = source.chatwoot_url()

    from bridge.activation import OPS, WEBHOOKS, inherited
    from bridge.serve import listen, run

    given = inherited()  # of a socket unit: then nobody is refused while this is started anew
    sockets = (
        given.get(WEBHOOKS)
        or listen(table.host, table.port, hint="Take another port: kbtool bridge serve --port …"),
        given.get(OPS)
        or listen(table.ops_host, table.ops_port, hint="Take another port: kbtool bridge serve --ops-port …"),
    )
    run(_serve(source, settings, address, sockets))


async def _serve(
    source: Source,
    settings: BridgeSettings,
    chatwoot_url: str,
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    from bridge import log
    from bridge.activation import notify
    from bridge.serve import address_of, again_on_sighup, serving, until_stopped
    from kbtool.cli.bridge.source import running

    log.to_stderr()
    async with (
        running(source, settings, chatwoot_url) as bridge,
        serving((bridge.app, sockets[0]), (bridge.ops, sockets[1])) as servers,
    ):
        for route in settings.routes:
            webhook = f"{address_of(sockets[0])}/webhooks/chatwoot/{route.address}"
            typer.echo(f"Route {route.name} takes webhooks at {webhook} ({route.mode.value} mode).")
        if settings.review.is_on:
            missing = "" if settings.review.secret else " (nobody can sign in: KBTOOL_SECRET_KEY is not set)"
            typer.echo(f"Drafts are sent from {address_of(sockets[0])}/review{missing}.")
        typer.echo(f"Health, metrics, traces, /queue and /kpi: {address_of(sockets[1])}; stop with Ctrl-C.")
        notify("READY=1")
        with again_on_sighup(bridge.look_again):
            await until_stopped(bridge.work, *servers)
        notify("STOPPING=1")
        await bridge.drain()
