"""What to do with the threshold after a run: propose another, keep it, or say what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from kbtool.tune import words
from kbtool.tune.prices import Price
from kbtool.tune.promise import Promise
from kbtool.tune.slices import By, Slice
from kbtool.tune.strata import Stratum
from kbtool.tune.walk import Count


class Advice(StrEnum):
    PROPOSE = "propose"
    KEEP = "keep"
    CANNOT_SAY = "cannot-say"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The walk under another budget; `count` is None where no threshold keeps it. `allowed` is -1 where there
    are too few questions (`needed` says how many it takes), None where live shares are stated.
    """

    budget: float
    allowed: int | None
    needed: int
    count: Count | None


@dataclass(frozen=True, slots=True)
class Taken:
    """How many golden questions an intent takes away before any score; how many of them a page answers."""

    intent: str
    n: int
    answerable: int

    def __str__(self) -> str:
        return words.taken(self.intent, self.n, self.answerable)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A threshold, or None where none can be promised, and what it rests on.

    `reason`: tuned; small-change or once (then `threshold` is the current one, to be kept for now); or, with
    no threshold, settings-changed, empty-run, many-errors, few-questions, no-scores, one-class,
    no-safe-threshold, floor.
    `count` and `wrong_at_most` are at the value that the walk found, even where the floor refused it; the
    latter is the Clopper-Pearson bound of the wrong share among answered, indicative only, since the
    threshold was chosen on the same questions. `is_estimate`: no answers were asked for, hits stood in for
    right answers, nothing is promised. `wants_change`: hand it to the next `tune` as `wanted_before`.
    `slices` are those of `by`, each with its own threshold; `threshold` is then that of all others.
    """

    threshold: float | None
    advice: Advice
    reason: str
    sentence: str
    is_estimate: bool
    promise: Promise
    n: int
    errors: int
    allowed: int | None
    count: Count | None
    wrong_at_most: float | None
    current: Count | None
    curve: tuple[Count, ...]
    what_if: tuple[WhatIf, ...]
    wants_change: bool = False
    by: By | None = None
    slices: tuple[Slice, ...] = ()
    prices: tuple[Price, ...] = ()
    taken: tuple[Taken, ...] = ()
    mix: Mapping[Stratum, int] = field(default_factory=dict)
