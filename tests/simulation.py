"""Worlds in which it is known what happened, to see how often the combined verdict is wrong.

A world is a golden set with a chance of passing for each question, a pin, and 26 weekly runs in which
nothing changes, or something breaks. Every run goes through the code that judges real ones: `pin`,
`compare`, `to_reask` and `judge`, with what one week leaves for the next: a watched drop, and the questions
that flipped back, which are quarantined after the second time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from kbtool.evaluate.baseline import Baseline, pin
from kbtool.evaluate.compare import Comparison, compare, known_flaky
from kbtool.evaluate.gate import Status, Verdict, judge, to_reask
from kbtool.evaluate.record import Outcome, Result
from tests.data.invented_run import SPEC, judged

WEEKS = 26
FOUND = 0.85
"""Share of the questions that pass: what help centres have (0.53 to 0.85 were measured)."""


@dataclass(frozen=True, slots=True)
class World:
    """`chances` of passing, one for each question; the first `critical` ones are critical.

    `flip_rate` is the share of answers that differ between two askings with nothing changed.
    """

    chances: np.ndarray
    critical: int

    @classmethod
    def even(cls, n: int, flip_rate: float, *, critical: int, rng: np.random.Generator) -> World:
        """Every answer is as likely to come out wrong: f = 2q(1 - q)."""
        error = (1 - np.sqrt(1 - 2 * flip_rate)) / 2
        passes = rng.random(n) < FOUND
        passes[:critical] = True
        return cls(np.where(passes, 1 - error, error), critical)

    @classmethod
    def uneven(cls, n: int, flip_rate: float, *, critical: int, rng: np.random.Generator) -> World:
        """A few questions are tossed like coins, and the rest are certain."""
        chances = (rng.random(n) < FOUND).astype(float)
        chances[:critical] = 1.0
        coins = critical + rng.choice(n - critical, size=round(2 * flip_rate * n), replace=False)
        chances[coins] = 0.5
        return cls(chances, critical)

    def broken(self, drop: float, rng: np.random.Generator) -> World:
        """The world after its rate fell by `drop` for good.

        Golden questions are a sample of what customers ask, so how many of them fell with it is chance.
        """
        passing = np.flatnonzero(self.chances > 0.5)
        passing = passing[passing >= self.critical]  # a critical one alone would fail the run
        fallen = min(len(passing), rng.binomial(len(self.chances), drop))
        chances = self.chances.copy()
        chances[rng.choice(passing, size=fallen, replace=False)] = 0.0
        return World(chances, self.critical)

    def ask(self, rng: np.random.Generator) -> list[Result]:
        return [
            _result(number, Outcome.PASS if is_right else Outcome.FAIL, is_critical=number < self.critical)
            for number, is_right in enumerate(self._toss(rng))
        ]

    def ask_again(self, rng: np.random.Generator) -> dict[str, bool]:
        return {f"q{number}": bool(is_right) for number, is_right in enumerate(self._toss(rng))}

    def _toss(self, rng: np.random.Generator) -> np.ndarray:
        return rng.random(len(self.chances)) < self.chances

    def pin(self, rng: np.random.Generator) -> Baseline:
        return pin(self.ask(rng), SPEC, date="2026-06-01", why="simulated", again=self.ask_again(rng))

    def week(self, season: Season, rng: np.random.Generator) -> Verdict:
        """One run against the pin of `season`, which remembers what the next week must know of it."""
        results = self.ask(rng)
        comparison = compare(season.baseline, results, SPEC, flaky=season.quarantined)
        asked_again = set(to_reask(results, comparison))
        confirmations = {id_: passed for id_, passed in self.ask_again(rng).items() if id_ in asked_again}
        verdict = judge(results, comparison, confirmations, watched_before=season.watches_drop)
        season.watches_drop = verdict.watches_drop
        if isinstance(comparison, Comparison):
            season.flipped_back.append(comparison.settle(confirmations).flaky)
        return verdict


@dataclass
class Season:
    """A pin and what the runs since then left behind, as `history` keeps it between real runs."""

    baseline: Baseline
    watches_drop: bool = False
    flipped_back: list[tuple[str, ...]] = field(default_factory=list)

    @property
    def quarantined(self) -> frozenset[str]:
        return known_flaky(self.flipped_back)


@lru_cache(maxsize=2048)
def _result(number: int, outcome: Outcome, *, is_critical: bool) -> Result:
    return judged(f"q{number}", outcome, critical=is_critical)


def false_alarms(world: World, rng: np.random.Generator) -> list[str]:
    """The rules that failed one of 26 runs in which nothing had changed."""
    season = Season(world.pin(rng))
    verdicts = [world.week(season, rng) for _ in range(WEEKS)]
    return [verdict.reasons[0].rule for verdict in verdicts if verdict.status is Status.FAIL]


def promised_drop(verdict: Verdict) -> float:
    """The drop that the sentence of the report says can be noticed, as a share of all questions."""
    found = re.search(r"can notice drops of about (\d+) points", verdict.sentence)
    assert found, verdict.sentence
    return int(found[1]) / 100
