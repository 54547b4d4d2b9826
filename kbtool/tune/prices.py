"""What thresholds cost, where a wrong answer and a handoff have a price: a what-if, never a choice.

The cheapest threshold of a sample is the luckiest one too, and promises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kbtool.tune.walk import Count

RATIOS = (3.0, 10.0, 30.0)
"""A wrong answer at the price of so many handoffs, where kb.toml names no prices."""


@dataclass(frozen=True, slots=True)
class Price:
    """The cheapest threshold at these prices. Costs are per 100 conversations, in handoffs if no currency.

    `count` is None where handing everything off is cheapest; `now` is what the threshold in use costs.
    """

    wrong: float
    handoff: float
    currency: str
    count: Count | None
    cost: float
    now: float | None


def cheapest(
    curve: Sequence[Count], current: Count | None, *, wrong: float, handoff: float = 1.0, currency: str = ""
) -> Price:
    """The cheapest point of the curve; of equal ones the one that answers most."""

    def cost(count: Count) -> float:
        return 100 * (wrong * count.wrong + handoff * (count.n - count.answered)) / count.n

    best = min(curve, key=lambda count: (cost(count), -count.answered), default=None)
    nothing = 100 * handoff
    is_worth_it = best is not None and cost(best) < nothing
    return Price(
        wrong=wrong,
        handoff=handoff,
        currency=currency,
        count=best if is_worth_it else None,
        cost=cost(best) if best is not None and is_worth_it else nothing,
        now=cost(current) if current else None,
    )
