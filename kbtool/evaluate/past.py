"""What one run leaves for later ones: its rates for the trend, and each question's result. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kbtool.evaluate.metrics import Metrics, Rate
from kbtool.evaluate.record import Result, RunSpec


@dataclass(frozen=True, slots=True)
class Past:
    """A run's point in the trend: its rates, and what they were measured on."""

    run_id: str
    date: str
    found: Rate
    first_hit: Rate
    good_answers: Rate
    refusals: Rate
    corpus_hash: str = ""
    golden_hash: str = ""
    fingerprint: str = ""

    @classmethod
    def of(cls, spec: RunSpec, metrics: Metrics) -> Past | None:
        """None where the run found out nothing."""
        if not metrics.found.n:
            return None
        return cls(
            run_id=spec.run_id,
            date=spec.started[:10],
            found=metrics.found,
            first_hit=metrics.first_hit,
            good_answers=metrics.good_answers,
            refusals=metrics.refusals,
            corpus_hash=spec.corpus_hash,
            golden_hash=spec.golden_hash,
            fingerprint=spec.fingerprint,
        )


@dataclass(frozen=True, slots=True)
class Before:
    """One question in the run before: `outcome` is pass, fail, error, or empty where nothing was decided."""

    content_hash: str
    outcome: str
    rank: int | None = None
    score: float | None = None

    @classmethod
    def of(cls, result: Result) -> Before:
        outcome = result.outcome.value if result.outcome else ""
        return cls(result.golden.content_hash, outcome, result.rank_section, result.top_score)


def changes(earlier: Past, later: Past) -> Iterable[str]:
    """What was not the same in two runs: knowledge base, settings, questions."""
    if earlier.corpus_hash != later.corpus_hash:
        yield "knowledge base"
    if earlier.fingerprint != later.fingerprint:
        yield "settings"
    if earlier.golden_hash != later.golden_hash:
        yield "questions"
