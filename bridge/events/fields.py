"""Single fields of a body, read so that nothing raises: what is not of its type counts as missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any


def dict_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def dicts_of(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a list."""
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def int_of(value: Any) -> int:
    """A positive id that the store can keep, else 0."""
    return value if type(value) is int and 0 < value < 2**63 else 0


def text_of(value: Any) -> str:
    """A string that every database takes: without lone surrogates, which JSON can carry, and without NUL."""
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().replace("\x00", "")


def texts_of(value: Any) -> tuple[str, ...]:
    return tuple(text for one in value if (text := text_of(one))) if isinstance(value, list) else ()


def time_of(value: Any) -> float:
    """Seconds since 1970 of an ISO date or a number; 0.0 where it is neither."""
    if isinstance(value, bool):
        return 0.0
    if isinstance(value, (int, float)):
        return float(value) if 0 <= value < 1e12 else 0.0
    try:
        return max(0.0, datetime.fromisoformat(text_of(value)).timestamp())
    except (ValueError, OverflowError, OSError):
        return 0.0
