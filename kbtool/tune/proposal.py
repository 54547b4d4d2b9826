"""What to do with the threshold after a run: propose another, keep it, or say what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from kbtool.evaluate.metrics import would_be_right
from kbtool.evaluate.record import Outcome, QuestionKind, Result
from kbtool.handoff import BY_WORDS_ALONE, Policy, Reason, language_of
from kbtool.model import Question
from kbtool.tune import words
from kbtool.tune.prices import RATIOS, Price, cheapest
from kbtool.tune.promise import Promise
from kbtool.tune.slices import OTHERS, By, Slice, slices
from kbtool.tune.strata import Shares, Stratum
from kbtool.tune.walk import AS_ASKED, Count, Row, count_at, count_where, curve, walk, within, wrong_at_most

FLOOR = 0.15
"""The largest share of wrong ones among its answers that a bot may turn out to have."""

CHANGE_WORTH_MAKING = 0.10
"""Difference in coverage that moves a tuned threshold, and only when seen twice running: without this rule
the threshold of an unchanged bot moves nearly every week, with it about once in half a year."""

MOST_ERRORS = 0.02
WHAT_IF_BUDGETS = (0.03, 0.05, 0.10)
DEFAULT_PROMISE = Promise()


class Advice(StrEnum):
    PROPOSE = "propose"
    KEEP = "keep"
    CANNOT_SAY = "cannot-say"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The walk under another budget; `count` is None where no threshold keeps it. `allowed` is -1 where there
    are too few questions (`needed` says how many it takes), None where live shares are stated.
    """

    budget: float
    allowed: int | None
    needed: int
    count: Count | None


@dataclass(frozen=True, slots=True)
class Taken:
    """How many golden questions an intent takes away before any score; how many of them a page answers."""

    intent: str
    n: int
    answerable: int

    def __str__(self) -> str:
        return words.taken(self.intent, self.n, self.answerable)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A threshold, or None where none can be promised, and what it rests on.

    `reason`: tuned; small-change or once (then `threshold` is the current one, to be kept for now); or, with
    no threshold, settings-changed, empty-run, many-errors, few-questions, no-scores, one-class,
    no-safe-threshold, floor.
    `count` and `wrong_at_most` are at the value that the walk found, even where the floor refused it; the
    latter is the Clopper-Pearson bound of the wrong share among answered, indicative only, since the
    threshold was chosen on the same questions. `is_estimate`: no answers were asked for, hits stood in for
    right answers, nothing is promised. `wants_change`: hand it to the next `tune` as `wanted_before`.
    `slices` are those of `by`, each with its own threshold; `threshold` is then that of all others.
    """

    threshold: float | None
    advice: Advice
    reason: str
    sentence: str
    is_estimate: bool
    promise: Promise
    n: int
    errors: int
    allowed: int | None
    count: Count | None
    wrong_at_most: float | None
    current: Count | None
    curve: tuple[Count, ...]
    what_if: tuple[WhatIf, ...]
    wants_change: bool = False
    by: By | None = None
    slices: tuple[Slice, ...] = ()
    prices: tuple[Price, ...] = ()
    taken: tuple[Taken, ...] = ()
    mix: Mapping[Stratum, int] = field(default_factory=dict)


def tune(
    results: Sequence[Result],
    promise: Promise = DEFAULT_PROMISE,
    *,
    current: Policy | float,
    is_tuned: bool = False,
    wanted_before: bool = False,
    floor: float = FLOOR,
    shares: Shares = AS_ASKED,
    by: By | None = None,
    prices: Sequence[tuple[float, float, str]] = (),
    changed: Sequence[str] = (),
) -> Proposal:
    """Propose a threshold that keeps the promise.

    `current` is the policy in use, or its threshold; `is_tuned` whether it was found here: then it stays
    unless there is reason, twice running, to move it. `shares` are those of live conversations, `by` asks for
    a threshold for each language or inbox. `prices` are (wrong answer, handoff, currency). `changed` names
    settings that are no longer those of the run. Small talk is left out: its reply hangs on no score.
    """
    policy = current if isinstance(current, Policy) else Policy(current)
    questions = [r for r in results if r.golden.kind is not QuestionKind.SMALLTALK]
    asked = [r for r in questions if r.outcome is not Outcome.ERROR]
    rows = [as_row(r) for r in asked]
    found = Proposal(
        threshold=walk(rows, promise, shares),
        advice=Advice.PROPOSE,
        reason="tuned",
        sentence="",
        is_estimate=any(r.reply.answer is None for r in asked),
        promise=promise,
        n=len(rows),
        errors=len(questions) - len(asked),
        allowed=_allowed(rows, promise, shares),
        count=None,
        wrong_at_most=None,
        current=_in_use(rows, policy),
        curve=curve(rows),
        what_if=tuple(_what_if(rows, Promise(b, promise.confidence), shares) for b in WHAT_IF_BUDGETS),
        by=by,
        taken=_taken(results),
        mix=Counter(row.stratum for row in rows),
    )
    found = _sliced(found, rows, by, shares) if by is not None else _counted(found, rows, {}, shares)
    found = replace(found, prices=_prices(found, prices))
    refusal = _refusal(found, rows, floor, shares, changed)
    if refusal is not None:
        reason, why = refusal
        sentence = f"The threshold stays at {words.named(policy)}: {why}."
        return replace(found, threshold=None, advice=Advice.CANNOT_SAY, reason=reason, sentence=sentence)
    return _advised(found, rows, policy, shares, is_tuned=is_tuned, wanted_before=wanted_before)


def as_row(result: Result) -> Row:
    """Where only retrieval was asked, every question might have been answered."""
    golden = result.golden
    may_be_sent = result.can_answer or result.reply.answer is None
    kind = Stratum.CRITICAL if golden.critical else Stratum.OTHER
    return Row(
        result.top_score if may_be_sent else None,
        would_be_right(result),
        kind if golden.answerable else Stratum.UNANSWERABLE,
        language_of(Question(golden.question, language=golden.lang)),
        golden.inbox,
    )


def _in_use(rows: Sequence[Row], policy: Policy) -> Count | None:
    if not rows:
        return None
    return count_where(rows, policy.threshold, lambda row: policy.threshold_in(row.language, row.inbox))


def _counted(found: Proposal, rows: Sequence[Row], own: Mapping[str, float], shares: Shares) -> Proposal:
    """With what its thresholds do to the run's questions; `own` are those of the slices."""
    threshold, by = found.threshold, found.by
    if threshold is None:
        return found

    def threshold_of(row: Row) -> float:
        return own.get(by.of(row), threshold) if by else threshold

    return replace(
        found,
        count=count_where(rows, threshold, threshold_of),
        wrong_at_most=wrong_at_most(rows, threshold_of, found.promise, shares),
    )


