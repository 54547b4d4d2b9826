"""Worlds in which it is known how wrong a threshold is: scores of right, wrong and unanswerable questions.

Each kind's top scores follow a Beta distribution, stretched over the range that the engine uses, so that the
true share of wrong answers at any threshold is a tail of a distribution and need not be simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from kbtool.tune import Row

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Kind:
    """A share of all conversations, and the Beta distribution of its scores between the world's ends."""

    share: float
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class World:
    """`kinds` are right ones first; all others would be answered wrongly."""

    name: str
    low: float
    high: float
    kinds: tuple[Kind, ...]

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Scores, NDArray[np.bool_]]:
        """Scores of a golden set, and whether each answer is right."""
        which = rng.choice(len(self.kinds), size=n, p=[kind.share for kind in self.kinds])
        a, b = (np.array([getattr(kind, name) for kind in self.kinds])[which] for name in ("a", "b"))
        return self.low + (self.high - self.low) * rng.beta(a, b), which == 0

    def rows(self, n: int, rng: np.random.Generator) -> list[Row]:
        scores, right = self.draw(n, rng)
        return [Row(float(s), bool(r)) for s, r in zip(scores, right, strict=True)]

    def answered(self, threshold: float | None) -> tuple[float, float]:
        """True shares of conversations that are answered, and answered wrongly; None answers nothing."""
        if threshold is None:
            return 0.0, 0.0
        at = (threshold - self.low) / (self.high - self.low)
        shares = [kind.share * float(beta.sf(at, kind.a, kind.b)) for kind in self.kinds]
        return sum(shares), sum(shares[1:])

    def best(self, *, wrong: float | None = None, wrong_share: float | None = None) -> float:
        """The largest coverage of any threshold within a limit of wrong answers per conversation, or of
        wrong ones among answers.
        """
        cover = 0.0
        for threshold in np.linspace(self.low, self.high, 2001):
            answered, mistakes = self.answered(float(threshold))
            if wrong is not None and mistakes <= wrong:
                cover = max(cover, answered)
            if wrong_share is not None and answered and mistakes / answered <= wrong_share:
                cover = max(cover, answered)
        return cover


_GOOD = (Kind(0.72, 8, 3), Kind(0.10, 4, 5), Kind(0.18, 3, 6))
_OVERLAPPING = (Kind(0.65, 6, 4), Kind(0.15, 5, 5), Kind(0.20, 4, 6))
WORLDS = (
    World("well separated", 0.0, 1.0, _GOOD),
    World("overlapping", 0.0, 1.0, _OVERLAPPING),
    World("reranker (0.70–0.99)", 0.70, 0.99, (Kind(0.70, 6, 2.5), Kind(0.12, 4, 4), Kind(0.18, 2.5, 4))),
    World("low scale (0.15–0.53)", 0.15, 0.53, (Kind(0.70, 6, 2.5), Kind(0.12, 4, 4), Kind(0.18, 2.5, 4))),
)
