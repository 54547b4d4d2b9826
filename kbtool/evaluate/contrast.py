"""Two runs side by side: what was different, and what became of each question."""

from __future__ import annotations

from dataclasses import dataclass

from kbtool.evaluate.baseline import pin
from kbtool.evaluate.compare import Comparison, NotComparable, pair
from kbtool.evaluate.judging import results_of
from kbtool.evaluate.metrics import Rate, summarize
from kbtool.evaluate.project import Project
from kbtool.evaluate.record import RunSpec


@dataclass(frozen=True, slots=True)
class Contrast:
    """Run `a` and run `b`, both judged under today's questions and policy.

    `differences` name what else was not the same (settings, corpus, …), with both values.
    """

    a: RunSpec
    b: RunSpec
    found: tuple[Rate, Rate]
    differences: tuple[tuple[str, str, str], ...]
    comparison: Comparison | NotComparable


def contrast(project: Project, first: str, second: str) -> Contrast:
    """Compare two finished runs, whatever was different: a change of settings is what A/B runs are for.

    Raises ExportError for a run that is not there, RunInvalid for one that was interrupted.
    """
    _, a, results_a = results_of(project, first)
    _, b, results_b = results_of(project, second)
    baseline = pin(results_a, a, date=a.started[:10], why="", again={})
    return Contrast(
        a=a,
        b=b,
        found=(summarize(results_a, k=a.k).found, summarize(results_b, k=b.k).found),
        differences=tuple(_differences(a, b)),
        comparison=pair(baseline, results_b),
    )


def _differences(a: RunSpec, b: RunSpec) -> list[tuple[str, str, str]]:
    named = {
        "target": (a.target, b.target),
        "dataset": (a.dataset, b.dataset),
        "app": (a.app, b.app),
        "engine": (f"{a.engine} {a.version}", f"{b.engine} {b.version}"),
        "embedding model": (a.embedding_model, b.embedding_model),
        "chunks that count": (str(a.k), str(b.k)),
        "threshold": (str(a.threshold), str(b.threshold)),
        "corpus": (a.corpus_hash, b.corpus_hash),
        "golden questions": (a.golden_hash, b.golden_hash),
        "commit": (a.commit, b.commit),
    }
    settings = {
        f"retrieval {key}": (str(a.retrieval.get(key)), str(b.retrieval.get(key)))
        for key in sorted({*a.retrieval, *b.retrieval})
    }
    return [(what, x, y) for what, (x, y) in (named | settings).items() if x != y]
