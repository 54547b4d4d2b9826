"""`kbtool embedded`: the Dify-compatible engine as a server of its own."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config

app = typer.Typer(help="The embedded Dify-compatible engine.", no_args_is_help=True)


@app.callback()
def embedded() -> None:
    """The embedded Dify-compatible engine."""


@app.command()
def serve(
    config: Config = DEFAULT_CONFIG,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 5001,
) -> None:
    """Serve the engine over HTTP, to look at it with curl or to point another tool at it."""
    import uvicorn

    from kbtool.cli.connect import APP_KEY, DATASET_KEY, engine_settings
    from kbtool.cli.listening import listen
    from kbtool.config import load
    from kbtool.embedded import create_app

    settings = load(config)
    free = port + 1 if port < 65535 else 0
    listening = listen(host, port, hint=f"Take another port: kbtool embedded serve --port {free}")
    keys = {
        "dataset_key": os.environ.get("DIFY_DATASET_KEY", DATASET_KEY),
        "app_key": os.environ.get("DIFY_APP_KEY", APP_KEY),
    }
    engine = create_app(engine_settings(settings, **keys))
    address = f"http://{host}:{listening.getsockname()[1]}/v1"
    typer.echo(f"The embedded engine listens on {address}; stop it with Ctrl-C.")
    if "DIFY_DATASET_KEY" not in os.environ:
        typer.echo(f"Try: curl -H 'Authorization: Bearer {DATASET_KEY}' {address}/datasets")
    uvicorn.Server(uvicorn.Config(engine, log_level="warning")).run(sockets=[listening])
