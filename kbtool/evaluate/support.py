"""What the weekly report says of the bridge's week: its key figures, and the gaps that came up most often.

The report is this package's, the store is the bridge's: what is shown comes as plain values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kbtool.kpi.figures import Figures
from kbtool.kpi.shown import Row, rows


@dataclass(frozen=True, slots=True)
class Gap:
    """A topic of the improvement queue: what was asked, how often, what of it, and where it may stand.

    Addresses and numbers are taken out of it.
    """

    question: str
    times: int
    kinds: Mapping[str, int]
    section: str = ""


@dataclass(frozen=True, slots=True)
class Support:
    """`gaps` are the first of `topics`, the most frequent first."""

    figures: Figures
    targets: Mapping[str, float]
    gaps: Sequence[Gap] = ()
    topics: int = 0


def rows_of(support: Support | None) -> list[Row]:
    """The figures as the report shows them."""
    return rows(support.figures, support.targets) if support else []
