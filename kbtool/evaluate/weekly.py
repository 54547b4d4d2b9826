"""The evaluation from golden file to report: what `kbtool eval`, cron and the demo all run.

    lint → is the dataset this corpus? → ask → score → compare with the pin → ask the flips again
         → judge → threshold → report

This is an edge: it asks servers and writes files. What the numbers mean is decided in the pure modules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from kbtool import tune
from kbtool.config import Settings
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import Dataset
from kbtool.errors import ConfigError, RunInvalid
from kbtool.evaluate.canaries import choose
from kbtool.evaluate.compare import Baseline, Comparison, NotComparable, compare, pin
from kbtool.evaluate.gate import Verdict, judge, to_reask
from kbtool.evaluate.history import (
    CONFIRMED,
    LATEST,
    PINNED,
    REPLIES,
    REPORT,
    SPEC,
    Remembered,
    before,
    find_interrupted,
    find_run,
    last_week,
    remember,
    require_finished,
    runs_folder,
)
from kbtool.evaluate.metrics import Metrics, summarize
from kbtool.evaluate.project import Ask, Project, describe, fresh, part_of, require_same
from kbtool.evaluate.record import Golden, Outcome, Reply, Result, RunSpec
from kbtool.evaluate.report import View
from kbtool.evaluate.run import Asker, Resolver, read_replies, write_spec
from kbtool.evaluate.score import score_all
from kbtool.evaluate.threshold import changed_since, propose
from kbtool.golden import Stale
from kbtool.sync.plan import plan
from kbtool.sync.waiting import Progress, quiet


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A run with everything that follows from it. `folder` holds its files."""

    folder: Path
    spec: RunSpec
    results: tuple[Result, ...]
    stale: tuple[Stale, ...]
    comparison: Comparison | NotComparable | None
    confirmations: dict[str, bool]
    metrics: Metrics
    verdict: Verdict
    proposal: tune.Proposal
    earlier: tuple[Remembered, ...]

    @property
    def report(self) -> Path:
        return self.folder / REPORT

    @property
    def view(self) -> View:
        """What the report shows."""
        return View(
            spec=self.spec,
            results=self.results,
            metrics=self.metrics,
            verdict=self.verdict,
            proposal=self.proposal,
            comparison=self.comparison,
            confirmations=self.confirmations,
            stale=self.stale,
            past=[run.past for run in self.earlier if run.past],
        )


def unannounced(spec: RunSpec) -> None:
    """Nobody is told that a run begins."""


async def run(
    project: Project,
    client: DifyClient,
    ask: Ask = Ask(),
    *,
    progress: Progress = quiet,
    begins: Callable[[RunSpec], None] = unannounced,
) -> Evaluation:
    """Ask the questions and judge the answers. `begins` is told of the run before anything is asked.

    Raises RunInvalid where the dataset does not hold the corpus, or the run to resume was another one.
    """
    baseline = project.baseline  # read first: a broken file must not cost a run
    dataset = await _require_current(project, client)
    spec = await describe(project, client, dataset, ask)
    if ask.resume:
        spec = _resumed(project.settings, spec, ask.resume)
    folder = runs_folder(project.settings) / spec.run_id
    write_spec(spec, folder / SPEC)
    begins(spec)
    started = datetime.now(UTC)
    asker = _asker(project, client, dataset, spec)
    questions = fresh(project, spec)
    replies = await asker.ask(questions, folder / REPLIES, progress=progress)
    seconds = spec.seconds + (datetime.now(UTC) - started).total_seconds()
    spec = replace(spec, seconds=seconds, engine=client.engine, version=client.version)
    results = score_all(questions, replies, spec, project.settings.policy)
    comparison = _compare(project, baseline, results, spec)
    again = [golden for golden in questions if golden.id in to_reask(results, comparison)]
    confirmed = await asker.ask(again, folder / CONFIRMED)
    spec = replace(spec, is_finished=True)
    write_spec(spec, folder / SPEC)
    return _conclude(project, folder, spec, replies, confirmed, strict=ask.strict)


def reopen(project: Project, run_id: str, *, by: tune.By | None = None) -> Evaluation:
    """A finished run judged again from its files, under today's policy; nothing is asked.

    `by` asks for a threshold for each language or inbox.
    """
    folder, spec = find_run(project.settings, run_id)
    require_finished(spec)
    changed = changed_since(project.settings, spec, find_run(project.settings, LATEST)[1])
    spec = replace(spec, threshold=project.settings.handoff.threshold)
    replies, confirmed = read_replies(folder / REPLIES), read_replies(folder / CONFIRMED)
    return _conclude(project, folder, spec, replies, confirmed, by=by, changed=changed)


