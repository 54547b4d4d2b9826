"""Why a route's answers are held back at this moment: asked at each decision, answered from memory.

maintenance    the operator's mark (kbtool.hold): nothing is answered or drafted
policy_stale   the mark, or the canary questions: the threshold was measured under other settings.
               Drafts go on, since a person reads them
budget_spent   the month's money or tokens: the AI is not asked, and a person gets the question
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from kbtool.hold import POLICY_STALE, Hold

BUDGET_SPENT = "budget_spent"


class Held(Protocol):
    """Whatever may hold answers back. `started` is when the asking bridge read its policy."""

    def reason(self, started: float, *, to_customers: bool) -> str: ...


@dataclass
class Standing:
    """What a running bridge has found out of itself. `stale` says what is, "" nothing; `spent` are the names
    of the routes whose budget is.
    """

    stale: str = ""
    spent: AbstractSet[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class RouteHold:
    """For one route: the operator's mark first, then what the bridge has found out."""

    route: str
    mark: Hold | None
    standing: Standing

    def reason(self, started: float, *, to_customers: bool) -> str:
        if self.mark is not None and (said := self.mark.reason(started, to_customers=to_customers)):
            return said
        if self.route in self.standing.spent:
            return BUDGET_SPENT
        return POLICY_STALE if self.standing.stale and to_customers else ""
