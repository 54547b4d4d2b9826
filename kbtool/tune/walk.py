"""From questions to a threshold: down from the best score, until one mistake more would be too many."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from kbtool.tune.promise import Promise, upper_bound
from kbtool.tune.strata import Shares, Stratum

AS_ASKED = Shares()
"""Live conversations are taken to have the golden set's own mix."""


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation as the threshold sees it. Without a score it is handed off at every threshold."""

    score: float | None
    is_right: bool
    stratum: Stratum = Stratum.OTHER
    language: str = ""
    inbox: str = ""


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


def walk(rows: Sequence[Row], promise: Promise, shares: Shares = AS_ASKED) -> float | None:
    """The lowest threshold that keeps the promise, or None where even the best score is too low for one.

    It lies half-way between the last score that is in and the first that is out, rounded up to 0.01, which
    answers fewer and so keeps the promise. Equal scores are in or out together. Where every scored row is
    in, it is the lowest score, rounded down: no mistake too many lies below it.
    """
    keeps = within(rows, promise, shares)
    scored = sorted(
        ((row.score, row.is_right, row.stratum) for row in rows if row.score is not None), reverse=True
    )
    wrong = Counter[Stratum]()
    if not scored or not keeps(wrong):
        return None
    last_in = None
    for score, tied in groupby(scored, key=lambda row: row[0]):
        mistakes = [stratum for _, is_right, stratum in tied if not is_right]
        wrong.update(mistakes)
        if mistakes and not keeps(wrong):
            if last_in is None:
                return None
            threshold = _round_up((last_in + score) / 2, above=score)
            return threshold if threshold <= scored[0][0] else None
        last_in = score
    return max(0.0, math.floor(scored[-1][0] * 100) / 100)


def within(
    rows: Sequence[Row], promise: Promise, shares: Shares = AS_ASKED
) -> Callable[[Counter[Stratum]], bool]:
    """Whether so many mistakes among these rows keep the promise."""
    if not shares.is_stated:
        allowed = promise.allowed(len(rows))
        return lambda wrong: wrong.total() <= allowed
    n = shares.count(Counter(row.stratum for row in rows))
    return lambda wrong: shares.bound(shares.count(wrong), n, promise) <= promise.budget


def count_at(rows: Sequence[Row], threshold: float) -> Count:
    return count_where(rows, threshold, lambda _: threshold)


def count_where(rows: Sequence[Row], named: float, threshold_of: Callable[[Row], float]) -> Count:
    """The count where each row has a threshold of its own; it is called by `named`."""
    answered = [row for row in rows if row.score is not None and row.score >= threshold_of(row)]
    return Count(named, len(rows), len(answered), sum(not row.is_right for row in answered))


def wrong_at_most(
    rows: Sequence[Row], threshold_of: Callable[[Row], float], promise: Promise, shares: Shares = AS_ASKED
) -> float | None:
    """The upper bound of the wrong share among answers; None where there is none.

    With live shares stated it is the bound of wrong ones per conversation over the coverage, both by those
    shares.
    """
    answered = [row for row in rows if row.score is not None and row.score >= threshold_of(row)]
    wrong = [row for row in answered if not row.is_right]
    if not shares.is_stated:
        return upper_bound(len(wrong), len(answered), promise.confidence)
    n, given, mistakes = (
        shares.count(Counter(row.stratum for row in each)) for each in (rows, answered, wrong)
    )
    coverage = sum(weight * given[kind] / n[kind] for kind, weight in shares.weights.items() if n[kind])
    return min(1.0, shares.bound(mistakes, n, promise) / coverage) if coverage else None


def curve(rows: Sequence[Row]) -> tuple[Count, ...]:
    """The count at each score that occurs, the lowest first."""
    scored = sorted(((row.score, row.is_right) for row in rows if row.score is not None), reverse=True)
    answered = wrong = 0
    counts = []
    for score, tied in groupby(scored, key=lambda row: row[0]):
        rights = [is_right for _, is_right in tied]
        answered += len(rights)
        wrong += rights.count(False)
        counts.append(Count(score, len(rows), answered, wrong))
    return tuple(reversed(counts))


def _round_up(value: float, *, above: float) -> float:
    """To 0.01, never negative, and strictly above the score that is out."""
    hundredths = max(0, math.ceil(round(value * 100, 9)))
    return (hundredths if hundredths / 100 > above else hundredths + 1) / 100
