"""The report of a run: one HTML file that needs nothing else, for a support lead and an engineer.

What is shown is put together here, from values alone; shapes of plots are fractions of their frame, so only
the template knows about size. All text is escaped by Jinja; the data block is JSON with `<`, `>` and `&` as
escapes, which no question's text can leave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from kbtool import look
from kbtool.evaluate.compare import Comparison, NotComparable, Settled, change_interval
from kbtool.evaluate.gate import Verdict
from kbtool.evaluate.metrics import Metrics, Rate, would_be_right
from kbtool.evaluate.plots import Past, histogram, risk, trend
from kbtool.evaluate.record import Found, Golden, Outcome, Result, RunSpec
from kbtool.golden import Stale, covers
from kbtool.script import fold
from kbtool.tune import Proposal

TEMPLATES = Path(__file__).parent / "templates"
MOST_TASKS = 10
_LONGEST = 600
_TEXT = 350_000
"""Bytes of chunks and answers in one report, so that 500 questions stay under 1.5 MB; misses get more."""


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
    def runs(self) -> list[Past]:
        """Earlier runs, and this one where it found out anything."""
        found = self.metrics.found
        if found.value is None or found.interval is None:
            return list(self.past)
        spec = self.spec
        here = Past(spec.started[:10], found.value, found.interval, spec.corpus_hash, spec.fingerprint)
        return [*self.past, here]

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
    environment = look.environment(TEMPLATES)
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    environment.policies["json.dumps_kwargs"] = {**compact, "default": _plain}
    environment.filters |= {"percent": percent, "points": points, "score": score}
    css = look.stylesheet(TEMPLATES / "report.css")
    js = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    questions = shown_questions(view)
    tasks = tasks_of(view, questions)
    comparison, section = view.compared, view.metrics.section
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
        first_hit=Rate(round((section.hit_1 or 0) * section.n), section.n),
        histogram=histogram(view.metrics.scores, view.proposal),
        risk=risk(view.proposal),
        trend=trend(view.runs, comparison.baseline.date if comparison else ""),
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


def percent(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}%}"


def points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−") if value else "±0"


def score(value: float | None) -> str:
    return "no score" if value is None else f"{value:.2f}"


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
