"""`kbtool eval`: ask the golden questions, judge, compare, report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kbtool.cli import show
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.corpus import Corpus
    from kbtool.evaluate.weekly import Ask, Evaluation

app = typer.Typer(help="Ask the golden questions, judge, compare, report.", no_args_is_help=True)
Run = Annotated[str, typer.Argument(help="A run's id, or `latest`.")]


@app.callback()
def evaluate() -> None:
    """Ask the golden questions, judge, compare, report."""


@app.command()
def run(
    config: Config = DEFAULT_CONFIG,
    target: Annotated[str, typer.Option(help="retrieval, answers or both.")] = "both",
    tag: Annotated[list[str] | None, typer.Option(help="Only questions with this tag; repeatable.")] = None,
    resume: Annotated[str, typer.Option(help="Go on with an interrupted run.")] = "",
    as_json: Json = False,
) -> None:
    """Ask the golden questions and judge the answers."""
    if target not in {"retrieval", "answers", "both"}:
        raise typer.BadParameter("one of retrieval, answers, both", param_hint="--target")
    from kbtool.config import load
    from kbtool.evaluate.weekly import Ask

    _conclude(_ask(load(config), Ask(target, tuple(tag or ()), resume), as_json=as_json), as_json=as_json)


@app.command()
def weekly(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """The whole weekly check: lint, ask, compare with the pin, judge, threshold, report."""
    from kbtool.config import load
    from kbtool.evaluate.weekly import Ask

    _conclude(_ask(load(config), Ask(), as_json=as_json), as_json=as_json)


@app.command()
def report(run: Run = "latest", config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Judge a finished run again from its files, and write its report anew. Asks nothing."""
    from kbtool import corpus
    from kbtool.config import load
    from kbtool.evaluate import weekly as evaluation

    settings = load(config)
    _conclude(evaluation.reopen(settings, corpus.load(settings), run), as_json=as_json)


@app.command()
def pin(
    why: Annotated[str, typer.Option(help="The reason, kept with the baseline.")],
    run: Run = "latest",
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Make a run the baseline that later runs answer to. Asks every question once more, to know the noise."""
    import asyncio

    from kbtool.config import load

    path = asyncio.run(_pin(load(config), run, why))
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
        typer.echo(f"{spec.run_id}  {spec.questions} questions, {spec.documents} documents, {spec.engine}")
    if not specs:
        typer.echo("No run yet. Next: kbtool eval weekly")


def _ask(settings: Settings, ask: Ask, *, as_json: bool) -> Evaluation:
    import asyncio

    return asyncio.run(_ask_all(settings, ask, as_json=as_json))


async def _ask_all(settings: Settings, ask: Ask, *, as_json: bool) -> Evaluation:
    from kbtool import corpus
    from kbtool.cli.connect import connect
    from kbtool.evaluate import weekly
    from kbtool.sync.render import render

    loaded: Corpus = corpus.load(settings)
    rendered = [render(document) for document in loaded.documents]
    with show.progress(is_quiet=as_json) as progress:
        async with connect(settings) as client:
            return await weekly.run(settings, loaded, rendered, client, ask, progress=progress)


async def _pin(settings: Settings, run: str, why: str) -> Path:
    from kbtool import corpus
    from kbtool.cli.connect import connect
    from kbtool.evaluate import weekly
    from kbtool.sync.render import render

    loaded = corpus.load(settings)
    rendered = [render(document) for document in loaded.documents]
    async with connect(settings) as client:
        return await weekly.pin_run(settings, loaded, rendered, client, run, why)


def _conclude(evaluation: Evaluation, *, as_json: bool) -> None:
    """Write the report, say the verdict, leave with its exit code."""
    path = write_report(evaluation)
    if as_json:
        typer.echo(json.dumps(summary(evaluation) | {"report": str(path)}, ensure_ascii=False, indent=1))
    else:
        for stale in evaluation.stale:
            typer.echo(f"stale: {stale}", err=True)
        typer.echo(evaluation.verdict.sentence)
        typer.echo(evaluation.proposal.sentence)
        typer.echo(f"Report: {path}")
    raise typer.Exit(evaluation.verdict.exit_code)


def write_report(evaluation: Evaluation) -> Path:
    """The HTML report, whole or not at all, and its copy as the week's latest."""
    from kbtool.evaluate import report as html
    from kbtool.evaluate.weekly import write_outcome

    page = html.render(evaluation.view)
    week = _week(evaluation.spec.started) + ".html"
    for path in (evaluation.folder.parent.parent / week, evaluation.report):
        half = path.with_suffix(".part")
        half.write_text(page, encoding="utf-8")
        half.replace(path)
    write_outcome(evaluation)
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
