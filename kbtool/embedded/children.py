"""Child chunks, one by one [200-203, 207-215]. Empty text is accepted [203], flat documents are too [215]."""

from __future__ import annotations

import sqlite3

from kbtool.embedded import answers, index, payloads, search, segments
from kbtool.embedded.answers import NO_CONTENT, Answer
from kbtool.embedded.call import PAGE_LIMIT, Call, paging
from kbtool.embedded.database import number, one, update
from kbtool.embedded.faults import EmbeddingFailed
from kbtool.embedded.payloads import ChildChunkPayload
from kbtool.embedded.search import Unit


def list_all(call: Call) -> Answer:
    segment = _segment(call)
    page_number, limit, skip = paging(call.query)
    limit = min(limit, PAGE_LIMIT)
    found = segments.children_json(call.db, segment["id"])
    if keyword := call.query.get("keyword"):
        found = [child for child in found if keyword.lower() in child["content"].lower()]
    return Answer(
        {
            "data": found[skip : skip + limit],
            "total": len(found),
            "total_pages": -(-len(found) // limit),
            "page": page_number,
            "limit": limit,
        }
    )


def create(call: Call) -> Answer:
    payload = payloads.read(ChildChunkPayload, call.body)
    segment = _segment(call)
    last = number(call.db, "SELECT max(position) FROM children WHERE segment_id = ?", (segment["id"],))
    child_id = segments.add_child(call.db, segment, last + 1, payload.content, "customized", call.now)
    return _indexed(call, segment, child_id)


def change(call: Call) -> Answer:
    payload = payloads.read(ChildChunkPayload, call.body)
    segment = _segment(call)
    child = _child(call)
    update(
        call.db,
        "children",
        child["id"],
        {"content": payload.content, "type": "customized", "updated_at": call.now},
    )
    return _indexed(call, segment, child["id"])


def delete(call: Call) -> Answer:
    segment = _segment(call)
    child = _child(call)
    search.remove(call.db, index.dataset_of(call.db, segment)["number"], of="child_id", is_id=child["id"])
    call.db.execute("DELETE FROM children WHERE id = ?", (child["id"],))
    return NO_CONTENT


def _indexed(call: Call, segment: sqlite3.Row, child_id: str) -> Answer:
    row: sqlite3.Row = call.db.execute("SELECT * FROM children WHERE id = ?", (child_id,)).fetchone()
    dataset = index.dataset_of(call.db, segment)
    if dataset["indexing_technique"] != "high_quality":
        return Answer({"data": segments.child_json(row)})
    unit = Unit(row["document_id"], segment["id"], child_id, row["content"])
    try:
        vectors = call.models.embed(call.models.of(dataset), str(dataset["embedding_model"]), [unit.text])
    except EmbeddingFailed as error:
        raise answers.invalid(str(error)) from error
    search.remove(call.db, dataset["number"], of="child_id", is_id=child_id)
    # A flat document is found by its segments: a child of it would only take the place of a hit
    if dataset["doc_form"] == "hierarchical_model":
        index.add_units(call.db, call.models, dataset, [unit], vectors)
    return Answer({"data": segments.child_json(row)})


def _segment(call: Call) -> sqlite3.Row:
    call.dataset()
    call.document()
    row = one(call.db, "SELECT * FROM segments WHERE id = ?", (call.path["segment_id"],))
    if row is None:
        raise answers.not_found("Segment not found.")
    return row


def _child(call: Call) -> sqlite3.Row:
    row = one(call.db, "SELECT * FROM children WHERE id = ?", (call.path["child_chunk_id"],))
    if row is None:
        raise answers.not_found("Child chunk not found.")
    return row
