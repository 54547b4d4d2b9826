"""The handoff threshold, chosen by walking down an error budget.

The promise is about wrong automatic answers per conversation, J(τ) = P(score >= τ and wrong), which only
falls as the threshold τ rises. So one walk from the best score down, stopped before mistake K + 1, keeps
P(J(τ) > budget) <= 1 - confidence at every n, with no correction for having looked at many thresholds
(risk-controlling prediction sets, Bates et al. 2021, for a 0/1 loss). Taking the best F1, or the lowest
threshold that looks good on the sample, breaks the same promise most of the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from kbtool.evaluate.metrics import would_be_right
from kbtool.evaluate.record import Outcome, QuestionKind, Result

FLOOR = 0.15
"""The largest share of wrong ones among its answers that a bot may turn out to have."""

CHANGE_WORTH_MAKING = 0.10
"""Difference in coverage that moves a tuned threshold, and only when seen twice running: without this rule
the threshold of an unchanged bot moves nearly every week, with it about once in half a year."""

MOST_ERRORS = 0.02
WHAT_IF_BUDGETS = (0.03, 0.05, 0.10)


class Advice(StrEnum):
    PROPOSE = "propose"
    KEEP = "keep"
    CANNOT_SAY = "cannot-say"


@dataclass(frozen=True, slots=True)
class Promise:
    """At most `budget` wrong automatic answers per conversation, with this confidence."""

    budget: float = 0.05
    confidence: float = 0.90

    @property
    def needed(self) -> int:
        """How many questions it takes to promise anything: with one fewer, even no mistake proves nothing."""
        return math.ceil(round(math.log(1 - self.confidence) / math.log(1 - self.budget), 9))

    def allowed(self, n: int) -> int:
        """K, the most mistakes that `n` questions may hold: the largest k with P(Bin(n, budget) <= k) <= δ.

        -1 when n is too small for even k = 0.
        """
        k, below = -1, (1 - self.budget) ** n
        term = below
        while k < n and below <= 1 - self.confidence + 1e-12:
            k += 1
            term *= (n - k) / (k + 1) * self.budget / (1 - self.budget)
            below += term
        return k


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation as the threshold sees it. Without a score it is handed off at every threshold."""

    score: float | None
    is_right: bool


@dataclass(frozen=True, slots=True)
class Count:
    """What a threshold does to `n` conversations."""

    threshold: float
    n: int
    answered: int
    wrong: int

    @property
    def coverage(self) -> float:
        return self.answered / self.n

    @property
    def wrong_share(self) -> float | None:
        return self.wrong / self.answered if self.answered else None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The walk under another budget; `count` is None where no threshold keeps it."""

    budget: float
    allowed: int
    needed: int
    count: Count | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A threshold, or None where none can be promised, and what it rests on.

    `reason`: tuned; small-change or once (then `threshold` is the current one, to be kept for now); or, with
    no threshold, many-errors, few-questions, no-scores, no-safe-threshold, floor.
    `count` and `wrong_at_most` are at the value that the walk found, even where the floor refused it; the
    latter is the Clopper-Pearson bound of the wrong share among answered, indicative only, since the
    threshold was chosen on the same questions. `is_estimate`: no answers were asked for, hits stood in for
    right answers, nothing is promised. `wants_change`: hand it to the next `tune` as `wanted_before`.
    """

    threshold: float | None
    advice: Advice
    reason: str
    sentence: str
    is_estimate: bool
    promise: Promise
    n: int
    errors: int
    allowed: int
    count: Count | None
    wrong_at_most: float | None
    current: Count | None
    curve: tuple[Count, ...]
    what_if: tuple[WhatIf, ...]
    wants_change: bool = False


def tune(
    results: Sequence[Result],
    promise: Promise = Promise(),
    *,
    current: float,
    is_tuned: bool = False,
    wanted_before: bool = False,
    floor: float = FLOOR,
) -> Proposal:
    """Propose a threshold that keeps the promise.

    `current` is the threshold in use, `is_tuned` whether it was found here: then it stays unless there is
    reason, twice running, to move it. Small talk is left out: its reply does not hang on a score.
    """
    questions = [r for r in results if r.golden.kind is not QuestionKind.SMALLTALK]
    asked = [r for r in questions if r.outcome is not Outcome.ERROR]
    rows = [as_row(r) for r in asked]
    threshold = walk(rows, promise)
    count = count_at(rows, threshold) if threshold is not None else None
    found = Proposal(
        threshold=threshold,
        advice=Advice.PROPOSE,
        reason="tuned",
        sentence="",
        is_estimate=any(r.reply.answer is None for r in asked),
        promise=promise,
        n=len(rows),
        errors=len(questions) - len(asked),
        allowed=promise.allowed(len(rows)),
        count=count,
        wrong_at_most=upper_bound(count.wrong, count.answered, promise.confidence) if count else None,
        current=count_at(rows, current) if rows else None,
        curve=tuple(count_at(rows, s) for s in sorted({r.score for r in rows if r.score is not None})),
        what_if=tuple(_what_if(rows, Promise(b, promise.confidence)) for b in WHAT_IF_BUDGETS),
    )
    refusal = _refusal(found, rows, floor)
    if refusal is not None:
        reason, why = refusal
        sentence = f"The threshold stays at {current:.2f}: {why}."
        return replace(found, threshold=None, advice=Advice.CANNOT_SAY, reason=reason, sentence=sentence)
    return _advised(found, is_tuned=is_tuned, wanted_before=wanted_before)


