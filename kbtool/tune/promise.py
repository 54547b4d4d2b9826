"""What is promised, how many questions that takes, and how many mistakes it allows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


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
        k, below = -1, self._chance_of(0, n)
        while k < n and below <= 1 - self.confidence + 1e-12:
            k += 1
            below += self._chance_of(k + 1, n)
        return k

    def _chance_of(self, k: int, n: int) -> float:
        """P(Bin(n, budget) = k), by logarithms: (1 - budget)^n is no float for large n."""
        if k > n:
            return 0.0
        ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        return math.exp(ways + k * math.log(self.budget) + (n - k) * math.log1p(-self.budget))

    def shared_by(self, k: int) -> Promise:
        """The same, strict enough for `k` of them to hold together (Bonferroni): each fails at δ / k."""
        return replace(self, confidence=1 - (1 - self.confidence) / k)

    def __str__(self) -> str:
        return f"a budget of {self.budget:.0%} at {self.confidence:.0%} confidence"


def upper_bound(wrong: int, n: int, confidence: float) -> float | None:
    """Clopper and Pearson's one-sided upper bound (1934) of a rate; None over nothing."""
    if not n:
        return None
    from scipy.special import betaincinv

    return 1.0 if wrong == n else float(betaincinv(wrong + 1, n - wrong, confidence))


def lower_bound(wrong: int, n: int, confidence: float) -> float:
    """The lower one; 0 over nothing."""
    from scipy.special import betaincinv

    return float(betaincinv(wrong, n - wrong + 1, 1 - confidence)) if wrong else 0.0
