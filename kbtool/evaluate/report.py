"""The report of a run: one HTML file that needs nothing else, for a support lead and an engineer.

What is shown is put together here, from values alone; shapes of plots are fractions of their frame, so only
the template knows about size. All text is escaped by Jinja; the data block is JSON with `<`, `>` and `&` as
escapes, which no question's text can leave.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from kbtool.evaluate.compare import Comparison, NotComparable, Settled, change_interval
from kbtool.evaluate.gate import Verdict
from kbtool.evaluate.golden import Stale, covers
from kbtool.evaluate.metrics import Metrics, Rate, would_be_right
from kbtool.evaluate.record import Found, Golden, Outcome, Result, RunSpec
from kbtool.script import fold
from kbtool.tune import Count, Proposal

TEMPLATES = Path(__file__).parent / "templates"
MOST_TASKS = 10
_LONGEST = 600
_BINS = 24
_FEWEST_ANSWERED = 5
"""The wrong share of fewer answers than these jumps between nothing and everything: not drawn."""

_TEXT = 350_000
"""Bytes of chunks and answers in one report, so that 500 questions stay under 1.5 MB; misses get more."""


class Past(NamedTuple):
    """An earlier run, for the trend: share found with its interval, and what it was measured on."""

    date: str
    rate: float
    interval: tuple[float, float]
    corpus_hash: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class View:
    """What a report is made of. `past` is oldest first and does not hold this run."""

    spec: RunSpec
    results: Sequence[Result]
    metrics: Metrics
    verdict: Verdict
    proposal: Proposal
    comparison: Comparison | NotComparable | None = None
    confirmations: Mapping[str, bool] = field(default_factory=dict)
    stale: Sequence[Stale] = ()
    past: Sequence[Past] = ()

    @property
    def compared(self) -> Comparison | None:
        return self.comparison if isinstance(self.comparison, Comparison) else None

    @property
    def settled(self) -> Settled:
        return self.compared.settle(self.confirmations) if self.compared else Settled((), (), ())


class State(NamedTuple):
    """How a question came out, and a sign that does not need colour."""

    name: str
    sign: str


PASS, FAIL, ERROR = State("pass", "✓"), State("fail", "✗"), State("error", "!")
FLAKY, OPEN, STALE = State("flaky", "≈"), State("open", "·"), State("stale", "!")
_STATES = {Outcome.PASS: PASS, Outcome.FAIL: FAIL, Outcome.ERROR: ERROR, None: OPEN}


@dataclass(frozen=True, slots=True)
class ShownChunk:
    """A returned chunk: `level` says how closely it matches: evidence, section, page, or nothing."""

    title: str
    score: float | None
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """One row of the list of all questions."""

    result: Result
    state: State
    before: bool | None
    again: bool | None
    expected: tuple[str, ...]
    chunks: tuple[ShownChunk, ...]
    answer: str

    @property
    def id(self) -> str:
        return self.result.golden.id


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do this week."""

    state: State
    what: str
    golden: Golden
    row: ShownQuestion | None = None
    note: str = ""


