"""One request on its way through the knowledge API, and the few things that all of its routes share."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kbtool.embedded import answers
from kbtool.embedded.answers import Answer
from kbtool.embedded.database import insert, one
from kbtool.embedded.models import Models
from kbtool.embedded.settings import EngineSettings

# A dataset key acts as the owner of the workspace; both are fixed, as there is only one of each.
OWNER = str(uuid.uuid5(uuid.NAMESPACE_DNS, "owner.kbtool.embedded"))
OWNER_NAME = "owner"
TENANT = str(uuid.uuid5(uuid.NAMESPACE_DNS, "workspace.kbtool.embedded"))
LONGEST_NUMBER = 100  # digits; Python itself reads no more than 4,300
PAGE_LIMIT = 100  # more is accepted and echoed, but never given [024, 045]


@dataclass(frozen=True, slots=True)
class Call:
    """`path` holds the parts of the URL by name, `query` the last value of each, `body` the JSON."""

    db: sqlite3.Connection
    settings: EngineSettings
    models: Models
    path: Mapping[str, str]
    query: Mapping[str, str]
    queries: Mapping[str, Sequence[str]]
    body: Any = None

    @property
    def now(self) -> float:
        return time.time()

    def dataset(self) -> sqlite3.Row:
        """The dataset that the path names; 404 otherwise [021], 403 with its API off [344]."""
        row = one(self.db, "SELECT * FROM datasets WHERE id = ?", (self.path["dataset_id"],))
        if row is None:
            raise answers.not_found("Dataset not found.")
        if not has_api(self.db, row["id"]):
            raise answers.Refused(403, "forbidden", "Dataset api access is not enabled.")
        return row

    def document(self, missing: str = "Document not found.") -> sqlite3.Row:
        """The document that the path names, of the dataset that it names. Messages differ by route."""
        row = one(
            self.db,
            "SELECT * FROM documents WHERE id = ? AND dataset_id = ?",
            (self.path["document_id"], self.path["dataset_id"]),
        )
        if row is None:
            raise answers.not_found(missing)
        return row

    def enqueue(self, kind: str, target: str) -> None:
        """Leave work to the indexer. It is stored with the change that asks for it."""
        insert(self.db, "jobs", {"kind": kind, "target": target})


Endpoint = Callable[[Call], Answer]


def has_api(db: sqlite3.Connection, dataset_id: str) -> bool:
    """Whether the dataset can be reached by its API; only the console can switch that."""
    return one(db, "SELECT 1 FROM switched_off WHERE dataset_id = ?", (dataset_id,)) is None


def stamp(seconds: float | None) -> int | None:
    """Dify gives times in whole seconds, except where it does not."""
    return None if seconds is None else int(seconds)


def page(rows: Sequence[Any], total: int, page_number: int, limit: int) -> dict[str, Any]:
    """A list answer. `has_more` only compares lengths: true on an exactly full last page [039, 385]."""
    return {
        "data": list(rows),
        "has_more": len(rows) == limit,
        "limit": limit,
        "total": total,
        "page": page_number,
    }


def paging(query: Mapping[str, str]) -> tuple[int, int, int]:
    """Page and limit as asked for, and the number of rows to skip; nonsense counts as the default."""
    page_number, limit = _whole(query.get("page"), 1), _whole(query.get("limit"), 20)
    return page_number, limit, to_skip(page_number, limit)


def to_skip(page_number: int, limit: int) -> int:
    """Rows before a page, as far as SQLite can count: a page of thirty digits is an empty one."""
    return min((page_number - 1) * min(limit, PAGE_LIMIT), 2**62)


def _whole(text: str | None, default: int) -> int:
    is_whole = text is not None and len(text) <= LONGEST_NUMBER and text.isdecimal()
    return int(text or 0) if is_whole and int(text or 0) > 0 else default
