"""What the parsers of all topics share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from kbtool.dify.objects import Item, Listing
from kbtool.errors import ContractBroken

PAGE = 100
"""The most that Dify gives on one page; a larger limit is accepted and not kept (045)."""


def parse(what: str, build: Callable[[], Item]) -> Item:
    """What `build` makes of an answer; `ContractBroken` where the answer does not have the form it needs."""
    try:
        return build()
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ContractBroken(
            f"Dify {what}: the answer does not have the expected form ({type(error).__name__}: {error})",
            hint="Compare the server's version with the one that the README names.",
        ) from error


def listing(body: Any, build: Callable[[Any], Item]) -> Listing[Item]:
    return Listing(tuple(build(item) for item in body["data"]), int(body["total"]))


def values(entries: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """Metadata by name. A field without a value is null in a listing, and no field here."""
    return {str(name): str(value) for name, value in entries if value is not None}


def score(value: Any) -> float | None:
    """None where the search method gives none. NaN would compare with nothing, so it is a broken answer."""
    if value is None:
        return None
    number = float(value)
    if math.isnan(number):
        raise ValueError("a score that is no number")
    return number
