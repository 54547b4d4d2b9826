"""What a run took, in words, as far as servers told: what is unknown is left out, and never nought. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from kbtool.evaluate.record import Reply, RunSpec


def cost_of(spec: RunSpec, replies: Sequence[Reply]) -> dict[str, str]:
    """Time, tokens and price by name; where only some replies told, of how many is said."""
    waits = sorted(reply.latency for reply in replies if reply.latency is not None)
    tokens = [reply.tokens for reply in replies if reply.tokens is not None]
    cost = {"Took": f"{spec.seconds:.0f} s"}
    if waits:
        half, most = waits[len(waits) // 2], waits[min(len(waits) - 1, round(0.95 * len(waits)))]
        cost["A question"] = f"{_seconds(half)}, 95% under {_seconds(most)}"
    if tokens:
        cost["Tokens"] = f"{sum(tokens):,}" + _part(len(tokens), len(replies))
    prices = [(price, reply.currency) for reply in replies if (price := amount(reply.price)) is not None]
    for currency in sorted({currency for _, currency in prices}):
        paid = [price for price, of in prices if of == currency]
        cost["Price"] = f"{sum(paid, Decimal()):.4f} {currency}".strip() + _part(len(paid), len(replies))
    return cost


def amount(text: str | None) -> Decimal | None:
    """A price as Dify writes it; None for anything that is no finite number."""
    try:
        found = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return found if found is not None and found.is_finite() else None


def _seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def _part(known: int, of: int) -> str:
    return "" if known == of else f" (of {known} of {of} questions)"
