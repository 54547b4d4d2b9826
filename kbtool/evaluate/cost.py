"""What a run took, as far as servers told: what is unknown is left out, and never nought. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from kbtool.evaluate.record import Reply, RunSpec


class Price(NamedTuple):
    """The sum, a decimal as text, of what `of` replies cost in one currency."""

    amount: str
    currency: str
    of: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What `replies` took. None where nothing is known; sums only over what is known.

    `seconds` are the median and the 95th percentile of a reply. `tokens` are those of `tokens_of` replies,
    `prices` one sum for each currency: unless that is all of them, the run took more.
    """

    replies: int
    seconds: tuple[float, float] | None = None
    tokens: int | None = None
    tokens_of: int = 0
    prices: tuple[Price, ...] = ()


def spent(replies: Sequence[Reply]) -> Spent:
    """The sums over the replies of a run."""
    seconds = sorted(reply.latency for reply in replies if reply.latency is not None)
    tokens = [reply.tokens for reply in replies if reply.tokens is not None]
    paid: dict[str, list[Decimal]] = {}
    for reply in replies:
        if (price := _amount(reply.price)) is not None:
            paid.setdefault(reply.currency, []).append(price)
    return Spent(
        replies=len(replies),
        seconds=(_at(seconds, 0.5), _at(seconds, 0.95)) if seconds else None,
        tokens=sum(tokens) if tokens else None,
        tokens_of=len(tokens),
        prices=tuple(Price(f"{sum(of):f}", currency, len(of)) for currency, of in sorted(paid.items())),
    )


def in_words(spec: RunSpec, cost: Spent) -> dict[str, str]:
    """Time, tokens and price by name; where only some replies told, of how many is said."""
    words = {"Took": f"{spec.seconds:.0f} s"}
    if cost.seconds:
        half, most = cost.seconds
        words["A question"] = f"{_seconds(half)}, 95% under {_seconds(most)}"
    if cost.tokens is not None:
        words["Tokens"] = f"{cost.tokens:,}" + _part(cost.tokens_of, cost.replies)
    if cost.prices:
        # A total of euros and yuan would be a number without a meaning.
        words["Price"] = " + ".join(
            f"{Decimal(amount):.4f} {currency}".strip() + _part(of, cost.replies)
            for amount, currency, of in cost.prices
        )
    return words


def _amount(text: str | None) -> Decimal | None:
    """A price as Dify writes it; None for anything that is no finite number."""
    try:
        found = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def _at(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def _part(known: int, of: int) -> str:
    return "" if known == of else f" (of {known} of {of} questions)"
