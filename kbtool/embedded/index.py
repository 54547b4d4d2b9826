"""What of a dataset is findable: segments of flat documents, child chunks of the others, by one model.

The index belongs to the model that wrote it first. A dataset whose model was changed without a re-index keeps
the old one, and searching it is an error or finds nothing, as with real vectors [231, 235].
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from kbtool.embedded import search
from kbtool.embedded.database import one, update
from kbtool.embedded.models import Models
from kbtool.embedded.search import Unit


def add_segments(
    db: sqlite3.Connection, models: Models, dataset: sqlite3.Row, segment_ids: Sequence[str]
) -> None:
    """Embed these segments (or their children) and make them findable. Raises EmbeddingFailed."""
    if dataset["indexing_technique"] != "high_quality":
        return
    units = units_of(db, segment_ids)
    vectors = models.embed(models.of(dataset), str(dataset["embedding_model"]), [unit.text for unit in units])
    add_units(db, models, dataset, units, vectors)


def units_of(db: sqlite3.Connection, segment_ids: Sequence[str]) -> list[Unit]:
    """The texts to be found for these segments, in order."""
    rows = db.execute(
        "SELECT s.id, s.document_id, s.content, d.doc_form FROM segments s JOIN documents d"
        " ON d.id = s.document_id WHERE s.id IN (SELECT value FROM json_each(?)) ORDER BY s.position",
        (json.dumps(segment_ids),),
    ).fetchall()
    units: list[Unit] = []
    for row in rows:
        if row["doc_form"] != "hierarchical_model":
            units.append(Unit(row["document_id"], row["id"], None, row["content"]))
            continue
        children = db.execute(
            "SELECT id, content FROM children WHERE segment_id = ? ORDER BY position", (row["id"],)
        )
        units += [Unit(row["document_id"], row["id"], child["id"], child["content"]) for child in children]
    return units


def add_units(
    db: sqlite3.Connection,
    models: Models,
    dataset: sqlite3.Row,
    units: Sequence[Unit],
    vectors: Sequence[bytes | None],
) -> None:
    """Write units with their vectors. An economy dataset has no index, nor has an empty one."""
    if dataset["indexing_technique"] != "high_quality" or not units:
        return
    search.create_index(db, dataset["number"])
    search.add(db, dataset["number"], units, vectors)
    if (now := by_id(db, dataset["id"])) is not None and now["indexed_by"] is None:
        model = models.of(now)
        label = [now["embedding_provider"], now["embedding_model"], model.dimensions if model else 0]
        update(db, "datasets", dataset["id"], {"indexed_by": label})


def drop(db: sqlite3.Connection, dataset: sqlite3.Row) -> None:
    search.drop_index(db, dataset["number"])
    update(db, "datasets", dataset["id"], {"indexed_by": None})


def forget_segment(db: sqlite3.Connection, segment: sqlite3.Row) -> None:
    search.remove(db, dataset_of(db, segment)["number"], of="segment_id", is_id=segment["id"])


def forget_document(db: sqlite3.Connection, document: sqlite3.Row) -> None:
    search.remove(db, dataset_of(db, document)["number"], of="document_id", is_id=document["id"])


def dataset_of(db: sqlite3.Connection, row: sqlite3.Row) -> sqlite3.Row:
    """The dataset of a document, segment or child; it is always there, as deleting it deletes them."""
    dataset = by_id(db, row["dataset_id"])
    assert dataset is not None, "rows do not outlive their dataset"
    return dataset


def by_id(db: sqlite3.Connection, dataset_id: str) -> sqlite3.Row | None:
    return one(db, "SELECT * FROM datasets WHERE id = ?", (dataset_id,))


def is_full_document(db: sqlite3.Connection, segment: sqlite3.Row) -> bool:
    """Whether the segment is a whole document: lists leave its children out."""
    row = one(
        db,
        "SELECT r.rules FROM process_rules r JOIN documents d ON d.process_rule_id = r.id WHERE d.id = ?",
        (segment["document_id"],),
    )
    return row is not None and json.loads(row["rules"]).get("parent_mode") == "full-doc"
