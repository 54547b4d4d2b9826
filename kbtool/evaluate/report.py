"""The report of a run: one HTML file that needs nothing else, for a support lead and an engineer.

What is shown is put together in `view`, from values alone; shapes of plots are fractions of their frame, so
only the template knows about size. All text is escaped by Jinja; the data block is JSON with `<`, `>` and `&`
as escapes, which no question's text can leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from kbtool import look
from kbtool.evaluate.compare import NotComparable, change_interval
from kbtool.evaluate.cost import in_words
from kbtool.evaluate.metrics import RankMeasures, Rate, would_be_right
from kbtool.evaluate.plots import histogram, risk
from kbtool.evaluate.support import rows_of
from kbtool.evaluate.trend import spark, trend
from kbtool.evaluate.view import MOST_TASKS, ShownQuestion, View, check_rates, shown_questions, tasks_of

TEMPLATES = Path(__file__).parent / "templates"


def render(view: View) -> str:
    """The report as HTML."""
    environment = look.environment(TEMPLATES)
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    environment.policies["json.dumps_kwargs"] = {**compact, "default": _plain}
    environment.filters |= {"percent": percent, "points": points, "score": score, "three": three}
    css = look.stylesheet(TEMPLATES / "report.css")
    js = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    questions = shown_questions(view)
    tasks = tasks_of(view, questions)
    comparison = view.compared
    return environment.get_template("report.html.j2").render(
        view=view,
        css=css,
        js=js,
        style_hash=look.content_hash(css),
        script_hash=look.content_hash(js),
        questions=questions,
        by_id={q.id: q for q in questions},
        tasks=tasks[:MOST_TASKS],
        more_tasks=len(tasks) - MOST_TASKS,
        comparison=comparison,
        change_interval=change_interval(comparison) if comparison else None,
        slice_changes={(s.by, s.name): s for s in comparison.slices} if comparison else {},
        tiles=_tiles(view),
        levels=_levels(view),
        check_rates=check_rates(view),
        histogram=histogram(view.metrics.scores, view.proposal),
        risk=risk(view.proposal),
        trend=trend(view.runs, comparison.baseline.run_id if comparison else ""),
        cost=in_words(view.spec, view.metrics.spent),
        support=view.support,
        support_rows=rows_of(view.support),
        data=_data(view, questions),
    )


def percent(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}%}"


def points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−") if value else "±0"


def score(value: float | None) -> str:
    return "no score" if value is None else f"{value:.2f}"


def three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


class Tile(NamedTuple):
    """A headline figure, its course over the runs, and what it is a share of."""

    title: str
    rate: Rate
    spark: tuple[tuple[float, float], ...]
    note: str


def _tiles(view: View) -> list[Tile]:
    k, metrics = view.spec.k, view.metrics
    shown = [
        (f"Found (hit@{k})", metrics.found, "found", f"a right section among the first {k}"),
        ("Found first", metrics.first_hit, "first_hit", "the best chunk is the right one"),
        ("Good answers", metrics.good_answers, "good_answers", "said what it must, from the right page"),
        ("Right refusals", metrics.refusals, "refusals", "of questions that no page answers"),
    ]
    return [
        Tile(title, rate, spark([getattr(run, name).value for run in view.runs]), note)
        for title, rate, name, note in shown
    ]


def _levels(view: View) -> list[tuple[str, RankMeasures]]:
    metrics = view.metrics
    return [("page", metrics.document), ("section", metrics.section), ("evidence", metrics.evidence)]


def _data(view: View, questions: Sequence[ShownQuestion]) -> dict[str, Any]:
    """What the page shows, for the download; the script adds answers and chunks from the page itself."""
    comparison = view.compared
    return {
        "run": view.spec,
        "fingerprint": view.spec.fingerprint,
        "verdict": view.verdict,
        "metrics": view.metrics,
        "comparison": comparison
        and {
            "lost": comparison.lost,
            "gained": comparison.gained,
            "quarantined": comparison.quarantined,
            **_plain(view.settled),
        },
        "not_compared": view.comparison.reason if isinstance(view.comparison, NotComparable) else None,
        "checks": [
            {"check": one.kind, "held": one.held, "counts": one.counts, "note": one.note}
            for one in check_rates(view)
        ],
        "threshold": view.proposal,
        "stale": [str(one) for one in view.stale],
        "past": list(view.past),
        "questions": [_data_of(question) for question in questions],
    }


def _data_of(question: ShownQuestion) -> dict[str, Any]:
    """What is not so, or not known, is left out: there are hundreds of these."""
    result = question.result
    known = {
        "id": question.id,
        "question": result.golden.question,
        "state": question.state.name,
        "why": result.why,
        "expected": question.expected,
        "rank": result.rank_section,
        "score": result.top_score,
        "decision": result.decision,
        "reason": result.decision_reason,
        "would_be_right": would_be_right(result),
        "before": question.before,
        "again": question.again,
        "previous": question.previous and question.previous.outcome,
        "failed": [check.note for check in result.checks if not check.is_held],
        "seconds": result.reply.latency and round(result.reply.latency, 3),
        "chunks": [[chunk.score, chunk.level] for chunk in question.chunks],
    }
    return {name: value for name, value in known.items() if value is not None and value not in ("", [], ())}


def _plain(value: Any) -> dict[str, Any]:
    """What JSON does not know by itself: our frozen values, and read-only mappings."""
    if isinstance(value, Mapping):
        return dict(value)
    return {each.name: getattr(value, each.name) for each in fields(value)}
