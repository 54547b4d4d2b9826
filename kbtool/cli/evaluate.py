"""`kbtool eval`: ask the golden questions, judge, compare, report."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import judge, show
from kbtool.cli.channels import channels
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.cli.verdict import ENVIRONMENT, conclude, message_of, message_of_error, tell, write_report
from kbtool.errors import KbtoolError

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.evaluate.contrast import Contrast
    from kbtool.evaluate.project import Ask, Project
    from kbtool.evaluate.record import RunSpec
    from kbtool.evaluate.weekly import Evaluation

app = typer.Typer(help="Ask the golden questions, judge, compare, report.", no_args_is_help=True)
Run = Annotated[str, typer.Argument(help="A run's id, or `latest`.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 6 when there is something to watch.")]
JUnit = Annotated[Path | None, typer.Option("--junit", help="Also write the verdict as JUnit XML.")]


app.command("judge")(judge.judge)
app.command("label")(judge.label)


@app.callback()
def evaluate() -> None:
    """Ask the golden questions, judge, compare, report."""


@app.command()
def run(
    config: Config = DEFAULT_CONFIG,
    target: Annotated[str, typer.Option(help="retrieval, answers or both.")] = "both",
    tag: Annotated[list[str] | None, typer.Option(help="Only questions with this tag; repeatable.")] = None,
    resume: Annotated[
        str, typer.Option(help="Go on with an interrupted run: its id, or `latest` of the interrupted ones.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would ask, and what that cost before; ask nothing.")
    ] = False,
    strict: Strict = False,
    junit: JUnit = None,
    as_json: Json = False,
) -> None:
    """Ask the golden questions, or some of them, and judge the answers."""
    if target not in {"retrieval", "answers", "both"}:
        raise typer.BadParameter("one of retrieval, answers, both", param_hint="--target")
    import asyncio

    from kbtool.evaluate.project import Ask

    ask = Ask(target, tuple(tag or ()), resume, strict)
    project = _project(config)
    if dry_run:
        _show_estimate(project, ask, as_json=as_json)
        return
    evaluation = asyncio.run(_ask(project, ask, as_json=as_json))
    write_report(evaluation, publishes=True)
    conclude(evaluation, as_json=as_json, junit=junit)


@app.command()
def weekly(
    config: Config = DEFAULT_CONFIG, strict: Strict = False, junit: JUnit = None, as_json: Json = False
) -> None:
    """The weekly check, made for cron: every question, the verdict, the threshold, the week's report.

    One at a time on a machine. Tells people (README, "Who is told") only when they have something to do, and
    removes the runs that kb.toml keeps no longer.
    """
    import asyncio

    from kbtool.config import load
    from kbtool.lock import only_one

    settings = load(config)
    channels(settings, ENVIRONMENT)  # a wrong address must not wait for the week's verdict to be told
    with only_one(settings.resolve(".kbtool/weekly.lock"), what="`kbtool eval weekly`"):
        try:
            evaluation = asyncio.run(_weekly(settings, strict=strict, as_json=as_json))
        except KbtoolError as error:
            asyncio.run(tell(message_of_error(error, settings), settings))
            raise
        _remove_expired(settings, as_json=as_json)
        conclude(evaluation, as_json=as_json, junit=junit)


@app.command()
def report(
    run: Run = "latest", config: Config = DEFAULT_CONFIG, junit: JUnit = None, as_json: Json = False
) -> None:
    """Judge a finished run again from its files, and write its report anew. Asks nothing."""
    from kbtool.evaluate.weekly import reopen

    evaluation = reopen(_project(config), run)
    write_report(evaluation, publishes=False)
    conclude(evaluation, as_json=as_json, junit=junit)


@app.command("compare")
def compare_runs(
    a: Annotated[str, typer.Argument(help="The earlier run: its id, or the beginning of it.")],
    b: Run = "latest",
    config: Config = DEFAULT_CONFIG,
    as_json: Json = False,
) -> None:
    """Two finished runs side by side, also under different settings. Asks nothing."""
    from kbtool.evaluate.contrast import contrast

    _show_contrast(contrast(_project(config), a, b), as_json=as_json)


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

    specs = []
    for path in sorted(runs_folder(load(config)).glob(f"*/{SPEC}")):
        try:
            specs.append(read_spec(path))
        except KbtoolError as error:
            typer.echo(f"error: {error.message}", err=True)
    if as_json:
        rows = [
            {
                "run": s.run_id,
                "started": s.started,
                "questions": s.questions,
                "target": s.target,
                "tags": list(s.tags),
                "finished": s.is_finished,
            }
            for s in specs
        ]
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for spec in specs:
        state = "" if spec.is_finished else ", interrupted"
        part = f", only {', '.join(spec.tags)}" if spec.tags else ""
        typer.echo(f"{spec.run_id}  {spec.questions} questions of {spec.target}{part}{state}")
    if not specs:
        typer.echo("No run yet. Next: kbtool eval weekly")


def _show_estimate(project: Project, ask: Ask, *, as_json: bool) -> None:
    from dataclasses import asdict

    from kbtool.evaluate.estimate import estimate

    found = estimate(project, ask)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=1))
        return
    calls = [(found.searches, "search", "searches"), (found.chats, "chat message", "chat messages")]
    typer.echo(
        f"{show.number(found.questions, 'question')}: "
        + ", ".join(show.number(*call) for call in calls if call[0])
        + f"; and up to {found.again} of the questions again, to confirm what flipped."
    )
    if found.judged:
        typer.echo(f"And up to {show.number(found.judged, 'answer')} to the judge of [judge].")
    if not found.chats:
        return
    if found.tokens is None:
        typer.echo(
            "What a chat message costs is not known yet: no finished run says how many tokens it took."
        )
    else:
        price = "" if found.price is None else f", {found.price:.2f} {found.currency}"
        typer.echo(f"About {found.tokens:,} tokens{price}, as the run {found.measured_by} took per message.")


def _show_contrast(contrast: Contrast, *, as_json: bool) -> None:
    from kbtool.evaluate.compare import NotComparable, change_interval

    comparison = contrast.comparison
    if isinstance(comparison, NotComparable):
        typer.echo(f"Nothing to compare: {comparison.reason}")
        return
    low, high = change_interval(comparison)
    if as_json:
        report = {
            "a": contrast.a.run_id,
            "b": contrast.b.run_id,
            "differences": [{"what": what, "a": x, "b": y} for what, x, y in contrast.differences],
            "questions": comparison.n,
            "lost": list(comparison.lost),
            "gained": list(comparison.gained),
            "change": comparison.change,
            "interval": [low, high],
            "p": comparison.p,
        }
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
        return
    for spec, rate in zip((contrast.a, contrast.b), contrast.found, strict=True):
        share = "" if rate.value is None else f" ({rate.value:.1%})"
        typer.echo(f"{spec.run_id}: {rate.hits} of {rate.n} found{share}")
    for what, x, y in contrast.differences:
        typer.echo(f"  other {what}: {x or '–'} → {y or '–'}")
    for sign, ids in (("lost  ", comparison.lost), ("gained", comparison.gained)):
        for id_ in ids:
            typer.echo(f"  {sign} {id_}")
    typer.echo(
        f"Of {comparison.n} questions {len(comparison.lost)} were lost and {len(comparison.gained)} gained: "
        f"{100 * comparison.change:+.1f} points (95 % interval {100 * low:+.1f} to {100 * high:+.1f}; "
        f"p = {comparison.p:.2g} that a loss so large is chance)."
    )


def _project(config: Path) -> Project:
    """The project of kb.toml; sources that cannot be read are named."""
    from kbtool.config import load

    return _project_of(load(config))


def _project_of(settings: Settings) -> Project:
    from kbtool import corpus
    from kbtool.evaluate.project import Project

    loaded = corpus.load(settings)
    for skip in loaded.skipped:
        if skip.is_error:
            typer.echo(f"error: {skip.source}: {skip.reason}", err=True)
    return Project.of(settings, loaded)


async def _ask(project: Project, ask: Ask, *, as_json: bool) -> Evaluation:
    from kbtool.cli.connect import connect
    from kbtool.evaluate import weekly as evaluation

    needs_app = ask.target != "retrieval"
    with show.progress(is_quiet=as_json) as progress:
        async with connect(project.settings, needs_app=needs_app) as client:
            key = os.environ.get("LLM_KEY", "").strip()
            return await evaluation.run(
                project, client, ask, progress=progress, begins=_say_run, judge_key=key
            )


def _say_run(spec: RunSpec) -> None:
    """Said before anything is asked: it is what `--resume` needs after a kill."""
    typer.echo(f"Run {spec.run_id}", err=True)


async def _weekly(settings: Settings, *, strict: bool, as_json: bool) -> Evaluation:
    """Run, publish, tell; in this order, so that what fails later takes nothing away."""
    from dataclasses import replace

    from kbtool.cli.support import support_of
    from kbtool.evaluate.project import Ask

    evaluation = await _ask(_project_of(settings), Ask(strict=strict), as_json=as_json)
    evaluation = replace(evaluation, support=support_of(settings))
    write_report(evaluation, publishes=True)
    await tell(message_of(evaluation), settings)
    return evaluation


def _remove_expired(settings: Settings, *, as_json: bool) -> None:
    """Old runs go last, and nothing that goes wrong here changes the verdict."""
    from kbtool.evaluate.history import remove_expired

    try:
        gone = remove_expired(settings)
    except (KbtoolError, OSError) as error:
        typer.echo(f"no old run was removed: {error}", err=True)
        return
    if gone and not as_json:
        typer.echo(f"Removed {show.number(len(gone), 'run')} older than {settings.reports.keep_weeks} weeks.")


async def _pin(config: Path, run: str, why: str) -> Path:
    from kbtool.cli.connect import connect
    from kbtool.evaluate.weekly import pin_run

    project = _project(config)
    async with connect(project.settings) as client:
        return await pin_run(project, client, run, why)
