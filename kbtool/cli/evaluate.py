"""`kbtool eval`: ask the golden questions, judge, compare, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kbtool.cli import show
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json

if TYPE_CHECKING:
    from kbtool.evaluate.project import Ask, Project
    from kbtool.evaluate.weekly import Evaluation

app = typer.Typer(help="Ask the golden questions, judge, compare, report.", no_args_is_help=True)
Run = Annotated[str, typer.Argument(help="A run's id, or `latest`.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 6 when there is something to watch.")]


@app.callback()
def evaluate() -> None:
    """Ask the golden questions, judge, compare, report."""


@app.command()
def run(
    config: Config = DEFAULT_CONFIG,
    target: Annotated[str, typer.Option(help="retrieval, answers or both.")] = "both",
    tag: Annotated[list[str] | None, typer.Option(help="Only questions with this tag; repeatable.")] = None,
    resume: Annotated[str, typer.Option(help="Go on with an interrupted run.")] = "",
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Ask the golden questions, or some of them, and judge the answers."""
    if target not in {"retrieval", "answers", "both"}:
        raise typer.BadParameter("one of retrieval, answers, both", param_hint="--target")
    import asyncio

    from kbtool.evaluate.project import Ask

    ask = Ask(target, tuple(tag or ()), resume, strict)
    _conclude(asyncio.run(_ask(config, ask, as_json=as_json)), as_json=as_json, publishes=True)


@app.command()
def weekly(config: Config = DEFAULT_CONFIG, strict: Strict = False, as_json: Json = False) -> None:
    """The weekly check, made for cron: every question, the verdict, the threshold, the week's report."""
    import asyncio

    from kbtool.evaluate.project import Ask

    ask = Ask(strict=strict)
    _conclude(asyncio.run(_ask(config, ask, as_json=as_json)), as_json=as_json, publishes=True)


@app.command()
def report(run: Run = "latest", config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Judge a finished run again from its files, and write its report anew. Asks nothing."""
    from kbtool.evaluate.weekly import reopen

    _conclude(reopen(_project(config), run), as_json=as_json, publishes=False)


@app.command()
def pin(
    why: Annotated[str, typer.Option(help="The reason, kept with the baseline.")],
    run: Run = "latest",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Make a run the baseline that later runs answer to. Asks every question once more, to know the noise."""
    import asyncio

    path = asyncio.run(_pin(config, run, why))
    typer.echo(f"{path} written; commit it, so that other machines compare with it too.")


@app.command("list")
def list_runs(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """The runs on this machine, oldest first."""
    from kbtool.config import load
    from kbtool.evaluate.history import SPEC, runs_folder
    from kbtool.evaluate.run import read_spec

    folder = runs_folder(load(config))
    specs = [read_spec(path) for path in sorted(folder.glob(f"*/{SPEC}"))]
    if as_json:
        rows = [{"run": s.run_id, "started": s.started, "questions": s.questions} for s in specs]
        typer.echo(json.dumps(rows, indent=1))
        return
    for spec in specs:
        state = "" if spec.is_finished else ", interrupted"
        part = f", only {', '.join(spec.tags)}" if spec.tags else ""
        typer.echo(f"{spec.run_id}  {spec.questions} questions of {spec.target}{part}{state}")
    if not specs:
        typer.echo("No run yet. Next: kbtool eval weekly")


def _project(config: Path) -> Project:
    """The project of kb.toml; sources that cannot be read are named."""
    from kbtool import corpus
    from kbtool.config import load
    from kbtool.evaluate.project import Project

    settings = load(config)
    loaded = corpus.load(settings)
    for skip in loaded.skipped:
        if skip.is_error:
            typer.echo(f"error: {skip.source}: {skip.reason}", err=True)
    return Project.of(settings, loaded)


async def _ask(config: Path, ask: Ask, *, as_json: bool) -> Evaluation:
    from kbtool.cli.connect import connect
    from kbtool.evaluate import weekly as evaluation

    project = _project(config)
    needs_app = ask.target != "retrieval"
    with show.progress(is_quiet=as_json) as progress:
        async with connect(project.settings, needs_app=needs_app) as client:
            return await evaluation.run(project, client, ask, progress=progress)


async def _pin(config: Path, run: str, why: str) -> Path:
    from kbtool.cli.connect import connect
    from kbtool.evaluate.weekly import pin_run

    project = _project(config)
    async with connect(project.settings) as client:
        return await pin_run(project, client, run, why)


def _conclude(evaluation: Evaluation, *, as_json: bool, publishes: bool) -> None:
    """Write the report, say the verdict, leave with its exit code."""
    path = write_report(evaluation, publishes=publishes)
    if as_json:
        typer.echo(json.dumps(summary(evaluation) | {"report": str(path)}, ensure_ascii=False, indent=1))
    else:
        for stale in evaluation.stale:
            typer.echo(f"stale: {stale}", err=True)
        typer.echo(evaluation.verdict.sentence)
        typer.echo(evaluation.proposal.sentence)
        typer.echo(f"Report: {path}")
    raise typer.Exit(evaluation.verdict.exit_code)


def write_report(evaluation: Evaluation, *, publishes: bool) -> Path:
    """The HTML report, whole or not at all. `publishes` makes a whole run the week's, and remembers it:
    a run of some questions, or an old one judged again, must not stand for the week.
    """
    from kbtool.evaluate import report as html
    from kbtool.evaluate.weekly import write_outcome

    page = html.render(evaluation.view)
    paths = [evaluation.report]
    if publishes and evaluation.spec.is_whole:
        paths.append(evaluation.folder.parent.parent / f"{_week(evaluation.spec.started)}.html")
        write_outcome(evaluation)
    for path in paths:
        half = path.with_suffix(".part")
        half.write_text(page, encoding="utf-8")
        half.replace(path)
    return evaluation.report


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """What scripts read: the verdict, the threshold, the headline figures."""
    verdict, proposal, spec = evaluation.verdict, evaluation.proposal, evaluation.spec
    return {
        "run": spec.run_id,
        "status": verdict.status.value,
        "sentence": verdict.sentence,
        "reasons": [
            {"rule": reason.rule, "sentence": reason.sentence, "questions": list(reason.ids)}
            for reason in verdict.reasons
        ],
        "questions": len(evaluation.results),
        "stale": list(spec.stale),
        "threshold": proposal.threshold,
        "threshold_sentence": proposal.sentence,
    }


def _week(started: str) -> str:
    from datetime import datetime

    year, week, _ = datetime.fromisoformat(started).isocalendar()
    return f"{year}-W{week:02d}"