async def pin_run(project: Project, client: DifyClient, run_id: str, why: str) -> Path:
    """Make a run the baseline: every question is asked once more, to know the endpoint's own flip rate.

    Raises RunInvalid for a run of part of the questions, or of other settings than today's.
    """
    folder, spec = find_run(project.settings, run_id)
    require_finished(spec)
    if not spec.is_whole:
        raise RunInvalid(
            f"The run {spec.run_id} asked only {part_of(spec)}, which is no baseline",
            hint="Make a whole one: kbtool eval weekly",
        )
    dataset = await _require_current(project, client)
    today = await describe(project, client, dataset, Ask())
    require_same(spec, today, hint="Make a new run and pin that: kbtool eval weekly")
    evaluation = reopen(project, spec.run_id)
    questions = [result.golden for result in evaluation.results]
    (folder / PINNED).unlink(missing_ok=True)
    replies = await _asker(project, client, dataset, spec).ask(questions, folder / PINNED)
    baseline = pin(
        evaluation.results,
        evaluation.spec,
        date=spec.started[:10],
        why=why,
        again=_passes(questions, replies, evaluation.spec, project.settings),
        canaries=choose(evaluation.results),
    )
    path = project.baseline_path
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".part")
    half.write_text(baseline.to_json(), encoding="utf-8")
    half.replace(path)
    return path


def write_outcome(evaluation: Evaluation) -> None:
    """Leave what later runs must know of this one beside its files."""
    comparison = evaluation.comparison
    remember(
        evaluation.folder,
        evaluation.spec,
        found=evaluation.metrics.found,
        verdict=evaluation.verdict,
        baseline=comparison.baseline.run_id if isinstance(comparison, Comparison) else "",
        wants_threshold=evaluation.proposal.wants_change,
    )


async def _require_current(project: Project, client: DifyClient) -> Dataset:
    """The dataset, if it holds exactly this corpus: no run is labelled with pages that it never saw."""
    name = project.settings.dify.dataset
    dataset = await client.find_dataset(name)
    if dataset is None:
        raise ConfigError(f"There is no dataset “{name}” yet", hint="Make it with `kbtool ingest`.")
    stored = await client.documents(dataset.id)
    pending = plan(project.rendered, stored, dataset, project.settings.dataset_profile)
    if not pending.is_empty:
        counts = ", ".join(f"{count} to {action.value}" for action, count in pending.counts.items())
        raise RunInvalid(
            f"“{name}” does not hold this corpus: {counts or pending.conflicts[0]}",
            hint="Bring it up to date first: kbtool ingest",
        )
    return dataset


def _resumed(settings: Settings, today: RunSpec, run_id: str) -> RunSpec:
    """The interrupted run, if it asked what would be asked today: two runs must not be mixed in one."""
    _, earlier = find_interrupted(settings) if run_id == LATEST else find_run(settings, run_id)
    if (today.target, today.tags) != (earlier.target, earlier.tags):
        raise RunInvalid(
            f"The run {earlier.run_id} asked {part_of(earlier)}, and now {part_of(today)} is wanted",
            hint="Resume it with the same --target and --tag.",
        )
    require_same(earlier, today, hint="Start a new one: kbtool eval run")
    return earlier


def _asker(project: Project, client: DifyClient, dataset: Dataset, spec: RunSpec) -> Asker:
    return Asker(
        client=client,
        dataset_id=dataset.id,
        retrieval=project.settings.retrieval_profile,
        resolver=Resolver.of(project.rendered),
        asks_app=spec.target != "retrieval",
        asks_retrieval=spec.target != "answers",
        concurrency=project.settings.evals.concurrency,
    )


def _compare(
    project: Project, baseline: Baseline | None, results: Sequence[Result], spec: RunSpec
) -> Comparison | NotComparable | None:
    """With the pin, as far as this run asked its questions."""
    if baseline is None:
        return None
    if spec.tags:
        asked = {golden.id for golden in fresh(project, spec)} | set(spec.stale)
        baseline = replace(baseline, questions=tuple(q for q in baseline.questions if q.id in asked))
    return compare(baseline, results, spec)


def _conclude(
    project: Project,
    folder: Path,
    spec: RunSpec,
    replies: dict[str, Reply],
    confirmed: dict[str, Reply],
    *,
    strict: bool = False,
    by: tune.By | None = None,
    changed: Sequence[str] = (),
) -> Evaluation:
    """Everything that follows from the replies."""
    questions = fresh(project, spec)
    results = score_all(questions, replies, spec, project.settings.policy)
    comparison = _compare(project, project.baseline, results, spec)
    confirmations = _passes(questions, confirmed, spec, project.settings)
    earlier = before(folder)
    last = last_week(earlier, spec.started)
    pinned = comparison.baseline.run_id if isinstance(comparison, Comparison) else ""
    is_same = last is not None and last.fingerprint == spec.fingerprint
    return Evaluation(
        folder=folder,
        spec=spec,
        results=results,
        stale=tuple(one for one in project.stale if one.golden.id in spec.stale),
        comparison=comparison,
        confirmations=confirmations,
        metrics=summarize(results, k=spec.k),
        verdict=judge(
            results,
            comparison,
            confirmations,
            stale=spec.stale,
            stale_critical=spec.stale_critical,
            watched_before=last is not None and last.watches_drop and last.baseline == pinned,
            strict=strict,
        ),
        proposal=propose(
            project.settings,
            spec,
            results,
            wanted_at=last.started if last is not None and last.wants_threshold and is_same else "",
            by=by,
            changed=changed,
        ),
        earlier=earlier,
    )


def _passes(
    questions: Sequence[Golden], replies: dict[str, Reply], spec: RunSpec, settings: Settings
) -> dict[str, bool]:
    """Id → passed, for what was asked again and answered."""
    again = score_all(questions, replies, spec, settings.policy)
    return {r.golden.id: r.outcome is Outcome.PASS for r in again if r.outcome is not Outcome.ERROR}
