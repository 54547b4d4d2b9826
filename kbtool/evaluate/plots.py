"""Shapes of the threshold's plots, as fractions of their frame: only the template knows about size. Pure."""

from __future__ import annotations

from typing import NamedTuple

from kbtool.evaluate.metrics import Scores
from kbtool.tune import Advice, Count, Proposal

_BINS = 24
_FEWEST_ANSWERED = 5
"""The wrong share of fewer answers than these jumps between nothing and everything: not drawn."""


class Histogram(NamedTuple):
    """Heights in [0, 1] of each kind's bars over one axis from `low` to `high`, and lines upon it."""

    low: float
    high: float
    kinds: tuple[tuple[str, int, tuple[float, ...]], ...]
    lines: tuple[tuple[str, float, float], ...]


def histogram(scores: Scores, proposal: Proposal) -> Histogram | None:
    """Top scores of right, wrong and unanswerable questions; None when there are none."""
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
        tuple((name, c.threshold, (c.threshold - low) / (high - low)) for name, c in _marks(proposal)),
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


def _marks(proposal: Proposal) -> list[tuple[str, Count]]:
    marks = [
        ("now", proposal.current),
        ("proposed", proposal.count if proposal.advice is Advice.PROPOSE else None),
    ]
    return [(name, count) for name, count in marks if count is not None]
