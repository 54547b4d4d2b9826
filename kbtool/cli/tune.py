"""`kbtool tune`: the handoff threshold, from the answers of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kbtool.cli.bridge.options import StoreFile, store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import ConfigError

if TYPE_CHECKING:
    from kbtool.config import Settings
    from kbtool.evaluate.weekly import Evaluation
    from kbtool.handoff import Policy
    from kbtool.tune import Preview

_DAY = 86_400


def tune(
    run: Annotated[str, typer.Argument(help="A run's id, or `latest`.")] = "latest",
    config: Config = DEFAULT_CONFIG,
    write: Annotated[bool, typer.Option("--write", help="Write the threshold into kb.toml.")] = False,
    accept_estimate: Annotated[
        bool, typer.Option("--accept-estimate", help="Write it even from a run that asked for no answers.")
    ] = False,
    by: Annotated[str, typer.Option(help="A threshold for each: language or inbox.")] = "",
    least: Annotated[
        float | None,
        typer.Option("--raise", help="In an emergency: no threshold below this, at once.", min=0, max=1),
    ] = None,
    store: StoreFile = None,
    days: Annotated[int, typer.Option(help="How far back the preview looks.", min=1)] = 30,
    as_json: Json = False,
) -> None:
    """Choose the handoff threshold that keeps the error budget, and say what it promises.

    Where the bridge has past conversations, it also says what would have become of them.
    """
    if by not in {"", "language", "inbox"}:
        raise typer.BadParameter("language or inbox", param_hint="--by")
    from kbtool.config import load

    settings = load(config)
    if least is not None:
        if write or by or accept_estimate:
            raise typer.BadParameter("it stands alone", param_hint="--raise")
        _raise(config, settings, least, store, days, as_json=as_json)
        return
    evaluation = _reopened(settings, run, by)
    preview = _preview(settings, _proposed(settings, evaluation), store, days)
    if write:
        _require_writable(evaluation, accept_estimate=accept_estimate)
    is_written = write and _is_change(evaluation)
    if is_written:
        _write(config, evaluation)
    if as_json:
        report = _report(settings, evaluation, preview, is_written=is_written)
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
        return
    typer.echo(evaluation.proposal.sentence)
    for taken in evaluation.proposal.taken:
        typer.echo(str(taken))
    _show_preview(preview)
    if write:
        said = "has the new threshold" if is_written else "keeps its threshold; nothing was written"
        typer.echo(f"{config} {said}.")


def _reopened(settings: Settings, run: str, by: str) -> Evaluation:
    from kbtool import corpus
    from kbtool.evaluate.project import Project
    from kbtool.evaluate.weekly import reopen
    from kbtool.tune import By

    return reopen(Project.of(settings, corpus.load(settings)), run, by=By(by) if by else None)


def _proposed(settings: Settings, evaluation: Evaluation) -> Policy | None:
    """The policy with what this run alone would choose; None where it chose nothing."""
    from dataclasses import replace

    proposal = evaluation.proposal
    if proposal.threshold is None or proposal.count is None:
        return None
    own = _own(evaluation)
    return replace(
        settings.policy,
        threshold=proposal.count.threshold,
        languages=own["languages"],
        inboxes=own["inboxes"],
    )


def _own(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """The thresholds of languages and inboxes, as [handoff] calls them."""
    from kbtool.tune import By
    from kbtool.tune.slices import thresholds

    proposal = evaluation.proposal
    own = dict(thresholds(proposal.slices))
    return {
        "languages": own if proposal.by is By.LANGUAGE else {},
        "inboxes": own if proposal.by is By.INBOX else {},
    }


def _preview(settings: Settings, after: Policy | None, store: str | None, days: int) -> Preview | None:
    """What the policy would have done to past conversations; None without it, or without a store."""
    import time

    path, database = store_of(settings, store)
    if after is None or (store is None and not database and not path.exists()):
        return None
    from bridge.operating.past import past_turns
    from kbtool.tune import preview

    turns = past_turns(path, time.time() - days * _DAY, database)
    return preview(turns, settings.policy, after, days=days)


def _raise(
    config: Path, settings: Settings, least: float, store: str | None, days: int, *, as_json: bool
) -> None:
    from kbtool.policy_file import differences, raise_thresholds

    after = raise_thresholds(config, least, day=_today())
    changes = differences(settings.policy, after)
    preview = _preview(settings, after, store, days)
    if as_json:
        report = {"threshold": after.threshold, "changes": list(changes), "preview": _previewed(preview)}
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
        return
    typer.echo(f"{config}: {'; '.join(changes)}. A running bridge takes it over.")
    _show_preview(preview)


def _require_writable(evaluation: Evaluation, *, accept_estimate: bool) -> None:
    """Raises ConfigError for what must not become the threshold."""
    proposal, spec = evaluation.proposal, evaluation.spec
    if proposal.threshold is None:
        raise ConfigError(
            f"Nothing to write: {proposal.sentence}", hint="kb.toml keeps its value; nothing was changed."
        )
    if spec.tags:
        raise ConfigError(
            f"This run asked only questions tagged {', '.join(spec.tags)}",
            hint="Choose the threshold from all of them: kbtool eval weekly",
        )
    if proposal.is_estimate and not accept_estimate:
        raise ConfigError(
            "This run asked for no answers, so its threshold is an estimate that promises nothing",
            hint="Ask the app too: `kbtool eval run --target both`; or say --accept-estimate.",
        )


def _is_change(evaluation: Evaluation) -> bool:
    from kbtool.tune import Advice

    return evaluation.proposal.advice is not Advice.KEEP


def _write(path: Path, evaluation: Evaluation) -> None:
    from kbtool.evaluate.canaries import choose
    from kbtool.policy_file import write_thresholds

    proposal, spec = evaluation.proposal, evaluation.spec
    assert proposal.threshold is not None
    write_thresholds(
        path,
        proposal.threshold,
        _own(evaluation),
        run=spec.run_id,
        fingerprint=spec.fingerprint,
        canaries=choose(evaluation.results),
        day=_today(),
        is_estimate=proposal.is_estimate,
    )


def _report(
    settings: Settings, evaluation: Evaluation, preview: Preview | None, *, is_written: bool
) -> dict[str, Any]:
    from dataclasses import asdict

    proposal = evaluation.proposal
    return {
        "threshold": proposal.threshold,
        "sentence": proposal.sentence,
        "reason": proposal.reason,
        "advice": proposal.advice.value,
        "estimate": proposal.is_estimate,
        "current": settings.handoff.threshold,
        "run": evaluation.spec.run_id,
        **_own(evaluation),
        "taken": [asdict(one) for one in proposal.taken],
        "preview": _previewed(preview),
        "written": is_written,
    }


def _previewed(preview: Preview | None) -> dict[str, Any] | None:
    from dataclasses import asdict

    return asdict(preview) if preview else None


def _show_preview(preview: Preview | None) -> None:
    if preview is None:
        return
    from datetime import UTC, datetime

    typer.echo(preview.sentence)
    for what, turns in (
        ("to a person", preview.examples_to_person),
        ("answered   ", preview.examples_answered),
    ):
        for turn in turns:
            day = f"{datetime.fromtimestamp(turn.at, UTC):%d %b}"
            score = "  –  " if turn.score is None else f"{turn.score:.2f}"
            typer.echo(f"  {what}  {day}  {score}  {' '.join(turn.question.split())[:80]}")


def _today() -> str:
    from datetime import UTC, datetime

    return f"{datetime.now(UTC):%Y-%m-%d}"
