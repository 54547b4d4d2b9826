"""`kbtool doctor dify`: what is wrong, and what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import Exit

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.doctor import Finding

app = typer.Typer(help="What is wrong with the servers, and what to do.", no_args_is_help=True)


@app.callback()
def doctor() -> None:
    """Look at the servers that kb.toml names; nothing is changed."""


@app.command()
def dify(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Examine Dify: server, key, model, dataset, documents, retrieval, and the app in front of it."""
    import asyncio

    from kbtool.config import load
    from kbtool.doctor import Level

    findings = asyncio.run(_examine(load(config), as_json=as_json))
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False, indent=1))
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    raise typer.Exit(Exit.ERROR if problems else Exit.OK)


async def _examine(settings: Settings, *, as_json: bool) -> list[Finding]:
    from kbtool import corpus
    from kbtool.cli.connect import connect
    from kbtool.config import EMBEDDED, Secrets
    from kbtool.doctor import examine
    from kbtool.sync.render import render_all

    rendered = render_all(corpus.load(settings).documents, settings)
    has_app_key = settings.dify.base_url == EMBEDDED or bool(Secrets.from_environment().app_key)
    findings: list[Finding] = []
    async with connect(settings, needs_app=False) as client:
        async for finding in examine(client, settings, rendered, has_app_key=has_app_key):
            findings.append(finding)
            if not as_json:
                _show(finding)
    return findings


def _show(finding: Finding) -> None:
    typer.echo(f"{finding.level.value:<8} {finding.about}: {finding.said}")
    if finding.remedy:
        typer.echo(f"         → {finding.remedy}")