def render(view: View) -> str:
    """The report as HTML."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    environment.policies["json.dumps_kwargs"] = {**compact, "default": _plain}
    environment.filters |= {"percent": percent, "points": points, "score": score}
    css, js = ((TEMPLATES / f"report.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    questions = shown_questions(view)
    tasks = tasks_of(view, questions)
    comparison, section = view.compared, view.metrics.section
    return environment.get_template("report.html.j2").render(
        view=view,
        css=css,
        js=js,
        style_hash=_hash(css),
        script_hash=_hash(js),
        questions=questions,
        by_id={q.id: q for q in questions},
        tasks=tasks[:MOST_TASKS],
        more_tasks=len(tasks) - MOST_TASKS,
        comparison=comparison,
        change_interval=change_interval(comparison) if comparison else None,
        slice_changes={(s.by, s.name): s for s in comparison.slices} if comparison else {},
        first_hit=Rate(round((section.hit_1 or 0) * section.n), section.n),
        histogram=histogram(view),
        risk=risk(view.proposal),
        trend=trend(view),
        tokens=sum(r.reply.tokens or 0 for r in view.results),
        data=_data(view, questions),
    )


def shown_questions(view: View) -> list[ShownQuestion]:
    """All questions, what needs looking at first."""
    flaky = set(view.settled.flaky)
    pairs = {p.id: p.before for p in view.compared.pairs} if view.compared else {}
    shares = {r.golden.id: 1 if r.outcome is Outcome.PASS else 3 for r in view.results}
    share = _TEXT // max(1, (view.spec.k + 1) * sum(shares.values()))
    rows = [
        ShownQuestion(
            result=r,
            state=FLAKY if r.golden.id in flaky else _STATES[r.outcome],
            before=pairs.get(r.golden.id),
            again=view.confirmations.get(r.golden.id),
            expected=tuple(" › ".join((place.doc, *place.section)) for place in r.golden.relevant),
            chunks=tuple(_chunk(f, r.golden, shares[r.golden.id] * share) for f in _top(r, view.spec.k)),
            answer=_cut(r.reply.answer or "", shares[r.golden.id] * share),
        )
        for r in view.results
    ]
    order = [FAIL, ERROR, FLAKY, OPEN, PASS]
    return sorted(rows, key=lambda row: (order.index(row.state), not row.result.golden.critical, row.id))


def tasks_of(view: View, questions: Sequence[ShownQuestion]) -> list[Task]:
    """What to do, most urgent first: newly broken, critical, stale, answered without a page, not found."""
    broken = set(view.settled.broken)
    failing = [q for q in questions if q.state is FAIL]
    urgent = [q for q in failing if q.id in broken or q.result.golden.critical]
    urgent.sort(key=lambda q: (not q.result.golden.critical, q.result.golden.answerable, q.id))
    others = [q for q in failing if q not in urgent]
    stale = [Task(STALE, "stale", one.golden, note=one.reason) for one in view.stale]
    errors = [_task(q, "not asked") for q in questions if q.state is ERROR]
    return [
        *(_task(q, "newly broken" if q.id in broken else _again(q, "failing")) for q in urgent),
        *stale,
        *(_task(q, "answered without a page") for q in others if not q.result.golden.answerable),
        *errors,
        *(_task(q, _again(q, "not found")) for q in others if q.result.golden.answerable),
    ]


class Histogram(NamedTuple):
    """Heights in [0, 1] of each kind's bars over one axis from `low` to `high`, and lines upon it."""

    low: float
    high: float
    kinds: tuple[tuple[str, int, tuple[float, ...]], ...]
    lines: tuple[tuple[str, float, float], ...]


def histogram(view: View) -> Histogram | None:
    """Top scores of right, wrong and unanswerable questions; None when there are none."""
    scores = view.metrics.scores
    everything = [*scores.right, *scores.wrong, *scores.unanswerable]
    if not everything:
        return None
    low, high = min(0.0, *everything), max(1.0, *everything)
    kinds = {"right": scores.right, "wrong": scores.wrong, "no page answers it": scores.unanswerable}
    counts = {name: [0] * _BINS for name in kinds}
    for name, values in kinds.items():
        for value in values:
            counts[name][min(_BINS - 1, int((value - low) / (high - low) * _BINS))] += 1
    tallest = max(map(max, counts.values()))
    return Histogram(
        low,
        high,
        tuple((name, len(kinds[name]), tuple(c / tallest for c in counts[name])) for name in kinds),
        tuple((name, c.threshold, (c.threshold - low) / (high - low)) for name, c in _marks(view.proposal)),
    )


class Risk(NamedTuple):
    """Coverage against wrong share, both as fractions of a frame that ends at a share of `top`."""

    top: float
    curve: tuple[tuple[float, float], ...]
    marks: tuple[tuple[str, Count, float, float], ...]


def risk(proposal: Proposal) -> Risk | None:
    enough = (c for c in proposal.curve if c.answered >= _FEWEST_ANSWERED)
    curve = [(c.coverage, c.wrong_share) for c in enough if c.wrong_share is not None]
    if not curve:
        return None
    top = max(0.1, *(share for _, share in curve))
    marks = tuple(
        (name, c, c.coverage, min(1.0, c.wrong_share / top))
        for name, c in _marks(proposal)
        if c.wrong_share is not None
    )
    return Risk(top, tuple((coverage, share / top) for coverage, share in curve), marks)


class TrendPoint(NamedTuple):
    """A run; `y`, `low`, `high` are fractions of a frame that begins at the trend's floor."""

    run: Past
    is_pinned: bool
    x: float
    y: float
    low: float
    high: float


