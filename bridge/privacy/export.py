"""What the bridge keeps of a contact, whole, as JSON: every row of every table that is theirs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Float, Table

from bridge.privacy.finding import Found, bodies, rows, tables

CREDENTIALS = frozenset({"pubsub_token", "hmac_identifier", "hmac_token", "identifier_hash"})
"""Keys in what Chatwoot sends that open something: nobody's data, and not to be handed about."""
LEFT_OUT = "[left out: it opens something]"


def stored(connection: Connection, found: Found) -> dict[str, Any]:
    """Rows by table, times in ISO 8601 (UTC), "never" as null. `unattributed_deliveries` are deliveries that
    could not be read, of which nobody can tell whose they are.
    """
    of_tables: dict[str, list[Mapping[str, Any]]] = {
        table.name: [
            _shown(table, row._asdict())
            for subject in found.subjects
            for row in rows(connection, table, subject)
        ]
        for table, _ in tables()
    }
    kept = bodies(connection, found)
    of_tables["deliveries"] = [
        {"id": one.number, "state": one.state, "body": _read(one.body)} for one in kept if one.is_theirs
    ]
    return of_tables | {"unattributed_deliveries": sum(one.is_theirs is None for one in kept)}


def _shown(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _told(table, name, value) for name, value in row.items()}


def _told(table: Table, name: str, value: Any) -> Any:
    is_time = isinstance(table.c[name].type, Float) and (name == "at" or name.endswith("_at"))
    if not is_time or value is None:
        return value
    return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds") if value else None


def _read(body: bytes) -> Any:
    try:
        return _without_credentials(json.loads(body))
    except (ValueError, RecursionError):
        return body.decode("utf-8", "backslashreplace")


def _without_credentials(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: LEFT_OUT if key in CREDENTIALS and one else _without_credentials(one)
            for key, one in value.items()
        }
    return [_without_credentials(one) for one in value] if isinstance(value, list) else value
