"""The evaluation from golden file to report: what `kbtool eval`, cron and the demo all run.

    lint → ask → score → compare with the pin → ask the flips again → judge → threshold → report

This is an edge: it asks servers and writes files. What the numbers mean is decided in the pure modules.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from kbtool import tune
from kbtool.config import Settings
from kbtool.corpus import Corpus
from kbtool.dify.client import DifyClient
from kbtool.errors import ConfigError
from kbtool.evaluate import golden as golden_files
from kbtool.evaluate.compare import Baseline, Comparison, NotComparable, compare, pin
from kbtool.evaluate.gate import Verdict, judge, to_reask
from kbtool.evaluate.golden import GoldenSet, Stale
from kbtool.evaluate.history import (
    CONFIRMED,
    PINNED,
    REPLIES,
    REPORT,
    SPEC,
    Remembered,
    before,
    find_run,
    last_week,
    remember,
    runs_folder,
)
from kbtool.evaluate.metrics import Metrics, summarize
from kbtool.evaluate.record import Golden, Outcome, Reply, Result, RunSpec
from kbtool.evaluate.report import View
from kbtool.evaluate.run import Asker, Resolver, read_replies, read_spec, write_spec
from kbtool.evaluate.score import score
from kbtool.sync.apply import Progress, quiet
from kbtool.sync.render import Rendered, corpus_hash


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


@dataclass(frozen=True, slots=True)
class Ask:
    """What shall be asked: `target` is retrieval, answers or both; `tags` narrow it; `resume` a run's id."""

    target: str = "both"
    tags: tuple[str, ...] = ()
    resume: str = ""


def load_questions(settings: Settings, corpus: Corpus) -> tuple[GoldenSet, tuple[Stale, ...]]:
    """The golden set with full slugs, and those of it that no longer fit the corpus."""
    questions = golden_files.resolve(
        golden_files.load(settings.root, settings.evals.golden), corpus.documents
    )
    return questions, golden_files.find_stale(questions, corpus.documents)


async def run(
    settings: Settings,
    corpus: Corpus,
    rendered: Sequence[Rendered],
    client: DifyClient,
    ask: Ask = Ask(),
    *,
    progress: Progress = quiet,
) -> Evaluation:
    """Ask all questions and judge the answers. Raises ConfigError, GoldenError, ServiceError."""
    questions, stale = load_questions(settings, corpus)
    chosen = {golden.id for golden in questions.questions if not ask.tags or set(ask.tags) & set(golden.tags)}
    stale = tuple(one for one in stale if one.golden.id in chosen)
    is_stale = {one.golden.id for one in stale}
    fresh = [golden for golden in questions.questions if golden.id in chosen - is_stale]
    dataset = await client.find_dataset(settings.dify.dataset)
    if dataset is None:
        raise ConfigError(
            f"There is no dataset “{settings.dify.dataset}” yet", hint="Make it with `kbtool ingest`."
        )
    app_name, _ = await client.app_info() if ask.target != "retrieval" else ("", "")
    started = datetime.now(UTC)
    asker = Asker(
        client=client,
        dataset_id=dataset.id,
        retrieval=settings.retrieval_profile,
        resolver=Resolver.of(corpus.documents, rendered),
        asks_app=ask.target != "retrieval",
        asks_retrieval=ask.target != "answers",
        concurrency=settings.evals.concurrency,
    )
    spec = RunSpec(
        run_id=ask.resume or f"{started:%Y-%m-%dT%H%M%S}-{secrets.token_hex(2)}",
        started=started.isoformat(timespec="seconds"),
        target=ask.target,
        dataset=dataset.name,
        app=app_name,
        engine=client.engine,
        version=client.version,
        embedding_model=dataset.embedding_model,
        retrieval=settings.retrieval_profile.as_json(),
        k=settings.retrieval.top_k,
        threshold=settings.handoff.threshold,
        commit=_commit(settings.root),
        corpus_hash=corpus_hash(rendered),
        golden_hash=questions.hash,
        documents=len(corpus.documents),
        chunks=corpus.sections,
        questions=len(fresh),
        stale=tuple(sorted(is_stale)),
    )
    folder = runs_folder(settings) / spec.run_id
    write_spec(spec, folder / SPEC)
    replies = await asker.ask(fresh, folder / REPLIES, progress=progress)
    spec = replace(spec, seconds=(datetime.now(UTC) - started).total_seconds())
    write_spec(spec, folder / SPEC)
    results = score_all(fresh, replies, spec, settings)
    baseline = read_baseline(settings)
    if baseline and ask.tags:
        kept = tuple(question for question in baseline.questions if question.id in chosen)
        baseline = replace(baseline, questions=kept)
    comparison = compare(baseline, results, spec) if baseline else None
    again = [golden for golden in fresh if golden.id in to_reask(results, comparison)]
    confirmed = await asker.ask(again, folder / CONFIRMED)
    return _concluded(
        settings, folder, spec, results, stale, comparison, _passes(again, confirmed, spec, settings)
    )


