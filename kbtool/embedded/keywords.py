"""keyword_search, for economy datasets: segments that hold a keyword of the query, as it is written.

Case counts ("refunds" finds no "Refunds" [186, 191]), the score is always 0.0, and a dataset with vectors has
no keyword table at all [162].
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

from kbtool.embedded.search import Match

_WORDS = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}|[^\\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)


def find(
    db: sqlite3.Connection, dataset: sqlite3.Row, query: str, limit: int, documents: Sequence[str] | None
) -> list[Match]:
    """The segments that hold most of the query's keywords, at most `limit`."""
    if dataset["indexing_technique"] != "economy":
        return []
    rows = db.execute(
        "SELECT s.id, s.document_id, s.content FROM segments s JOIN documents d ON d.id = s.document_id"
        " WHERE s.dataset_id = ? AND s.enabled AND s.status = 'completed' AND d.enabled AND NOT d.archived"
        " ORDER BY d.number, s.position",
        (dataset["id"],),
    ).fetchall()
    asked = set(_WORDS.findall(query))
    counted = [
        (len(asked.intersection(_WORDS.findall(row["content"]))), row["id"])
        for row in rows
        if documents is None or row["document_id"] in documents
    ]
    best = sorted((pair for pair in counted if pair[0]), key=lambda pair: -pair[0])
    return [Match(segment_id, None, 0.0) for _, segment_id in best[:limit]]