class Trend(NamedTuple):
    """`changes` are (x, what changed) between two runs."""

    floor: float
    points: tuple[TrendPoint, ...]
    changes: tuple[tuple[float, str], ...]


def trend(view: View) -> Trend | None:
    """The share found over past runs and this one; None for fewer than two."""
    found, runs = view.metrics.found, list(view.past)
    if found.value is not None and found.interval is not None:
        here = (view.spec.corpus_hash, view.spec.fingerprint)
        runs.append(Past(view.spec.started[:10], found.value, found.interval, *here))
    if len(runs) < 2:
        return None
    floor = max(0.0, min(run.interval[0] for run in runs) - 0.05)

    def height(rate: float) -> float:
        return max(0.0, (rate - floor) / (1 - floor))

    step = 1 / (len(runs) - 1)
    changes = tuple(
        ((i + 0.5) * step, "settings" if before.fingerprint != now.fingerprint else "corpus")
        for i, (before, now) in enumerate(pairwise(runs))
        if (before.fingerprint, before.corpus_hash) != (now.fingerprint, now.corpus_hash)
    )
    pinned = view.compared.baseline.date if view.compared else ""
    shown = tuple(
        TrendPoint(run, run.date == pinned, i * step, *(height(rate) for rate in (run.rate, *run.interval)))
        for i, run in enumerate(runs)
    )
    return Trend(floor, shown, changes)


def percent(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}%}"


def points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−") if value else "±0"


def score(value: float | None) -> str:
    return "no score" if value is None else f"{value:.2f}"


def _marks(proposal: Proposal) -> list[tuple[str, Count]]:
    marks = [
        ("now", proposal.current),
        ("proposed", proposal.count if proposal.threshold is not None else None),
    ]
    return [(name, count) for name, count in marks if count is not None]


def _top(result: Result, k: int) -> tuple[Found, ...]:
    return (result.reply.retrieved or result.reply.cited)[:k]


def _cut(text: str, size: int) -> str:
    text = " ".join(text.split())
    shown = text.encode()[: min(size, _LONGEST)].decode(errors="ignore")
    return shown + "…" * (shown != text)


def _chunk(found: Found, golden: Golden, size: int) -> ShownChunk:
    same_page = [place for place in golden.relevant if place.doc == found.doc]
    sections = [place for place in same_page if covers(place, found.paths)]
    level = "section" if sections else "page" if same_page else ""
    if any(place.evidence and fold(place.evidence) in fold(found.text) for place in sections):
        level = "evidence"
    title = " › ".join(found.paths[0]) if found.paths else found.doc
    return ShownChunk(title, found.score, level, _cut(found.text, size))


def _again(question: ShownQuestion, what: str) -> str:
    return f"still {what}" if question.before is False else what


def _task(question: ShownQuestion, what: str) -> Task:
    note = question.result.why if question.state is ERROR else ""
    return Task(question.state, what, question.result.golden, question, note)


def _data(view: View, questions: Sequence[ShownQuestion]) -> dict[str, Any]:
    """What the page shows, for the download; the script adds answers and chunks from the page itself."""
    comparison = view.compared
    return {
        "run": view.spec,
        "fingerprint": view.spec.fingerprint,
        "verdict": view.verdict,
        "metrics": view.metrics,
        "comparison": comparison
        and {"lost": comparison.lost, "gained": comparison.gained, **_plain(view.settled)},
        "not_compared": view.comparison.reason if isinstance(view.comparison, NotComparable) else None,
        "threshold": view.proposal,
        "stale": [str(one) for one in view.stale],
        "past": [run._asdict() for run in view.past],
        "questions": [
            {
                "id": q.id,
                "question": q.result.golden.question,
                "state": q.state.name,
                "why": q.result.why,
                "expected": q.expected,
                "rank": q.result.rank_section,
                "score": q.result.top_score,
                "decision": q.result.decision,
                "reason": q.result.decision_reason,
                "would_be_right": would_be_right(q.result),
                "before": q.before,
                "again": q.again,
                "chunks": [[c.title, c.score, c.level] for c in q.chunks],
            }
            for q in questions
        ],
    }


def _plain(value: Any) -> dict[str, Any]:
    """What JSON does not know by itself: our frozen values, and read-only mappings."""
    if isinstance(value, Mapping):
        return dict(value)
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _hash(text: str) -> str:
    """For the page's content security policy: only this style and this script may run."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
