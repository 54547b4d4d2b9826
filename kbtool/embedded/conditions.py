"""Conditions on a document's metadata: which operator finds which value [176-182]. Pure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from kbtool.embedded.payloads import Condition

_NUMBERS: Mapping[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "≠": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "≥": operator.ge,
    "≤": operator.le,
    "before": operator.lt,
    "after": operator.gt,
}
_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "not contains": lambda text, part: part not in text,
    "start with": lambda text, part: text.startswith(part),
    "end with": lambda text, part: text.endswith(part),
    "is": operator.eq,
    "is not": operator.ne,
}


def holds(condition: Condition, values: Mapping[str, Any]) -> bool:
    """Whether a document with these values fulfils the condition. A missing value fulfils only `empty`."""
    stored, wanted, name = values.get(condition.name), condition.value, condition.comparison_operator
    if name in ("empty", "not empty"):
        return (stored is None) is (name == "empty")
    if stored is None:
        return False
    if name in ("in", "not in"):
        listed = wanted if isinstance(wanted, list) else [part.strip() for part in str(wanted).split(",")]
        return (str(stored) in listed) is (name == "in")
    if name in _NUMBERS:
        left, right = _number(stored), _number(wanted)
        return left is not None and right is not None and _NUMBERS[name](left, right)
    if isinstance(wanted, int | float) and (number := _number(stored)) is not None:
        return _TEXTS[name](str(number), str(float(wanted)))
    return _TEXTS[name](str(stored), str(wanted))


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
