"""The course of rates over runs, as fractions of their frame: only the template knows about size. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from kbtool.evaluate.past import Past, changes

_LONGEST = 104
"""Runs in one trend: two years of Mondays. More would be less than a finger's breadth apart."""


class TrendPoint(NamedTuple):
    """A run, and what changed since the one before it; `y`, `low`, `high` are fractions of a frame that
    begins at the trend's floor.
    """

    run: Past
    rate: float
    is_pinned: bool
    changed: tuple[str, ...]
    x: float
    y: float
    low: float
    high: float


class Trend(NamedTuple):
    """`pinned` is the height of the pinned run's rate, None where that run is not among the points."""

    floor: float
    points: tuple[TrendPoint, ...]
    pinned: float | None

    @property
    def changes(self) -> tuple[tuple[float, tuple[str, ...]], ...]:
        """Half-way between two runs: where, and what changed there."""
        half = 0.5 / (len(self.points) - 1)
        return tuple((point.x - half, point.changed) for point in self.points if point.changed)


def trend(runs: Sequence[Past], pinned: str = "") -> Trend | None:
    """The share found over runs, oldest first; None for fewer than two. `pinned` is the pinned run's id."""
    measured = [
        (run, run.found.value, run.found.interval)
        for run in runs[-_LONGEST:]
        if run.found.value is not None and run.found.interval is not None
    ]
    if len(measured) < 2:
        return None
    floor = max(0.0, min(low for _, _, (low, _) in measured) - 0.05)

    def height(rate: float) -> float:
        return max(0.0, (rate - floor) / (1 - floor))

    step = 1 / (len(measured) - 1)
    changed = [(), *(tuple(changes(a, b)) for (a, _, _), (b, _, _) in pairwise(measured))]
    points = tuple(
        TrendPoint(
            run, rate, run.run_id == pinned, changed[i], i * step, height(rate), height(low), height(high)
        )
        for i, (run, rate, (low, high)) in enumerate(measured)
    )
    return Trend(floor, points, next((point.y for point in points if point.is_pinned), None))


def spark(rates: Sequence[float | None]) -> tuple[tuple[float, float], ...]:
    """The last half year of one rate, over the whole height from its lowest to its highest value.

    Nothing for fewer than two: a line through one point shows no course.
    """
    known = [rate for rate in rates if rate is not None][-26:]
    if len(known) < 2:
        return ()
    low, high = min(known), max(known)
    spread = (high - low) or 1.0
    flat = 0.5 if high == low else 0.0
    return tuple((i / (len(known) - 1), flat + (rate - low) / spread) for i, rate in enumerate(known))
