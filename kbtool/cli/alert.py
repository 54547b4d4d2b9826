"""`kbtool alert test`: a message over each channel, so that none is found deaf in an emergency."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from kbtool.notify import Channels

app = typer.Typer(help="What the bridge and the weekly check tell people.", no_args_is_help=True)


@app.callback()
def _alert() -> None:
    """A group, although it has one command."""


@app.command("test")
def try_channels(
    channel: Annotated[str, typer.Argument(help="Only this one: webhook, slack, lark or email.")] = "",
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Send a test message over each channel that is configured, and say of each what became of it."""
    import asyncio
    import os

    from kbtool.cli.channels import channels
    from kbtool.config import load

    found = channels(load(config), os.environ)
    if not found.names:
        raise ConfigError(
            f"{config}: nobody is told of anything",
            hint="Set [notify] webhook or [notify.email], or SLACK_WEBHOOK or LARK_WEBHOOK.",
        )
    if channel and channel not in found.names:
        raise ConfigError(
            f"{channel} is not configured", hint=f"There are: {', '.join(found.names)} (kbtool alert test)."
        )
    failures = asyncio.run(_send([channel] if channel else list(found.names), found))
    if as_json:
        typer.echo(json.dumps({name: why or "sent" for name, why in failures.items()}))
    else:
        for name, why in failures.items():
            typer.echo(f"{name}: {why or 'sent; look whether it has arrived'}")
    deaf = [name for name, why in failures.items() if why]
    if deaf:
        raise Unavailable(
            f"not told over {', '.join(deaf)}", hint="Mend what its line says, then try: kbtool alert test"
        )


async def _send(names: list[str], to: Channels) -> dict[str, str]:
    """Why each failed, or ""."""
    import asyncio

    from kbtool.http import for_alerts
    from kbtool.notify import Level, Message, send

    message = Message(
        "A test of kbtool's alerts",
        ("Nothing has happened: somebody ran `kbtool alert test`.",),
        Level.INFO,
        "test",
    )
    async with for_alerts() as http:
        failures = await asyncio.gather(*(send(message, to.only(name), http) for name in names))
    return {
        name: failed[0].removeprefix(f"{name}: ") if failed else ""
        for name, failed in zip(names, failures, strict=True)
    }
