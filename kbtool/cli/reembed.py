"""`kbtool reembed`: change the embedding model of the live dataset, measured before and after."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import show
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import Exit

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.hold import Hold
    from kbtool.reembed.procedure import Report


def reembed(
    config: Config = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Switch without asking.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Switch also to a model that is worse.")] = False,
    as_json: Json = False,
) -> None:
    """Change the dataset's embedding model to kb.toml's: trial, measure, switch, prove, measure."""
    import asyncio

    from kbtool.config import load

    settings = load(config)
    try:
        report = asyncio.run(_reembed(config, settings, yes=yes, force=force, as_json=as_json))
    except KeyboardInterrupt:
        typer.echo("\nInterrupted. The next `kbtool reembed` goes on from here.", err=True)
        raise typer.Exit(130) from None
    if report is None:
        typer.echo("Nothing was switched.", err=as_json)
        raise typer.Exit(Exit.PENDING)
    _show(report, was_tuned=bool(settings.handoff.tuned), as_json=as_json)


async def _reembed(path: Path, settings: Settings, *, yes: bool, force: bool, as_json: bool) -> Report | None:
    """None where a person declined."""
    from kbtool import corpus
    from kbtool.cli.connect import connect
    from kbtool.errors import PlanError
    from kbtool.evaluate.project import Project
    from kbtool.lock import only_one
    from kbtool.reembed.procedure import Reembedding
    from kbtool.reembed.state import Folder
    from kbtool.sync.render import tag_of

    project = Project.of(settings, corpus.load(settings))
    target = tag_of(f"{settings.dify.base_url} {settings.dify.dataset}")
    folder = Folder(settings.resolve(f".kbtool/reembed-{target}"))
    with only_one(
        settings.resolve(f".kbtool/ingest-{target}.lock"),
        what="Another ingest",
        error=PlanError,
    ):
        async with connect(settings, needs_app=False) as client:
            with show.progress(is_quiet=as_json) as progress:
                work = Reembedding(project, client, folder, _hold(settings), progress=progress)
                state = await work.begin()
                before, trial = await work.compare()
            if not as_json:
                typer.echo(f"hit@{settings.retrieval.top_k}: {before.words} now, {trial.words} on trial.")
            if not (force or state.is_approved):
                work.require_no_worse(before, trial)
            if not (yes or state.is_approved or show.is_confirmed("Switch the live dataset?")):
                return None
            with show.progress(is_quiet=as_json) as progress:
                report = await work.switch(state, before, trial)
                _let_go(path, settings)
                await work.end()
            return report


def _hold(settings: Settings) -> Hold:
    from kbtool.hold import PLACE, Hold

    return Hold(settings.resolve(PLACE))


def _let_go(path: Path, settings: Settings) -> None:
    """No longer hold answers back, but for replies by a threshold that was measured under the old model."""
    from kbtool.hold import POLICY_STALE
    from kbtool.policy_file import void_thresholds

    hold = _hold(settings)
    if settings.handoff.tuned:  # it was measured under the old model
        void_thresholds(path)
        hold.put(POLICY_STALE, time.time())
    else:
        hold.lift()


def _show(report: Report, *, was_tuned: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
        return
    mended = f"; what the server had kept was {report.mended}" if report.mended else ""
    typer.echo(
        f"{report.old[1]} → {report.new[1]}: found {report.before.words} before, {report.after.words} after. "
        f"{report.proof.sampled} chunks found their own text at {report.proof.lowest:.2f} or better{mended}."
    )
    typer.echo(f"Answers were held back for {report.held_seconds:.0f} s.")
    if was_tuned:
        typer.echo(
            "The threshold was measured under the old model and is void: bridges hand off until it is new."
        )
    typer.echo("Next: kbtool eval weekly, kbtool tune --write, then restart the bridge.")
