"""keyword_search, for economy datasets: segments that hold a keyword of the query, as it is written.

The score is always 0.0, and a dataset with vectors has no keyword table at all [162, 186, 191, 192].
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from kbtool.embedded.search import Match
from kbtool.embedded.words import keywords_in

# Segments are looked for by the query's rarest keywords, as many as give about this many places to look at;
# it bounds the time of a question. A keyword that stands in more segments than that tells nothing.
MOST_PLACES = 4096


def find(
    db: sqlite3.Connection, dataset: sqlite3.Row, query: str, limit: int, documents: Sequence[str] | None
) -> list[Match]:
    """The segments that hold most of the query's keywords, at most `limit`; the oldest first of equals."""
    if dataset["indexing_technique"] != "economy":
        return []
    counted = db.execute(
        "SELECT segment FROM keywords WHERE dataset = ? AND word IN (SELECT value FROM json_each(?))"
        " GROUP BY segment ORDER BY count(*) DESC, segment",
        (dataset["number"], json.dumps(_rarest(db, dataset["number"], keywords_in(query)))),
    )
    allowed = None if documents is None else set(documents)
    found: list[Match] = []
    for (segment,) in counted:
        row = db.execute(
            "SELECT s.id, s.document_id FROM segments s JOIN documents d ON d.id = s.document_id"
            " WHERE s.rowid = ? AND s.enabled AND s.status = 'completed' AND d.enabled AND NOT d.archived",
            (segment,),
        ).fetchone()
        if row is not None and (allowed is None or row["document_id"] in allowed):
            found.append(Match(row["id"], None, 0.0))
            if len(found) == limit:
                break
    return found


def _rarest(db: sqlite3.Connection, dataset: int, words: Sequence[str]) -> list[str]:
    """The keywords to look for: none that is in the dataset is left out while there is room for it."""
    places = 0
    chosen: list[str] = []
    for held, word in sorted((_held(db, dataset, word), word) for word in words):
        if chosen and places + held > MOST_PLACES:
            break
        places += held
        if held:
            chosen.append(word)
    return chosen


def _held(db: sqlite3.Connection, dataset: int, word: str) -> int:
    """In how many segments the keyword stands, as far as that matters."""
    counted = "SELECT count(*) FROM (SELECT 1 FROM keywords WHERE dataset = ? AND word = ? LIMIT ?)"
    return int(db.execute(counted, (dataset, word, MOST_PLACES)).fetchone()[0])
