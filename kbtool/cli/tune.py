"""`kbtool tune`: the handoff threshold, from the answers of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import ConfigError

if TYPE_CHECKING:
    from kbtool.evaluate.weekly import Evaluation


def tune(
    run: Annotated[str, typer.Argument(help="A run's id, or `latest`.")] = "latest",
    config: Config = DEFAULT_CONFIG,
    write: Annotated[bool, typer.Option("--write", help="Write the threshold into kb.toml.")] = False,
    as_json: Json = False,
) -> None:
    """Choose the handoff threshold that keeps the error budget, and say what it promises."""
    from kbtool import corpus
    from kbtool.config import load
    from kbtool.evaluate.project import Project
    from kbtool.evaluate.weekly import reopen
    from kbtool.tune import Advice

    settings = load(config)
    evaluation = reopen(Project.of(settings, corpus.load(settings)), run)
    proposal = evaluation.proposal
    if as_json:
        report = {
            "threshold": proposal.threshold,
            "sentence": proposal.sentence,
            "reason": proposal.reason,
            "advice": proposal.advice.value,
            "estimate": proposal.is_estimate,
            "current": settings.handoff.threshold,
            "run": evaluation.spec.run_id,
        }
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        typer.echo(proposal.sentence)
    if write and proposal.advice is not Advice.KEEP:
        _write(config, evaluation)
        if not as_json:
            typer.echo(f"{config}: [handoff] threshold = {proposal.threshold:.2f}")
    elif write and not as_json:
        typer.echo(f"{config} keeps its threshold; nothing was written.")


def _write(path: Path, evaluation: Evaluation) -> None:
    """Put the threshold and where it comes from into kb.toml; comments and order stay."""
    proposal = evaluation.proposal
    if proposal.threshold is None:
        raise ConfigError(
            f"Nothing to write: {proposal.sentence}", hint="kb.toml keeps its value; nothing was changed."
        )
    if evaluation.spec.tags:
        raise ConfigError(
            f"This run asked only questions tagged {', '.join(evaluation.spec.tags)}",
            hint="Choose the threshold from all of them: kbtool eval weekly",
        )
    if proposal.is_estimate:
        raise ConfigError(
            "This run asked for no answers, so its threshold is an estimate that promises nothing",
            hint="Ask the app too: `kbtool eval run --target both`.",
        )
    from datetime import UTC, datetime

    import tomlkit

    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    handoff: Any = document.setdefault("handoff", tomlkit.table())
    handoff["threshold"] = proposal.threshold
    handoff["run"] = evaluation.spec.run_id
    handoff["fingerprint"] = evaluation.spec.fingerprint
    handoff["tuned"] = f"{datetime.now(UTC):%Y-%m-%d}"
    half = path.with_suffix(".toml.part")
    half.write_text(tomlkit.dumps(document), encoding="utf-8")
    half.replace(path)