def reopen(settings: Settings, corpus: Corpus, run_id: str) -> Evaluation:
    """A finished run judged again from its files, with today's policy; nothing is asked."""
    folder = find_run(settings, run_id)
    spec = read_spec(folder / SPEC)
    questions, stale = load_questions(settings, corpus)
    replies, confirmed = read_replies(folder / REPLIES), read_replies(folder / CONFIRMED)
    asked = [
        golden
        for golden in questions.questions
        if golden.id in replies and replies[golden.id].content_hash == golden.content_hash
    ]
    results = score_all(asked, replies, spec, settings)
    baseline = read_baseline(settings)
    comparison = compare(baseline, results, spec) if baseline else None
    again = [golden for golden in asked if golden.id in confirmed]
    return _concluded(
        settings, folder, spec, results, stale, comparison, _passes(again, confirmed, spec, settings)
    )


async def pin_run(
    settings: Settings,
    corpus: Corpus,
    rendered: Sequence[Rendered],
    client: DifyClient,
    run_id: str,
    why: str,
) -> Path:
    """Make a run the baseline: every question is asked once more, to know the endpoint's own flip rate."""
    evaluation = reopen(settings, corpus, run_id)
    dataset = await client.find_dataset(settings.dify.dataset)
    if dataset is None:
        raise ConfigError(
            f"There is no dataset “{settings.dify.dataset}”", hint="Make it with `kbtool ingest`."
        )
    asker = Asker(
        client=client,
        dataset_id=dataset.id,
        retrieval=settings.retrieval_profile,
        resolver=Resolver.of(corpus.documents, rendered),
        asks_app=evaluation.spec.target != "retrieval",
        asks_retrieval=evaluation.spec.target != "answers",
        concurrency=settings.evals.concurrency,
    )
    questions = [result.golden for result in evaluation.results]
    replies = await asker.ask(questions, evaluation.folder / PINNED)
    baseline = pin(
        evaluation.results,
        evaluation.spec,
        date=evaluation.spec.started[:10],
        why=why,
        again=_passes(questions, replies, evaluation.spec, settings),
    )
    path = baseline_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(baseline.to_json(), encoding="utf-8")
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


def score_all(
    questions: Sequence[Golden], replies: dict[str, Reply], spec: RunSpec, settings: Settings
) -> tuple[Result, ...]:
    return tuple(
        score(golden, replies[golden.id], k=spec.k, policy=settings.policy)
        for golden in questions
        if golden.id in replies
    )


def baseline_path(settings: Settings) -> Path:
    return settings.resolve(settings.evals.baselines) / f"{settings.evals.baseline}.json"


def read_baseline(settings: Settings) -> Baseline | None:
    """The pinned run of kb.toml, None where none is pinned."""
    path = baseline_path(settings)
    if not path.exists():
        return None
    return Baseline.from_json(path.read_text(encoding="utf-8"), name=path.stem)


def _concluded(
    settings: Settings,
    folder: Path,
    spec: RunSpec,
    results: tuple[Result, ...],
    stale: tuple[Stale, ...],
    comparison: Comparison | NotComparable | None,
    confirmations: dict[str, bool],
) -> Evaluation:
    handoff = settings.handoff
    earlier = before(folder)
    last = last_week(earlier, spec.started)
    pinned = comparison.baseline.run_id if isinstance(comparison, Comparison) else ""
    return Evaluation(
        folder=folder,
        spec=spec,
        results=results,
        stale=stale,
        comparison=comparison,
        confirmations=confirmations,
        metrics=summarize(results, k=spec.k),
        verdict=judge(
            results,
            comparison,
            confirmations,
            stale=spec.stale,
            watched_before=last is not None and last.watches_drop and last.baseline == pinned,
        ),
        proposal=tune.tune(
            results,
            tune.Promise(handoff.budget, handoff.confidence),
            current=handoff.threshold,
            is_tuned=bool(handoff.run),
            wanted_before=last is not None and last.wants_threshold,
            floor=handoff.floor,
        ),
        earlier=earlier,
    )


def _passes(
    questions: Sequence[Golden], replies: dict[str, Reply], spec: RunSpec, settings: Settings
) -> dict[str, bool]:
    """Id → passed, for what was asked again and answered."""
    again = score_all(questions, replies, spec, settings)
    return {r.golden.id: r.outcome is Outcome.PASS for r in again if r.outcome is not Outcome.ERROR}


def _commit(root: Path) -> str:
    """The commit of the knowledge base, "" outside a repository."""
    try:
        shown = subprocess.run(  # noqa: S603 fixed arguments, and the folder is the user's own
            ["git", "-C", str(root), "rev-parse", "--short", "HEAD"],  # noqa: S607 the user's git
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return shown.stdout.strip() if shown.returncode == 0 else ""