def as_row(result: Result) -> Row:
    """Where only retrieval was asked, every question might have been answered."""
    may_be_sent = result.can_answer or result.reply.answer is None
    return Row(result.top_score if may_be_sent else None, would_be_right(result))


def walk(rows: Sequence[Row], promise: Promise) -> float | None:
    """The lowest threshold before mistake K + 1, or None where even the best score is too low for one.

    It lies half-way between the last score that is in and the first that is out, rounded up to 0.01, which
    answers fewer and so keeps the promise. Equal scores are in or out together. Where every scored row is
    in, it is the lowest score, rounded down: no mistake K + 1 lies below it.
    """
    allowed = promise.allowed(len(rows))
    scored = sorted(((row.score, row.is_right) for row in rows if row.score is not None), reverse=True)
    if allowed < 0 or not scored:
        return None
    wrong, last_in = 0, None
    for score, tied in groupby(scored, key=lambda row: row[0]):
        wrong += sum(not is_right for _, is_right in tied)
        if wrong > allowed:
            if last_in is None:
                return None
            threshold = _round_up((last_in + score) / 2, above=score)
            return threshold if threshold <= scored[0][0] else None
        last_in = score
    return max(0.0, math.floor(scored[-1][0] * 100) / 100)


def count_at(rows: Sequence[Row], threshold: float) -> Count:
    answered = [row for row in rows if row.score is not None and row.score >= threshold]
    return Count(threshold, len(rows), len(answered), sum(not row.is_right for row in answered))


def upper_bound(wrong: int, n: int, confidence: float) -> float | None:
    """Clopper and Pearson's one-sided upper bound (1934) of a rate; None over nothing."""
    if not n:
        return None
    from scipy.stats import beta

    return 1.0 if wrong == n else float(beta.ppf(confidence, wrong + 1, n - wrong))


def lower_bound(wrong: int, n: int, confidence: float) -> float:
    """The lower one; 0 over nothing."""
    from scipy.stats import beta

    return float(beta.ppf(1 - confidence, wrong, n - wrong + 1)) if wrong else 0.0


def _round_up(value: float, *, above: float) -> float:
    """To 0.01, never negative, and strictly above the score that is out."""
    hundredths = max(0, math.ceil(round(value * 100, 9)))
    return (hundredths if hundredths / 100 > above else hundredths + 1) / 100


def _what_if(rows: Sequence[Row], promise: Promise) -> WhatIf:
    threshold = walk(rows, promise)
    count = count_at(rows, threshold) if threshold is not None else None
    return WhatIf(promise.budget, promise.allowed(len(rows)), promise.needed, count)


def _refusal(found: Proposal, rows: Sequence[Row], floor: float) -> tuple[str, str] | None:
    """Reason and words, when nothing may be proposed."""
    needed, n = found.promise.needed, found.n
    if found.errors > MOST_ERRORS * (n + found.errors):
        return "many-errors", f"{found.errors} of {n + found.errors} questions could not be asked"
    if found.allowed < 0:
        what = f"a budget of {found.promise.budget:.0%} at {found.promise.confidence:.0%} confidence"
        return "few-questions", f"{what} takes {needed} questions, {n} are given, {needed - n} are missing"
    if all(row.score is None for row in rows):
        return "no-scores", "no answer that may be sent has a score, so there is nothing to sort by"
    if found.count is None or found.wrong_at_most is None:
        many = f"the {found.allowed} wrong answers that {n} questions allow"
        return "no-safe-threshold", f"already the best scores hold more than {many}; improve retrieval first"
    if found.wrong_at_most > floor:
        wrong, answered = found.count.wrong, found.count.answered
        high = f"at {found.count.threshold:.2f}, {wrong} of {answered} answers are wrong"
        could = f"which can mean {found.wrong_at_most:.0%} in the long run where at most {floor:.0%} may be"
        return "floor", f"{high}, {could}; improve retrieval first"
    return None


def _advised(found: Proposal, *, is_tuned: bool, wanted_before: bool) -> Proposal:
    """Hold a tuned threshold against noise, and put the whole into words."""
    now, count, promise = found.current, found.count, found.promise
    if now is None or count is None:
        return found
    over_budget = lower_bound(now.wrong, now.n, promise.confidence) > promise.budget
    wants_change = over_budget or abs(count.coverage - now.coverage) >= CHANGE_WORTH_MAKING
    if not is_tuned or (wants_change and wanted_before):
        advice, reason, lead = Advice.PROPOSE, "tuned", f"Threshold {count.threshold:.2f}"
    else:
        advice, reason = Advice.KEEP, "once" if wants_change else "small-change"
        why = "it has to show twice running" if wants_change else "the difference is within the noise"
        lead = f"Keep {now.threshold:.2f} ({why}). This run alone would choose {count.threshold:.2f}"
        found = replace(found, threshold=now.threshold)
    says = (
        f"{lead}: of {count.n} conversations like these the bot answers {count.answered} "
        f"({count.coverage:.0%}), {count.wrong} of them wrongly."
    )
    if found.is_estimate:
        holds = (
            "An estimate that promises nothing: no answers were asked for, a section that was found stood in "
            "for a right answer."
        )
    else:
        holds = (
            f"With {promise.confidence:.0%} confidence at most {100 * promise.budget:g} in 100 conversations "
            f"get a wrong automatic answer ({count.n} questions allow {found.allowed}), as long as "
            "conversations resemble these questions and the settings stay as they were measured."
        )
    return replace(found, advice=advice, reason=reason, sentence=f"{says} {holds}", wants_change=wants_change)
