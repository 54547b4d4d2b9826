"""`kbtool ingest`: plan, show, apply."""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import show
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import Exit

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.sync.apply import Applied
    from kbtool.sync.changes import Plan

SHOWN = 20
INTERRUPTED = 130
"""What shells expect of a command that Ctrl-C ended."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The command's options."""

    plan_only: bool
    check: bool
    yes: bool
    force: bool
    verify: bool
    rebuild: bool
    prune: bool
    as_json: bool


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
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every document back: find what was edited in Dify.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Delete and ingest every document anew, a few at a time.")
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
    wanted = Wanted(
        plan_only=plan_only or check,
        check=check,
        yes=yes,
        force=force,
        verify=verify,
        rebuild=rebuild,
        prune=prune,
        as_json=as_json,
    )
    seen = show.Seen()
    try:
        code = asyncio.run(_ingest(settings, wanted, seen))
    except KeyboardInterrupt:
        sys.stderr.write(f"\nInterrupted: {seen.words}. The next `kbtool ingest` goes on from here.\n")
        code = INTERRUPTED
    raise typer.Exit(code)


async def _ingest(settings: Settings, wanted: Wanted, seen: show.Seen) -> int:
    """Raises UnsafePlan where a plan is not to be applied; a plan that is only shown may be unsafe."""
    from kbtool import corpus
    from kbtool.cli.connect import connect
    from kbtool.errors import PlanError
    from kbtool.lock import only_one
    from kbtool.sync.apply import Sync
    from kbtool.sync.changes import Asked
    from kbtool.sync.render import render_all, tag_of

    loaded = corpus.load(settings)
    for skip in loaded.unreadable:
        sys.stderr.write(f"not read: {skip.source}: {skip.reason}\n")
    rendered = render_all(loaded.documents, settings)
    target = tag_of(f"{settings.dify.base_url} {settings.dify.dataset}")
    lock = only_one(
        settings.resolve(f".kbtool/ingest-{target}.lock"),
        what="Another ingest",
        error=PlanError,
    )
    with nullcontext() if wanted.plan_only else lock:
        async with connect(settings, needs_app=False) as client:
            sync = Sync(client, settings.dataset_profile)
            with show.progress(is_quiet=wanted.as_json) as progress:
                plan = await sync.plan(
                    rendered,
                    Asked(prune=wanted.prune, rebuild=wanted.rebuild),
                    verify=wanted.verify,
                    unreadable=loaded.unreadable,
                    progress=progress,
                )
            _show_plan(plan, wanted)
            if wanted.plan_only and not wanted.check:
                return Exit.OK
            plan.require_safe(force=wanted.force)
            if wanted.plan_only:
                return Exit.OK if plan.is_empty else Exit.PENDING
            if plan.is_empty:
                _show_applied(plan, None, wanted)
                return Exit.OK
            if not wanted.yes and not show.is_confirmed("Apply?"):
                typer.echo("Nothing was changed.")
                return Exit.PENDING
            with show.progress(is_quiet=wanted.as_json) as progress:
                applied = await sync.apply(
                    plan,
                    rendered,
                    force=wanted.force,
                    is_fresh=wanted.yes,
                    progress=seen.also(progress),
                )
    _show_applied(plan, applied, wanted)
    return Exit.OK


def _show_plan(plan: Plan, wanted: Wanted) -> None:
    if wanted.as_json:
        if wanted.plan_only:
            typer.echo(json.dumps(plan.as_json(), ensure_ascii=False, indent=1))
        return
    counts = ", ".join(f"{count} to {action.value}" for action, count in plan.counts.items())
    made = " (will be created)" if plan.creates_dataset else ""
    typer.echo(f"Dataset “{plan.dataset}”{made}: {counts or 'nothing to do'}; {plan.unchanged} unchanged.")
    for change in plan.changes[:SHOWN]:
        typer.echo(f"  {change.action.value:<8} {change.name}  ({change.reason})")
    if len(plan.changes) > SHOWN:
        typer.echo(f"  … and {len(plan.changes) - SHOWN} more (--plan --json shows all)")
    for conflict in plan.conflicts:
        typer.echo(f"  refused: {conflict}")


def _show_applied(plan: Plan, applied: Applied | None, wanted: Wanted) -> None:
    """What was done; None where there was nothing to do."""
    if wanted.as_json:
        done = {"applied": applied.changes, "requests": applied.requests} if applied else {"applied": 0}
        typer.echo(json.dumps(plan.as_json() | done, ensure_ascii=False, indent=1))
    elif applied:
        typer.echo(
            f"Done in {applied.seconds:.1f} s: {show.number(applied.changes, 'change')}, "
            f"{show.number(applied.chunks, 'section')} sent, read back and found equal."
        )
        typer.echo("Next: kbtool eval weekly")
