"""`kbtool doctor`: what is wrong with Dify, or on a message's way through Chatwoot and the bridge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import Exit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kbtool.config import Settings
    from kbtool.doctor import Finding

app = typer.Typer(help="What is wrong with the servers, and what to do.", no_args_is_help=True)


@app.callback()
def doctor() -> None:
    """Look at the servers that kb.toml names; nothing is changed."""


@app.command()
def dify(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Examine Dify: server, key, model, dataset, documents, retrieval, and the app in front of it.

    The app is asked five questions, each of which costs an answer of its language model.
    """
    import asyncio

    from kbtool.config import load

    settings = load(config)
    _end(asyncio.run(_all(_dify(settings), as_json=as_json)), as_json=as_json)


@app.command()
def bridge(
    conversation: Annotated[
        int, typer.Argument(metavar="[CONVERSATION]", help="Whose latest message to follow.", show_default="")
    ] = 0,
    chatwoot_url: Annotated[str, typer.Option(help="Chatwoot's address.", envvar="CHATWOOT_URL")] = "",
    ops: Annotated[
        str, typer.Option(metavar="URL", help="The bridge's second address, if not that of kb.toml.")
    ] = "",
    store: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="The bridge's database, if not that of kb.toml.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Examine the way of a customer's message: Chatwoot, its bot, the bridge, the app, and back.

    Run it where the bridge runs, with its variables. One event that means nothing is posted to the bridge,
    and each route's app is asked two questions; nobody sees either.
    """
    import asyncio

    found = _bridge(config, chatwoot_url, ops, store, conversation)
    _end(asyncio.run(_all(found, as_json=as_json)), as_json=as_json)


async def _all(found: AsyncIterator[Finding], *, as_json: bool) -> list[Finding]:
    findings: list[Finding] = []
    async for finding in found:
        findings.append(finding)
        if not as_json:
            _show(finding)
    return findings


def _end(findings: list[Finding], *, as_json: bool) -> None:
    from kbtool.doctor import Level

    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False, indent=1))
    elif not problems:
        typer.echo("No problem found.")
    raise typer.Exit(Exit.ERROR if problems else Exit.OK)


async def _dify(settings: Settings) -> AsyncIterator[Finding]:
    from kbtool import corpus
    from kbtool.cli.connect import connect
    from kbtool.config import EMBEDDED, Secrets
    from kbtool.doctor import examine
    from kbtool.sync.render import render_all

    rendered = render_all(corpus.load(settings).documents, settings)
    has_app_key = settings.dify.base_url == EMBEDDED or bool(Secrets.from_environment().app_key)
    async with connect(settings, needs_app=False) as client:
        async for finding in examine(client, settings, rendered, has_app_key=has_app_key):
            yield finding


async def _bridge(
    config: Path, chatwoot_url: str, ops: str, store: str | None, conversation: int
) -> AsyncIterator[Finding]:
    import os

    import httpx
    from httpx_aiohttp import HttpxAiohttpClient

    from bridge.doctor import Scene, examine
    from bridge.store.visit import visit
    from kbtool.cli.bridge.apps import apps
    from kbtool.cli.bridge.options import store_of
    from kbtool.cli.bridge.source import Source
    from kbtool.cli.channels import channels
    from kbtool.doctor.alerts import examine_alerts

    source = Source(config, chatwoot_url)
    settings, table = source.settings(), source.table()
    at = store_of(settings, store)
    host = f"[{table.ops_host}]" if ":" in table.ops_host else table.ops_host
    async with (
        apps(settings, os.environ) as of_name,
        HttpxAiohttpClient(base_url=source.chatwoot_url(), timeout=httpx.Timeout(15.0)) as chatwoot,
        HttpxAiohttpClient(timeout=httpx.Timeout(15.0)) as outside,
    ):
        scene = Scene(
            settings=source.read(),
            chatwoot=chatwoot,
            outside=outside,
            apps=of_name,
            listens=(table.host, table.port),
            ops=ops.rstrip("/") or f"http://{host}:{table.ops_port}",
            visit=lambda: visit(*at),
            conversation=conversation,
        )
        async for finding in examine(scene):
            yield finding
        async for finding in examine_alerts(channels(settings, os.environ)):
            yield finding


def _show(finding: Finding) -> None:
    typer.echo(f"{finding.level.value:<8} {finding.about}: {finding.said}")
    if finding.remedy:
        typer.echo(f"         → {finding.remedy}")
