"""`POST /conversations/filter`: conditions on columns, joined by AND or OR [filter_service.rb]. Pure.

{"payload": [{"attribute_key": "status", "filter_operator": "equal_to", "values": ["pending"],
              "query_operator": null}]}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bridge.sandbox.access import Refused
from bridge.sandbox.records import Conversation, User

_COLUMNS: Mapping[str, Callable[[Conversation], Any]] = {
    "status": lambda one: one.status,
    "inbox_id": lambda one: one.inbox.id,
    "assignee_id": lambda one: one.assignee.id if isinstance(one.assignee, User) else None,
    "team_id": lambda one: None if one.team is None else one.team.id,
    "priority": lambda one: one.priority,
    "labels": lambda one: one.labels,
    "display_id": lambda one: one.id,
    "created_at": lambda one: one.created_at,
    "last_activity_at": lambda one: one.last_activity_at,
}
_OPERATORS: Mapping[str, Callable[[Any, list[str]], bool]] = {
    "equal_to": lambda value, given: "all" in given or bool(_words(value) & set(given)),
    "not_equal_to": lambda value, given: not _words(value) & set(given),
    "is_present": lambda value, _: value not in (None, ()),
    "is_not_present": lambda value, _: value in (None, ()),
    "is_greater_than": lambda value, given: bool(given) and _text(value) > given[0],
    "is_less_than": lambda value, given: bool(given) and _text(value) < given[0],
}


def holds(one: Conversation, conditions: Any) -> bool:
    """Whether a conversation fits. Raises Refused (422) for a condition that Chatwoot does not know."""
    if not isinstance(conditions, list) or not conditions:
        raise _unprocessable("Filter is not a list of conditions")
    fits, joined = True, "AND"
    for condition in conditions:
        if not isinstance(condition, Mapping):
            raise _unprocessable("Filter is not a list of conditions")
        is_so = _is_so(one, condition)
        fits = (fits and is_so) if joined == "AND" else (fits or is_so)
        joined = str(condition.get("query_operator") or "AND").upper()
    return fits


def _is_so(one: Conversation, condition: Mapping[str, Any]) -> bool:
    key, operator = str(condition.get("attribute_key")), str(condition.get("filter_operator"))
    if key not in _COLUMNS:
        raise _unprocessable(f"Invalid attribute key - [{key}]")
    if operator not in _OPERATORS:
        raise _unprocessable(f"Invalid operator. The allowed operators for {key} are {sorted(_OPERATORS)}.")
    given = condition.get("values")
    values = [str(value) for value in given] if isinstance(given, list) else [str(given)]
    return _OPERATORS[operator](_COLUMNS[key](one), values)


def _words(value: Any) -> set[str]:
    return set(value) if isinstance(value, tuple) else {_text(value)}


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _unprocessable(error: str) -> Refused:
    return Refused(422, {"error": error})
