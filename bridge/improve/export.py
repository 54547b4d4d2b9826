"""The queue's items for other programs: a JSON object a line, or CSV. Without addresses and numbers.

The texts were cleaned when they left the store; here everything is cleaned again, so that no way of making an
item can forget it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from bridge.improve.topics import Topic
from kbtool.redact import redact

COLUMNS = (
    "topic", "topic_times", "kind", "at", "question", "reason", "section", "answer", "human", "distance",
    "agent", "rating", "words", "sources",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_jsonl(found: Iterable[Topic]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in _rows(found))


def to_csv(found: Iterable[Topic]) -> str:
    """For spreadsheets, which take some texts for formulas: those get an apostrophe in front (CWE-1236)."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for row in _rows(found):
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _rows(found: Iterable[Topic]) -> Iterable[dict[str, Any]]:
    for topic in found:
        for item in topic.items:
            values = asdict(item) | {"topic": topic.question, "topic_times": topic.times}
            values["at"] = datetime.fromtimestamp(item.at, UTC).isoformat(timespec="seconds")
            values["kind"] = item.kind.value
            yield {name: _redacted(values[name]) if name != "at" else values[name] for name in COLUMNS}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    return [redact(one) for one in value] if isinstance(value, tuple | list) else value


def _cell(value: object) -> object:
    text = "\n".join(value) if isinstance(value, list) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
