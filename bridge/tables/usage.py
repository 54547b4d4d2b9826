"""What a route's answers cost, added up by month. What Dify does not tell is unknown, and never zero.

Dify tells a price of 0 for a model that it has no price of, and no tokens at all for some chatflows
(contract §6): both count as untold.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, bindparam, select, update

from bridge.settings import Budget
from bridge.store.schema import insert_new, usage
from kbtool.model import Answer

_ADD = (
    update(usage)
    .where(
        and_(
            usage.c.route == bindparam("its_route"),
            usage.c.month == bindparam("its_month"),
            usage.c.currency == bindparam("its_currency"),
        )
    )
    .values(
        answers=usage.c.answers + 1,
        tokens=usage.c.tokens + bindparam("more_tokens"),
        untold=usage.c.untold + bindparam("more_untold"),
        money=usage.c.money + bindparam("more_money"),
    )
)
_OF_MONTH = select(usage).where(
    usage.c.route == bindparam("its_route"), usage.c.month == bindparam("its_month")
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one answer; None is unknown. `currency` is "" where `money` is None."""

    tokens: int | None = None
    money: float | None = None
    currency: str = ""

    @classmethod
    def of(cls, answer: Answer) -> Cost:
        tokens = answer.tokens or None
        money = _money(answer.price)
        return cls(tokens, money, answer.currency[:8] or "?" if money is not None else "")


UNKNOWN = Cost()
"""Of an answer that was begun and did not end: it may have cost something."""


@dataclass(frozen=True, slots=True)
class Spent:
    """A route's month so far. `money` is by currency; `unpriced` and `untold` count the answers of which
    price or tokens are unknown.
    """

    answers: int = 0
    tokens: int = 0
    untold: int = 0
    money: tuple[tuple[str, float], ...] = ()
    unpriced: int = 0

    def share(self, budget: Budget) -> float | None:
        """How much of the budget is spent, 1.0 being all of it; None where nothing that it bounds is known.

        It is a lower bound: unknown answers cost more than nothing. Several currencies are not converted;
        the one of which most is spent counts.
        """
        shares = []
        if budget.money is not None and self.money:
            shares.append(max(amount for _, amount in self.money) / budget.money)
        if budget.tokens is not None and self.answers > self.untold:
            shares.append(self.tokens / budget.tokens)
        return max(shares, default=None)

    def is_unknown(self, budget: Budget) -> bool:
        """Whether answers were given of which the budget cannot know the cost."""
        unpriced = budget.money is not None and self.unpriced > 0
        return unpriced or (budget.tokens is not None and self.untold > 0)


def month_of(now: float, zone: str) -> str:
    """The month of the place, such as `2026-11`."""
    return f"{datetime.fromtimestamp(now, ZoneInfo(zone)):%Y-%m}"


def add(connection: Connection, route: str, month: str, cost: Cost) -> None:
    """One answer more."""
    key = {"route": route, "month": month, "currency": cost.currency}
    more = {
        "more_tokens": cost.tokens or 0,
        "more_untold": int(cost.tokens is None),
        "more_money": cost.money or 0.0,
    }
    values = {f"its_{name}": value for name, value in key.items()} | more
    if connection.execute(_ADD, values).rowcount == 0:  # the month's first
        insert_new(connection, usage, key)
        connection.execute(_ADD, values)


def spent(connection: Connection, route: str, month: str) -> Spent:
    rows = connection.execute(_OF_MONTH, {"its_route": route, "its_month": month}).all()
    return Spent(
        answers=sum(row.answers for row in rows),
        tokens=sum(row.tokens for row in rows),
        untold=sum(row.untold for row in rows),
        money=tuple((row.currency, row.money) for row in rows if row.currency),
        unpriced=sum(row.answers for row in rows if not row.currency),
    )


def _money(price: str | None) -> float | None:
    try:
        amount = Decimal(str(price))
    except InvalidOperation:
        return None
    return float(amount) if amount.is_finite() and amount > 0 else None
