"""`kbtool eval judge` and `kbtool eval label`: a second opinion on answers, and what it is worth."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import show
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import ConfigError

if TYPE_CHECKING:
    from kbtool.evaluate.project import Project
    from kbtool.evaluate.record import Result
    from kbtool.judge.verdicts import Judged

Run = Annotated[str, typer.Argument(help="A run's id, or `latest`.")]


def judge(run: Run = "latest", config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Have the model of [judge] judge the answers of a finished run. The app is not asked; nothing twice."""
    import asyncio

    from kbtool.evaluate.judging import judge_results, results_of
    from kbtool.judge.verdicts import standings

    project = _project(config)
    if not project.settings.judge.is_set:
        raise ConfigError("No judge is configured", hint="Set [judge] base_url and model in kb.toml.")
    folder, _, results = results_of(project, run)
    key = os.environ.get("LLM_KEY", "").strip()
    with show.progress(is_quiet=as_json) as progress:
        judged = asyncio.run(judge_results(project.settings, folder, results, key=key, progress=progress))
    if as_json:
        typer.echo(json.dumps(_report(results, judged), ensure_ascii=False, indent=1))
        return
    for standing in standings(results, judged):
        typer.echo(standing.sentence)
    errors = [one for one in judged.judgements.values() if one.error]
    if errors:
        typer.echo(f"{show.number(len(errors), 'answer')} without a verdict: {errors[0].error}", err=True)
    if not judged.judgements:
        typer.echo("This run has no answer that could be judged.")
    elif len(judged.trusted) < len(judged.agreements):
        typer.echo("Next: kbtool eval label")


def label(
    run: Run = "latest",
    config: Config = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(help="Port of the page, on this machine only.", min=0, max=65535)] = 0,
) -> None:
    """Say on a local page what is right about a run's answers: what a judge is measured by."""
    import uvicorn

    from kbtool.cli.listening import listen
    from kbtool.evaluate.judging import results_of
    from kbtool.judge.criteria import material_of
    from kbtool.judge.page import Answer, create_app

    project = _project(config)
    _, spec, results = results_of(project, run)
    answers = [Answer(result.golden.id, material) for result in results if (material := material_of(result))]
    if not answers:
        raise ConfigError("This run has no answer that could be judged", hint="Make one: kbtool eval run")
    path = project.settings.resolve(project.settings.evals.labels)
    listening = listen("127.0.0.1", port, hint=f"Take another port: kbtool eval label --port {port + 1}")
    app = create_app(answers, path, run=spec.run_id)
    typer.echo(f"Label at http://127.0.0.1:{listening.getsockname()[1]}/ and stop with Ctrl-C.")
    typer.echo(f"Labels go to {path}; commit it.")
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off")).run(sockets=[listening])


def _project(config: Path) -> Project:
    from kbtool import corpus
    from kbtool.config import load
    from kbtool.evaluate.project import Project

    settings = load(config)
    return Project.of(settings, corpus.load(settings))


def _report(results: tuple[Result, ...], judged: Judged) -> dict[str, object]:
    from kbtool.judge.verdicts import standings

    return {
        "model": judged.model,
        "series": judged.series,
        "answers": len(judged.judgements),
        "errors": sum(bool(one.error) for one in judged.judgements.values()),
        "criteria": [
            {
                "criterion": one.criterion.value,
                "held": one.held.hits,
                "of": one.held.n,
                "without_verdict": one.errors,
                "labels": one.agreement.n,
                "agreement": one.agreement.raw,
                "kappa": one.agreement.kappa,
                "interval": one.agreement.interval,
                "both_yes": one.agreement.both_hold,
                "both_no": one.agreement.both_not,
                "only_person": one.agreement.only_person,
                "only_judge": one.agreement.only_judge,
                "counts": one.agreement.is_trusted,
            }
            for one in standings(results, judged)
        ],
    }
