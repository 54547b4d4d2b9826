"""`kbtool ingest`: plan, show, apply."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import show
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import Exit

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.sync.plan import Plan

SHOWN = 20


def ingest(
    config: Config = DEFAULT_CONFIG,
    plan_only: Annotated[bool, typer.Option("--plan", help="Show the plan; change nothing.")] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Like --plan, and exit 6 if anything would change, 5 if it is refused."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Apply without asking.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Allow deletions that are refused otherwise.")
    ] = False,
    prune: Annotated[bool, typer.Option(help="Delete documents whose page has left the corpus.")] = True,
    dataset: Annotated[str, typer.Option(help="Another dataset than kb.toml's.")] = "",
    as_json: Json = False,
) -> None:
    """Make the Dify dataset match the corpus: plan, show, apply, read back."""
    import asyncio

    from kbtool.config import load

    settings = load(config)
    if dataset:
        settings = settings.with_dataset(dataset)
    code = asyncio.run(
        _ingest(
            settings,
            plan_only=plan_only or check,
            check=check,
            yes=yes,
            force=force,
            prune=prune,
            as_json=as_json,
        )
    )
    raise typer.Exit(code)


async def _ingest(
    settings: Settings, *, plan_only: bool, check: bool, yes: bool, force: bool, prune: bool, as_json: bool
) -> Exit:
    """Raises UnsafePlan where a plan is not to be applied; a plan that is only shown may be unsafe."""
    from kbtool import corpus
    from kbtool.cli.connect import connect
    from kbtool.sync.apply import Sync
    from kbtool.sync.render import render

    loaded = corpus.load(settings)
    for skip in loaded.unreadable:
        sys.stderr.write(f"not read: {skip.source}: {skip.reason}\n")
    rendered = [render(document) for document in loaded.documents]
    async with connect(settings, needs_app=False) as client:
        sync = Sync(client, settings.dataset_profile)
        plan = await sync.plan(rendered, prune=prune, unreadable=loaded.unreadable)
        if plan_only and as_json:
            typer.echo(json.dumps(plan.as_json(), ensure_ascii=False, indent=1))
        elif not as_json:
            _show_plan(plan)
        if plan_only and not check:
            return Exit.OK
        plan.require_safe(force=force)
        if plan_only:
            return Exit.OK if plan.is_empty else Exit.PENDING
        if plan.is_empty:
            if as_json:
                typer.echo(json.dumps(plan.as_json() | {"applied": 0}, ensure_ascii=False, indent=1))
            return Exit.OK
        if not yes and not _is_confirmed():
            typer.echo("Nothing was changed.")
            return Exit.PENDING
        with show.progress(is_quiet=as_json) as progress:
            applied = await sync.apply(plan, rendered, prune=prune, force=force, progress=progress)
    if as_json:
        report = plan.as_json() | {"applied": applied.changes, "requests": applied.requests}
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        typer.echo(
            f"Done in {applied.seconds:.1f} s: {show.number(applied.changes, 'change')}, "
            f"{show.number(applied.chunks, 'section')} sent, read back and found equal."
        )
        typer.echo("Next: kbtool eval weekly")
    return Exit.OK


def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        sys.stderr.write(
            "error: not applied, since nobody can be asked here\n  Add --yes to apply the plan.\n"
        )
        raise typer.Exit(Exit.USAGE)
    return typer.confirm("Apply?")


def _show_plan(plan: Plan) -> None:
    counts = ", ".join(f"{count} to {action.value}" for action, count in plan.counts.items())
    made = " (will be created)" if plan.creates_dataset else ""
    typer.echo(f"Dataset “{plan.dataset}”{made}: {counts or 'nothing to do'}; {plan.unchanged} unchanged.")
    for change in plan.changes[:SHOWN]:
        typer.echo(f"  {change.action.value:<7} {change.name}  ({change.reason})")
    if len(plan.changes) > SHOWN:
        typer.echo(f"  … and {len(plan.changes) - SHOWN} more (--plan --json shows all)")
    for conflict in plan.conflicts:
        typer.echo(f"  refused: {conflict}")
