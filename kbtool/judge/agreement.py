"""Judge against people, answer by answer: how often they agree, and whether that is more than chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kbtool.judge.criteria import Criterion

FEWEST_LABELS = 50
LEAST_KAPPA = 0.6
_RESAMPLES = 2_000


class Cells(NamedTuple):
    """How many answers both say yes to, both no, and only one of the two yes."""

    both_hold: int
    both_not: int
    only_person: int
    only_judge: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """One criterion on the answers that both have judged: the four counts, and what follows from them.

    `interval` is the 95 % bootstrap interval of `kappa`; both are None over nothing, and where both say one
    and the same of every answer, since then chance would agree as well.
    """

    criterion: Criterion
    both_hold: int
    both_not: int
    only_person: int
    only_judge: int
    kappa: float | None
    interval: tuple[float, float] | None

    @property
    def n(self) -> int:
        return self.both_hold + self.both_not + self.only_person + self.only_judge

    @property
    def raw(self) -> float | None:
        """The share of answers on which both say the same."""
        return (self.both_hold + self.both_not) / self.n if self.n else None

    @property
    def is_trusted(self) -> bool:
        """Whether the judge may count on this criterion (research: evals §0.9)."""
        return self.n >= FEWEST_LABELS and self.kappa is not None and self.kappa >= LEAST_KAPPA

    @property
    def sentence(self) -> str:
        """What is said beside every score of the judge."""
        if self.raw is None:
            return "no label yet, so nobody knows what that is worth"
        counts = (
            f"{self.both_hold} both yes, {self.both_not} both no, "
            f"{self.only_person} only the person, {self.only_judge} only the judge"
        )
        kappa = "κ unknown" if self.kappa is None else f"κ {self.kappa:.2f}"
        if self.interval is not None:
            kappa += f" (95 % interval {self.interval[0]:.2f} to {self.interval[1]:.2f})"
        missing = FEWEST_LABELS - self.n
        more = f"; {missing} more labels are needed" if missing > 0 else ""
        trust = "counts" if self.is_trusted else "does not count"
        return f"agrees with people on {self.raw:.0%} of {self.n} ({counts}), {kappa}: {trust}{more}"


def agreement(criterion: Criterion, pairs: Iterable[tuple[bool, bool]]) -> Agreement:
    """From (person, judge) verdicts on the same answers."""
    counted = Counter(pairs)
    cells = Cells(counted[True, True], counted[False, False], counted[True, False], counted[False, True])
    return Agreement(criterion, *cells, *_kappa(cells))


def _kappa(cells: Cells) -> tuple[float | None, tuple[float, float] | None]:
    """Cohen (1960), and its percentile bootstrap: pairs drawn with replacement are a multinomial of cells.

    Seeded: the same labels give the same interval on every machine.
    """
    n = sum(cells)
    kappa = _kappa_of(cells, n)
    if kappa is None:
        return None, None
    import numpy as np  # noqa: PLC0415 takes long, and most runs have no judge

    drawn = np.random.default_rng(0).multinomial(n, np.array(cells) / n, size=_RESAMPLES).tolist()
    resampled = [value for row in drawn if (value := _kappa_of(Cells(*row), n)) is not None]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return kappa, (float(low), float(high))


def _kappa_of(cells: Cells, n: int) -> float | None:
    """None over nothing, and where chance alone would agree on everything."""
    person, judge = cells.both_hold + cells.only_person, cells.both_hold + cells.only_judge
    by_chance = person * judge + (n - person) * (n - judge)
    if by_chance == n * n:
        return None
    return (n * (cells.both_hold + cells.both_not) - by_chance) / (n * n - by_chance)
