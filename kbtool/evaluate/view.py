"""What a report shows of a run, as values: every question with its state, and what is to be done. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kbtool.evaluate.compare import Comparison, NotComparable, Settled
from kbtool.evaluate.gate import Verdict
from kbtool.evaluate.metrics import Metrics, Rate
from kbtool.evaluate.past import Before, Past
from kbtool.evaluate.record import Check, Found, Golden, Outcome, Result, RunSpec
from kbtool.evaluate.support import Support
from kbtool.golden import Stale, covers
from kbtool.judge.verdicts import JUDGES, Judged, standings
from kbtool.script import fold
from kbtool.tune import Proposal

MOST_TASKS = 10
_LONGEST = 600
_MOST_TEXT, _LEAST_TEXT = 350_000, 100_000
_PAGE, _ROW = 1_300_000, 2_200
"""Bytes: what 500 questions may take, and what a question takes without its texts. Chunks and answers share
what is left, so that 500 questions stay under 1.5 MB; misses get more of it.
"""


@dataclass(frozen=True, slots=True)
class View:
    """What a report is made of. `past` is oldest first and does not hold this run; `previous` are the
    questions of the run before it. `support` is what the bridge's store tells of the week.
    """

    spec: RunSpec
    results: Sequence[Result]
    metrics: Metrics
    verdict: Verdict
    proposal: Proposal
    comparison: Comparison | NotComparable | None = None
    confirmations: Mapping[str, bool] = field(default_factory=dict)
    stale: Sequence[Stale] = ()
    past: Sequence[Past] = ()
    previous: Mapping[str, Before] = field(default_factory=dict)
    judged: Judged | None = None
    support: Support | None = None

    @property
    def compared(self) -> Comparison | None:
        return self.comparison if isinstance(self.comparison, Comparison) else None

    @property
    def runs(self) -> list[Past]:
        """Earlier runs, and this one where it found out anything."""
        here = Past.of(self.spec, self.metrics) if self.verdict.is_measured else None
        return [*self.past, here] if here else list(self.past)

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
    """One row of the list of all questions.

    `before` is whether it passed at the pin, `again` whether it did when it was asked again now; `previous`
    is the run before, where the question was the same.
    """

    result: Result
    state: State
    before: bool | None
    again: bool | None
    previous: Before | None
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


def shown_questions(view: View) -> list[ShownQuestion]:
    """All questions, what needs looking at first."""
    flaky = set(view.settled.flaky)
    pairs = {p.id: p.before for p in view.compared.pairs} if view.compared else {}
    shares = {r.golden.id: 1 if r.outcome is Outcome.PASS else 3 for r in view.results}
    text = min(_MOST_TEXT, max(_LEAST_TEXT, _PAGE - _ROW * len(view.results)))
    share = text // max(1, (view.spec.k + 1) * sum(shares.values()))
    rows = [
        ShownQuestion(
            result=r,
            state=_state(r, is_flaky=r.golden.id in flaky),
            before=pairs.get(r.golden.id),
            again=view.confirmations.get(r.golden.id),
            previous=_same(view.previous.get(r.golden.id), r.golden),
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
    return [
        *(_task(q, "newly broken" if q.id in broken else _again(q, "failing")) for q in urgent),
        *stale,
        *(_task(q, "answered without a page") for q in others if not q.result.golden.answerable),
        *_errors(questions),
        *(_task(q, _again(q, "not found")) for q in others if q.result.golden.answerable),
    ]


def _state(result: Result, *, is_flaky: bool) -> State:
    if result.breaks_critical and result.says_forbidden:
        return FAIL
    return FLAKY if is_flaky else _STATES[result.outcome]


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
    first_line, _, rest = found.text.partition("\n")
    text = rest if first_line == title else found.text
    return ShownChunk(title, found.score, level, _cut(text, size))


def _again(question: ShownQuestion, what: str) -> str:
    return f"still {what}" if question.before is False else what


def _task(question: ShownQuestion, what: str) -> Task:
    result = question.result
    note = f"its answer {result.says_forbidden}" if result.outcome is Outcome.PASS else ""
    return Task(question.state, what, result.golden, question, note)


def _errors(questions: Sequence[ShownQuestion]) -> list[Task]:
    """One for each cause: a dead server is one thing to mend, not as many as there are questions."""
    causes: dict[str, list[ShownQuestion]] = {}
    for question in questions:
        if question.state is ERROR:
            causes.setdefault(question.result.why, []).append(question)
    tasks = []
    for why, (first, *others) in causes.items():
        note = f"{why} (and {len(others)} more for the same reason)" if others else why
        tasks.append(Task(ERROR, "not asked", first.result.golden, first, note))
    return tasks


def _same(previous: Before | None, golden: Golden) -> Before | None:
    return previous if previous and previous.content_hash == golden.content_hash else None


@dataclass(frozen=True, slots=True)
class CheckRate:
    """How often one kind of check held. `counts` is whether it makes an answer wrong; `note` what else is
    known of it, such as how far the judge agrees with people.
    """

    kind: str
    held: Rate
    counts: bool
    note: str = ""


def check_rates(view: View) -> list[CheckRate]:
    """Over the answers to answerable questions, in the order in which checks are made; then the judge's."""
    made: dict[str, list[Check]] = {}
    for result in view.results:
        for check in result.checks if result.golden.answerable else ():
            if not check.kind.startswith(JUDGES):
                made.setdefault(check.kind, []).append(check)
    own = [CheckRate(kind, _held(found), any(c.counts for c in found)) for kind, found in made.items()]
    if view.judged is None:
        return own
    return own + [
        CheckRate(f"judge: {one.criterion}", one.held, one.agreement.is_trusted, one.worth)
        for one in standings(view.results, view.judged)
    ]


def _held(found: Sequence[Check]) -> Rate:
    return Rate(sum(check.is_held for check in found), len(found))
