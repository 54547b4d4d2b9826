"""A threshold for each language or inbox that has enough questions for a promise of its own.

Which slices get one is decided by their size alone, before any score is looked at. All promises must hold
together, so each of k slices is walked at δ / k. What is in no such slice is a slice too, called "": with a
walk of its own where it is large enough, else under the highest threshold of all, with nothing promised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kbtool.tune.promise import Promise
from kbtool.tune.strata import Shares, Stratum
from kbtool.tune.walk import AS_ASKED, Count, Row, count_at, walk, within, wrong_at_most

OTHERS = ""


class By(StrEnum):
    LANGUAGE = "language"
    INBOX = "inbox"

    def of(self, row: Row) -> str:
        return row.language if self is By.LANGUAGE else row.inbox


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice and the threshold that its own questions promise; None where they promise none.

    `is_promised` is False for a slice of too few questions. `wrong_at_most` bounds the wrong share among
    answered at the slice's own confidence.
    """

    name: str
    n: int
    threshold: float | None
    is_promised: bool
    count: Count | None
    wrong_at_most: float | None


def slices(rows: Sequence[Row], promise: Promise, by: By, shares: Shares = AS_ASKED) -> tuple[Slice, ...]:
    """The slices with their thresholds, the largest first, what is left over last; none where none is large
    enough. The promise holds for all that `is_promised` together.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(by.of(row), []).append(row)
    rest = groups.pop(OTHERS, [])
    own = sorted(groups, key=lambda name: (-len(groups[name]), name))
    none = Counter[Stratum]()
    while own:
        left = [*rest, *(row for name in groups if name not in own for row in groups[name])]
        for k in (len(own) + bool(left), len(own)):
            each = promise.shared_by(k)
            if all(within(groups[name], each, shares)(none) for name in own) and (
                k == len(own) or within(left, each, shares)(none)
            ):
                found = tuple(_slice(name, groups[name], each, shares) for name in own)
                last = _slice(OTHERS, left, each, shares) if k > len(own) else _unpromised(left, found)
                return (*found, *([last] if left else []))
        own.pop()
    return ()


def thresholds(found: Sequence[Slice]) -> Mapping[str, float]:
    """By name, for kb.toml; without the slice of all others."""
    return {one.name: one.threshold for one in found if one.name != OTHERS and one.threshold is not None}


def _slice(name: str, rows: Sequence[Row], promise: Promise, shares: Shares) -> Slice:
    threshold = walk(rows, promise, shares)
    count = count_at(rows, threshold) if threshold is not None else None
    bound = wrong_at_most(rows, lambda _: count.threshold, promise, shares) if count else None
    return Slice(name, len(rows), threshold, True, count, bound)


def _unpromised(rows: Sequence[Row], found: Sequence[Slice]) -> Slice:
    highest = max((one.threshold for one in found if one.threshold is not None), default=None)
    count = count_at(rows, highest) if rows and highest is not None else None
    return Slice(OTHERS, len(rows), highest, False, count, None)
