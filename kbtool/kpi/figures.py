"""Matters to figures. A figure over nothing has no value, and each says over how many it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kbtool.evaluate.metrics import Rate
from kbtool.kpi.definitions import BY_NAME, DEFINITIONS, Definition
from kbtool.kpi.matters import QUIET, Matter, Returns, matters, returns
from kbtool.kpi.rows import By, Fate, Rows, Spent

GOOD = 4
"""The least rating that is satisfied, of 5."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` is in the unit of its definition, None over nothing; `n` is over how many it is.

    `hits` are those of `n` that count, for shares. `is_least`: it was at least this, a part being unknown.
    """

    name: str
    value: float | None
    n: int
    hits: int | None = None
    currency: str = ""
    is_least: bool = False

    @property
    def definition(self) -> Definition:
        return BY_NAME[self.name]

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of a share, 95 %."""
        return Rate(self.hits, self.n).interval if self.hits is not None else None

    def is_met(self, target: float | None) -> bool | None:
        """Whether it is as good as its target; None where there is none, or no value to compare, or where
        only the least is known and that is below an upper bound.
        """
        if target is None or self.value is None:
            return None
        met = self.definition.is_met(self.value, target)
        return None if self.is_least and met else met


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them, in the order of `DEFINITIONS`, over the matters that began in [`since`, `until`).

    `waiting` are matters that people have and nobody has answered; `reasons` are handoffs by reason, the
    most frequent first; `fates` what became of drafts.
    """

    since: float
    until: float
    figures: tuple[Figure, ...]
    matters: int = 0
    waiting: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    fates: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Figure:
        return next(one for one in self.figures if one.name == name)


def figures(rows: Rows, since: float, until: float) -> Figures:
    """`until` is the present, or a time before it: what has ended less than 24 h before it is not settled.

    The rows should begin two days before `since`, so that what had begun earlier is known as such.
    """
    every = matters(rows)
    came_back = returns(every)
    found = [one for one in every if since <= one.begun < until and not one.is_small_talk]
    settled = [one for one in found if until - one.ended >= QUIET]
    alone = [one for one in settled if one.is_ai_alone]
    people = [one for one in settled if one.has_person]
    stayed = [one for one in alone if came_back[one.key] is False]
    decided = [one for one in found if one.decided]
    handed = [one for one in decided if one.handoff]
    human = [_human(one) for one in found]
    reasons = Counter(one.handoff.reason for one in handed if one.handoff)
    fates = Counter(one.fate for one in rows.drafted if since <= one.at < until)
    ai = [seconds for one in found if (seconds := _since_begun(one)) is not None]
    shown = {
        **_percentiles("first_response_ai", ai),
        **_percentiles("first_response_human", [one for one in human if one is not None]),
        "deflection": _share("deflection", len(stayed), len(settled)),
        "return_24h": _returned("return_24h", alone, came_back),
        "return_24h_people": _returned("return_24h_people", people, came_back),
        "handoff": _share("handoff", len(handed), len(decided)),
        "csat": _csat(found),
        "cost": _cost(rows.spent),
        "draft_acceptance": _acceptance(fates),
    }
    return Figures(
        since,
        until,
        tuple(shown[definition.name] for definition in DEFINITIONS),
        matters=len(found),
        waiting=sum(1 for one in handed if not one.has_person and one.closed_at is None),
        reasons=dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
        fates={fate.value: fates[fate] for fate in Fate if fates[fate]},
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The least value that so large a share does not exceed (nearest rank); None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def satisfied(found: Iterable[Matter]) -> list[bool]:
    """The ratings of what the AI answered alone, oldest first: whether each is a good one."""
    return [rating >= GOOD for one in found if one.is_ai_alone for rating in one.ratings]


def _since_begun(matter: Matter) -> float | None:
    at = matter.first(By.AI, matter.begun)
    return None if at is None else at - matter.begun


def _human(matter: Matter) -> float | None:
    """Seconds until a person answered what people got."""
    handed = matter.at_of(matter.handoff.message) if matter.handoff else None
    start = matter.begun if handed is None else handed
    at = matter.first(By.PERSON, start)
    return None if at is None else at - start


def _percentiles(name: str, values: Sequence[float]) -> dict[str, Figure]:
    return {
        f"{name}_p{100 * share:.0f}": Figure(
            f"{name}_p{100 * share:.0f}", percentile(values, share), len(values)
        )
        for share in (0.5, 0.9)
    }


def _share(name: str, hits: int, n: int) -> Figure:
    return Figure(name, Rate(hits, n).value, n, hits)


def _returned(name: str, of: Sequence[Matter], came_back: Returns) -> Figure:
    """Over those whose contact is known."""
    known = [back for one in of if (back := came_back[one.key]) is not None]
    return _share(name, sum(known), len(known))


def _csat(found: Sequence[Matter]) -> Figure:
    good = satisfied(found)
    return _share("csat", sum(good), len(good))


def _cost(spent: Spent | None) -> Figure:
    """In the currency of which most was spent; several are not converted, so then a part is unknown too."""
    if spent is None or not spent.money or not spent.conversations:
        return Figure("cost", None, spent.conversations if spent else 0)
    currency, money = max(spent.money.items(), key=lambda pair: pair[1])
    is_least = spent.unpriced > 0 or len(spent.money) > 1
    return Figure(
        "cost", money / spent.conversations, spent.conversations, currency=currency, is_least=is_least
    )


def _acceptance(fates: Mapping[Fate, int]) -> Figure:
    used = fates.get(Fate.SENT, 0) + fates.get(Fate.EDITED, 0)
    return _share("draft_acceptance", used, sum(fates.values()))
