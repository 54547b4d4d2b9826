"""The evaluation from golden file to report: what `kbtool eval`, cron and the demo all run.

    lint → is the dataset this corpus? → ask → score → compare with the pin → ask the flips again
         → judge → threshold → report

This is an edge: it asks servers and writes files. What the numbers mean is decided in the pure modules.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kbtool import tune
from kbtool.dify.client import DifyClient
from kbtool.errors import RunInvalid, Unavailable
from kbtool.evaluate.asking import Rounds, asker, require_current, resumed, with_unasked
from kbtool.evaluate.baseline import Baseline, pin
from kbtool.evaluate.canaries import choose
from kbtool.evaluate.compare import Comparison, NotComparable, compare
from kbtool.evaluate.gate import Status, Verdict, judge, to_reask
from kbtool.evaluate.history import (
    CONFIRMED,
    LATEST,
    LOCK,
    PINNED,
    REPLIES,
    REPORT,
    SPEC,
    Remembered,
    before,
    find_run,
    last_week,
    quarantined,
    remember,
    require_finished,
    resume_hint,
    runs_folder,
)
from kbtool.evaluate.judging import judge_results, labels_of
from kbtool.evaluate.metrics import Metrics, summarize
from kbtool.evaluate.project import Ask, Project, describe, fresh, outline, part_of, require_same
from kbtool.evaluate.record import Outcome, Reply, Result, RunSpec
from kbtool.evaluate.run import read_replies, write_spec
from kbtool.evaluate.score import score_all
from kbtool.evaluate.support import Support
from kbtool.evaluate.threshold import changed_since, propose
from kbtool.evaluate.view import View
from kbtool.golden import Stale
from kbtool.judge.verdicts import Judged, read_judged, with_opinions
from kbtool.lock import only_one
from kbtool.sync.waiting import Progress, quiet

_NEXT = {
    "stale": "Next: kbtool golden fix",
    "critical-stale": "Next: kbtool golden fix",
    "not-comparable": "Next: undo that change, or pin anew: kbtool eval pin --why …",
}
"""By the rule that made a run invalid."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A run with everything that follows from it. `folder` holds its files.

    `support` is what customers and people did meanwhile; the command that has a bridge's store adds it.
    """

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
    judged: Judged | None = None
    support: Support | None = None

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
            previous=self.earlier[-1].questions if self.earlier else {},
            judged=self.judged,
            support=self.support,
        )

    @property
    def hint(self) -> str:
        """The next command, where the verdict asks for one: a run that proves nothing, or has no pin."""
        if not self.spec.is_finished:
            return resume_hint(self.spec)
        if self.verdict.status is Status.NO_BASELINE:
            return "Next: kbtool eval pin --why …" if self.spec.is_whole else "Next: kbtool eval weekly"
        if self.verdict.status is not Status.INVALID:
            return ""
        rule = self.verdict.reasons[0].rule
        if rule == "empty":
            return "Next: " + ("kbtool eval run --target both" if self.results else "kbtool golden suggest")
        return _NEXT.get(rule, "Next: mend that, then kbtool eval weekly")


def unannounced(spec: RunSpec) -> None:
    """Nobody is told that a run begins."""


async def run(
    project: Project,
    client: DifyClient,
    ask: Ask = Ask(),
    *,
    progress: Progress = quiet,
    begins: Callable[[RunSpec], None] = unannounced,
    judge_key: str = "",
) -> Evaluation:
    """Ask the questions and judge the answers. `begins` is told of the run before anything is asked.

    `judge_key` is for the model of [judge], where there is one.

    A server that is not there, or dies midway, makes a run that proves nothing, with a report, and that can
    be resumed. Raises RunInvalid where the dataset does not hold the corpus, or the run to resume was another
    one.
    """
    baseline = project.baseline  # read first: a broken file must not cost a run
    before(runs_folder(project.settings) / LATEST)
    if project.settings.judge.is_set:
        labels_of(project.settings)
    try:
        dataset = await require_current(project, client)
        spec = await describe(project, client, dataset, ask)
    except Unavailable as error:
        if ask.resume:
            raise
        return _unasked(project, outline(project, ask), error, begins=begins, strict=ask.strict)
    if ask.resume:
        spec = resumed(project.settings, spec, ask.resume)
    folder = runs_folder(project.settings) / spec.run_id
    with only_one(folder / LOCK, what=f"The run {spec.run_id}", error=RunInvalid):
        write_spec(spec, folder / SPEC)
        begins(spec)
        asking = Rounds(asker(project, client, dataset, spec), folder, progress)
        questions = fresh(project, spec)
        started = time.monotonic()  # the clock on the wall may go backwards
        replies = await asking.everything(questions)
        seconds = spec.seconds + time.monotonic() - started
        spec = replace(spec, seconds=seconds, engine=client.engine, version=client.version)
        results = score_all(questions, replies, spec, project.settings.policy)
        comparison = _compare(project, baseline, results, spec, before(folder))
        again = to_reask(results, comparison)
        confirmed = await asking.again([golden for golden in questions if golden.id in again])
        spec = replace(spec, is_finished=not asking.died)
        write_spec(spec, folder / SPEC)
        if project.settings.judge.is_set and not asking.died:
            await judge_results(project.settings, folder, results, key=judge_key, progress=progress)
    return _conclude(project, folder, spec, replies, confirmed, died=asking.died, strict=ask.strict)


def _unasked(
    project: Project, spec: RunSpec, error: Unavailable, *, begins: Callable[[RunSpec], None], strict: bool
) -> Evaluation:
    """The run of a server that is not there: every question an error."""
    folder = runs_folder(project.settings) / spec.run_id
    write_spec(spec, folder / SPEC)
    begins(spec)
    replies = with_unasked(fresh(project, spec), {}, error.message)
    return _conclude(project, folder, spec, replies, {}, died=error.message, strict=strict)


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
    dataset = await require_current(project, client)
    today = await describe(project, client, dataset, Ask())
    require_same(spec, today, hint="Make a new run and pin that: kbtool eval weekly")
    evaluation = reopen(project, spec.run_id)
    questions = [result.golden for result in evaluation.results]
    with only_one(folder / LOCK, what=f"The run {spec.run_id}", error=RunInvalid):
        (folder / PINNED).unlink(missing_ok=True)
        replies = await asker(project, client, dataset, spec).ask(questions, folder / PINNED)
    baseline = pin(
        evaluation.results,
        evaluation.spec,
        date=spec.started[:10],
        why=why,
        again=_passes(score_all(questions, replies, evaluation.spec, project.settings.policy)),
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
    compared = comparison if isinstance(comparison, Comparison) else None
    remember(
        evaluation.folder,
        evaluation.spec,
        results=evaluation.results,
        metrics=evaluation.metrics,
        verdict=evaluation.verdict,
        baseline=compared.baseline.run_id if compared else "",
        flipped_back=compared.settle(evaluation.confirmations).flaky if compared else (),
        wants_threshold=evaluation.proposal.wants_change,
    )


def _compare(
    project: Project,
    baseline: Baseline | None,
    results: Sequence[Result],
    spec: RunSpec,
    earlier: Sequence[Remembered],
) -> Comparison | NotComparable | None:
    """With the pin, as far as this run asked its questions; with nothing where no server was there."""
    if baseline is None or not spec.engine:
        return None
    if spec.tags:
        asked = {golden.id for golden in fresh(project, spec)} | set(spec.stale)
        baseline = replace(baseline, questions=tuple(q for q in baseline.questions if q.id in asked))
    return compare(baseline, results, spec, flaky=quarantined(earlier, baseline.run_id))


def _conclude(
    project: Project,
    folder: Path,
    spec: RunSpec,
    replies: dict[str, Reply],
    confirmed: dict[str, Reply],
    *,
    died: str = "",
    strict: bool = False,
    by: tune.By | None = None,
    changed: Sequence[str] = (),
) -> Evaluation:
    """Everything that follows from the replies. `died` is why not everything was asked."""
    questions = fresh(project, spec)
    judged = read_judged(folder)
    results = with_opinions(score_all(questions, replies, spec, project.settings.policy), judged)
    earlier = before(folder)
    comparison = _compare(project, project.baseline, results, spec, earlier)
    again = score_all(questions, confirmed, spec, project.settings.policy)
    confirmations = _passes(again)
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
            forbidden_again=[r.golden.id for r in again if r.says_forbidden],
            stale=spec.stale,
            stale_critical=spec.stale_critical,
            watched_before=last is not None and last.watches_drop and last.baseline == pinned,
            interrupted=died,
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
        judged=judged,
    )


def _passes(again: Sequence[Result]) -> dict[str, bool]:
    """Id → passed, for what was asked again and answered."""
    return {r.golden.id: r.outcome is Outcome.PASS for r in again if r.outcome is not Outcome.ERROR}
