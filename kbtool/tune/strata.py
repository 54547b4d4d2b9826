"""The promise where live conversations have another mix than the golden set.

A golden set has as many unanswerable and critical questions as its authors wrote, seldom as many as customers
ask. Where the live share of such a kind is stated, each kind is bounded by itself and the bounds are weighted
by the live shares: Σ w·U, each U Clopper and Pearson's at δ / (number of kinds). U only grows with the
mistakes, so the walk may still take the lowest threshold at which the sum is within the budget.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kbtool.tune.promise import Promise, lower_bound, upper_bound


class Stratum(StrEnum):
    """What kind of question it is; what is both, no page answers."""

    UNANSWERABLE = "unanswerable"
    CRITICAL = "critical"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of live conversations, in [0, 1], as far as they are stated."""

    unanswerable: float | None = None
    critical: float | None = None

    @property
    def weights(self) -> Mapping[Stratum, float]:
        """Of each kind that is looked at by itself, and of all others together."""
        stated = {Stratum.UNANSWERABLE: self.unanswerable, Stratum.CRITICAL: self.critical}
        known = {stratum: share for stratum, share in stated.items() if share is not None}
        return {**known, Stratum.OTHER: 1 - sum(known.values())}

    @property
    def is_stated(self) -> bool:
        return len(self.weights) > 1

    def count(self, strata: Counter[Stratum]) -> Counter[Stratum]:
        """The counts by the kinds that are looked at."""
        weights, counted = self.weights, Counter[Stratum]()
        for stratum, n in strata.items():
            counted[stratum if stratum in weights else Stratum.OTHER] += n
        return counted

    def bound(self, wrong: Counter[Stratum], n: Counter[Stratum], promise: Promise) -> float:
        """The upper bound of the share of live conversations with a wrong answer; both counts as `count` has
        them. A kind without a question is bounded by its whole share.
        """
        weights = {stratum: weight for stratum, weight in self.weights.items() if weight > 0}
        each = promise.shared_by(len(weights)).confidence
        bounds = {stratum: upper_bound(wrong[stratum], n[stratum], each) for stratum in weights}
        return sum(
            weight * (1.0 if bounds[stratum] is None else bounds[stratum] or 0.0)
            for stratum, weight in weights.items()
        )

    def least(self, wrong: Counter[Stratum], n: Counter[Stratum], promise: Promise) -> float:
        """The lower bound of the same share: what it surely is at the least."""
        weights = {stratum: weight for stratum, weight in self.weights.items() if weight > 0}
        each = promise.shared_by(len(weights)).confidence
        return sum(weight * lower_bound(wrong[kind], n[kind], each) for kind, weight in weights.items())

    def missing(self, n: Counter[Stratum], promise: Promise, *, most: int = 10_000) -> Counter[Stratum]:
        """How many more questions of each kind it takes for any promise, added where they help most.

        Nothing where there are enough. A share that alone is over the budget takes questions like any other.
        """
        have, added = Counter(n), Counter[Stratum]()
        kinds = [stratum for stratum, weight in self.weights.items() if weight > 0]
        none = Counter[Stratum]()
        while self.bound(none, have, promise) > promise.budget and added.total() < most:
            best = min(kinds, key=lambda kind: self.bound(none, have + Counter([kind]), promise))
            have[best] += 1
            added[best] += 1
        return added