def _sliced(found: Proposal, rows: Sequence[Row], by: By, shares: Shares) -> Proposal:
    each = slices(rows, found.promise, by, shares)
    own = {one.name: one.threshold for one in each if one.name != OTHERS and one.threshold is not None}
    others = [one.threshold for one in each if one.name == OTHERS]
    # Where every question is in a slice, a language that comes up later is held to the strictest.
    threshold = others[0] if others else max(own.values(), default=None)
    if any(one.threshold is None for one in each):
        threshold = None
    return _counted(replace(found, slices=each, threshold=threshold), rows, own, shares)


def _allowed(rows: Sequence[Row], promise: Promise, shares: Shares) -> int | None:
    if not within(rows, promise, shares)(Counter()):
        return -1
    return None if shares.is_stated else promise.allowed(len(rows))


def _what_if(rows: Sequence[Row], promise: Promise, shares: Shares) -> WhatIf:
    threshold = walk(rows, promise, shares)
    count = count_at(rows, threshold) if threshold is not None else None
    return WhatIf(promise.budget, _allowed(rows, promise, shares), _needed(rows, promise, shares), count)


def _needed(rows: Sequence[Row], promise: Promise, shares: Shares) -> int:
    if not shares.is_stated:
        return promise.needed
    return len(rows) + shares.missing(_by_kind(rows, shares), promise).total()


def _by_kind(rows: Sequence[Row], shares: Shares) -> Counter[Stratum]:
    return shares.count(Counter(row.stratum for row in rows))


def _prices(found: Proposal, own: Sequence[tuple[float, float, str]]) -> tuple[Price, ...]:
    asked = [*own, *((ratio, 1.0, "") for ratio in RATIOS)]
    return tuple(
        cheapest(found.curve, found.current, wrong=wrong, handoff=handoff, currency=currency)
        for wrong, handoff, currency in asked
        if found.curve
    )


