"""Has satisfaction dropped, by more than chance? For an alarm that does not cry wolf.

The newest week's ratings of what the AI answered alone are compared with the eight weeks before: Fisher's
exact test, one-sided (1935). It is looked at with each new rating, a hundred times over overlapping weeks, so
the usual 5 % would alarm most months; `ALPHA` is so small that a help desk where nothing changes is alarmed
about once in ten years (benchmarks/csat_alarm.py). A drop under ten points is not worth waking anybody.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kbtool.evaluate.metrics import Rate
from kbtool.kpi.figures import GOOD
from kbtool.kpi.matters import Matter

WEEK = 7 * 86_400.0
BEFORE = 8 * WEEK
LEAST_NOW, LEAST_BEFORE = 15, 40
ALPHA = 0.0002
LEAST_DROP = 0.10


@dataclass(frozen=True, slots=True)
class Drop:
    """Shares of good ratings, in the newest week and before it; `p` is how likely chance alone is."""

    now: Rate
    before: Rate
    p: float


def drop(found: Sequence[Matter], now: float) -> Drop | None:
    """The drop, where there is one; None where ratings are as they were, or too few to tell."""
    rated = [(one.ended, rating) for one in found if one.is_ai_alone for rating in one.ratings]
    newest = _rate([rating for at, rating in rated if now - WEEK < at <= now])
    before = _rate([rating for at, rating in rated if now - WEEK - BEFORE < at <= now - WEEK])
    if newest.n < LEAST_NOW or before.n < LEAST_BEFORE:
        return None
    p = fewer_by_chance(newest, before)
    is_drop = before.hits / before.n - newest.hits / newest.n >= LEAST_DROP and p <= ALPHA
    return Drop(newest, before, p) if is_drop else None


def fewer_by_chance(newest: Rate, before: Rate) -> float:
    """The chance of so few good ratings among the newest, or fewer, were all drawn from one urn."""
    good, total = newest.hits + before.hits, newest.n + before.n
    ways = math.comb(total, newest.n)
    least = max(0, newest.n - (total - good))
    fewer = sum(
        math.comb(good, k) * math.comb(total - good, newest.n - k) for k in range(least, newest.hits + 1)
    )
    return fewer / ways


def _rate(ratings: Sequence[int]) -> Rate:
    return Rate(sum(rating >= GOOD for rating in ratings), len(ratings))
