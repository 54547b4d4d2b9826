"""`kbtool bridge kpi`: the key figures of what the store knows, against their targets."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli.bridge.options import StoreFile, store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.kpi.figures import Figures

DAY = 86_400.0


def kpi(
    config: Config = DEFAULT_CONFIG,
    days: Annotated[
        int | None, typer.Option(help="Over so many days.", min=1, max=88, show_default="as kb.toml says")
    ] = None,
    define: Annotated[bool, typer.Option("--define", help="Also what each figure means.")] = False,
    store: StoreFile = None,
    as_json: Json = False,
) -> None:
    """Deflection, response times, returns, handoffs, ratings, cost and drafts, against [kpi] in kb.toml.

    Reads the bridge's store while it runs. A figure over nothing is shown as –.
    """
    from kbtool.config import load
    from kbtool.kpi.shown import as_json as to_json

    settings = load(config)
    found = figures_of(settings, store, days)
    if as_json:
        typer.echo(json.dumps(to_json(found, settings.kpi.targets), ensure_ascii=False, indent=1))
        return
    _show(found, settings, define=define)


def figures_of(settings: Settings, store: str | None = None, days: int | None = None) -> Figures:
    """The figures of the last days of the bridge's store. Raises ConfigError where there is none."""
    from bridge.kpi.rows import visited
    from kbtool.kpi.figures import figures

    now = time.time()
    since = now - (days or settings.kpi.days) * DAY
    path, database = store_of(settings, store)
    return figures(visited(path, since, now, database), since, now)


def _show(found: Figures, settings: Settings, *, define: bool) -> None:
    from kbtool.kpi.shown import rows

    days = round((found.until - found.since) / DAY)
    shown = rows(found, settings.kpi.targets)
    wide = max(len(row.title) for row in shown)
    for row in shown:
        state = {"met": "✓", "missed": "✗", "": " "}[row.state]
        target = f"  target {row.target}" if row.target else ""
        interval = f"  ({row.interval})" if row.interval else ""
        typer.echo(f"{state} {row.title:<{wide}}  {row.value:>10}  of {row.over}{interval}{target}")
        if define:
            typer.echo(f"    {row.formula}\n    Source: {row.source}")
    typer.echo(f"\n{found.matters} matters of {days} days; {found.waiting} wait for a person.")
    if found.reasons:
        told = ", ".join(f"{reason} {count}" for reason, count in found.reasons.items())
        typer.echo(f"Handed off: {told}")
    if found.fates:
        typer.echo("Drafts: " + ", ".join(f"{fate} {count}" for fate, count in found.fates.items()))
    if not define:
        typer.echo("What they mean: kbtool bridge kpi --define")