def _taken(results: Sequence[Result]) -> tuple[Taken, ...]:
    """By intent, the greediest first. Where no answers were asked for nothing was decided."""
    taken = [
        r
        for r in results
        if r.decision_reason in BY_WORDS_ALONE and r.decision_reason != Reason.SMALLTALK and r.decision_detail
    ]
    counts = Counter(r.decision_detail for r in taken)
    answerable = Counter(r.decision_detail for r in taken if r.golden.answerable)
    return tuple(Taken(intent, n, answerable[intent]) for intent, n in counts.most_common())


def _refusal(
    found: Proposal, rows: Sequence[Row], floor: float, shares: Shares, changed: Sequence[str]
) -> tuple[str, str] | None:
    """Reason and words, when nothing may be proposed."""
    asked = found.n + found.errors
    if changed:
        return "settings-changed", words.changed(changed)
    if not asked:
        return "empty-run", "no question was asked in this run"
    if found.errors > MOST_ERRORS * asked:
        return "many-errors", f"{found.errors} of {asked} questions could not be asked"
    if found.allowed is not None and found.allowed < 0:
        missing = shares.missing(_by_kind(rows, shares), found.promise) if shares.is_stated else None
        return "few-questions", words.too_few(found.promise, found.n, missing)
    if found.by is not None and not found.slices:
        return "few-questions", f"no {found.by.value} has enough questions for a threshold of its own"
    return _unsafe(found, rows, floor)


def _unsafe(found: Proposal, rows: Sequence[Row], floor: float) -> tuple[str, str] | None:
    """The same, where there are questions enough and the answers are the reason."""
    if all(row.score is None for row in rows):
        return "no-scores", "no answer that may be sent has a score, so there is nothing to sort by"
    if len({row.is_right for row in rows}) == 1:
        return "one-class", words.one_class(found.n, is_right=rows[0].is_right)
    if found.count is None:
        unsafe = next((one.name for one in found.slices if one.threshold is None), None)
        return "no-safe-threshold", words.no_safe_threshold(found.allowed, found.n, unsafe)
    promised = [one for one in found.slices if one.is_promised]
    bounds = [
        (None, found.count, found.wrong_at_most),
        *((s.name, s.count, s.wrong_at_most) for s in promised),
    ]
    for name, count, bound in bounds:
        if count is not None and bound is not None and bound > floor:
            return "floor", words.floor(count, bound, floor, name)
    return None


def _advised(
    found: Proposal,
    rows: Sequence[Row],
    policy: Policy,
    shares: Shares,
    *,
    is_tuned: bool,
    wanted_before: bool,
) -> Proposal:
    """Hold a tuned threshold against noise, and put the whole into words."""
    now, count = found.current, found.count
    if now is None or count is None:
        return found
    wants_change = (
        _is_over_budget(rows, policy, found, shares)
        or abs(count.coverage - now.coverage) >= CHANGE_WORTH_MAKING
    )
    holds = words.ESTIMATE
    if not found.is_estimate:
        holds = words.holds(found.promise, found.n, found.allowed, found.mix, shares, found.slices)
    does = words.does(count)
    if not is_tuned or (wants_change and wanted_before):
        sentence = f"Threshold {words.thresholds(count.threshold, found.slices)}: {does} {holds}"
        return replace(found, sentence=sentence, wants_change=wants_change)
    why = "it has to show twice running" if wants_change else "the difference is within the noise"
    chosen = words.thresholds(count.threshold, found.slices)
    return replace(
        found,
        threshold=now.threshold,
        advice=Advice.KEEP,
        reason="once" if wants_change else "small-change",
        sentence=f"Keep {words.named(policy)} ({why}). This run alone would choose {chosen}: {does} {holds}",
        wants_change=wants_change,
    )


def _is_over_budget(rows: Sequence[Row], policy: Policy, found: Proposal, shares: Shares) -> bool:
    """Whether the thresholds in use surely break the promise, for everybody or for one slice."""
    groups = [list(rows)]
    if found.by is not None:
        groups += [[row for row in rows if found.by.of(row) == one.name] for one in found.slices]
    promise = found.promise.shared_by(max(1, len(found.slices)))
    return any(_surely_wrong(group, policy, promise, shares) > promise.budget for group in groups)


def _surely_wrong(rows: Sequence[Row], policy: Policy, promise: Promise, shares: Shares) -> float:
    """The least share of conversations with a wrong answer under the thresholds in use."""
    wrong = Counter(
        row.stratum
        for row in rows
        if not row.is_right
        and row.score is not None
        and row.score >= policy.threshold_in(row.language, row.inbox)
    )
    return shares.least(shares.count(wrong), _by_kind(rows, shares), promise)
