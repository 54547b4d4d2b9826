"""Segments and their child chunks, listed and written one by one [117-135, 199-215, 322-328, 388].

Writes embed inside the request, unlike documents: the answer says at once whether it worked.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from typing import Any

from kbtool.embedded import answers, index, indexing, payloads, rules
from kbtool.embedded.answers import NO_CONTENT, Answer
from kbtool.embedded.call import OWNER, PAGE_LIMIT, Call, page, paging, stamp
from kbtool.embedded.database import insert, new_id, number, one, update
from kbtool.embedded.faults import EmbeddingFailed
from kbtool.embedded.payloads import SegmentCreatePayload, SegmentUpdateArgs, SegmentUpdatePayload


def create(call: Call) -> Answer:
    """Appended in order. One that cannot be embedded is shown with status "error", and not kept [122]."""
    payload = payloads.read(SegmentCreatePayload, call.body)
    dataset, document = call.dataset(), call.document()
    if document["indexing_status"] != "completed":
        raise answers.not_found("Document is not completed.")
    if not document["enabled"]:
        raise answers.not_found("Document is disabled.")
    if payload.segments is None:
        raise answers.Refused(400, "", "Segments is required", body={"error": "Segments is required"})
    for item in payload.segments:
        _require_content(item, document)
    ids = [_store_one(call, document, item) for item in payload.segments]
    refused = _embed(call, dataset, ids)
    made = [_shown(call, document, row_id, refused.get(row_id)) for row_id in ids]
    return Answer({"data": made, "doc_form": document["doc_form"]})


def list_all(call: Call) -> Answer:
    """By position; carries the children of paragraph documents, so one request reads a document back."""
    call.dataset()
    document = call.document()
    page_number, limit, skip = paging(call.query)
    where, values = "document_id = ?", [document["id"]]
    if keyword := call.query.get("keyword"):
        where, values = f"{where} AND lower(content) LIKE lower(?)", [*values, f"%{keyword}%"]
    if statuses := [status for status in call.queries.get("status", ()) if status != "all"]:
        where = f"{where} AND status IN (SELECT value FROM json_each(?))"  # noqa: S608
        values.append(json.dumps(statuses))
    rows = call.db.execute(
        f"SELECT * FROM segments WHERE {where} ORDER BY position LIMIT ? OFFSET ?",  # noqa: S608
        [*values, min(limit, PAGE_LIMIT), skip],
    ).fetchall()
    total = number(call.db, f"SELECT count(*) FROM segments WHERE {where}", values)  # noqa: S608
    shown = page([_json(call.db, row) for row in rows], total, page_number, limit)
    return Answer(shown | {"doc_form": document["doc_form"]})


def read(call: Call) -> Answer:
    call.dataset()
    document = call.document()
    return Answer({"data": _json(call.db, _segment(call)), "doc_form": document["doc_form"]})


def change(call: Call) -> Answer:
    """The segment is found by its id alone: document and dataset of the path only have to exist [388]."""
    payload = payloads.read(SegmentUpdatePayload, call.body).segment
    call.dataset()
    document = call.document()
    row = _segment(call)
    if payload.enabled is not None and payload.enabled is not bool(row["enabled"]):
        _switch(call, row, is_on=payload.enabled)
    elif not row["enabled"]:
        raise answers.invalid("Can't update disabled segment")
    if payload.enabled is not False and payload.content is not None:
        _rewrite(call, row, payload)
    return Answer({"data": _json(call.db, _segment(call)), "doc_form": document["doc_form"]})


def delete(call: Call) -> Answer:
    call.dataset()
    call.document()
    row = _segment(call)
    _count_words(call, row["document_id"], -row["word_count"])
    index.forget_segment(call.db, row)
    call.db.execute("DELETE FROM children WHERE segment_id = ?", (row["id"],))
    call.db.execute("DELETE FROM segments WHERE id = ?", (row["id"],))
    return NO_CONTENT


def _require_content(item: dict[str, Any], document: sqlite3.Row) -> None:
    content, answer, words = item.get("content"), item.get("answer"), item.get("keywords")
    if not isinstance(content, str | None) or not isinstance(answer, str | None):
        raise answers.invalid("Content and answer must be text")
    if not (content or "").strip():
        raise answers.invalid("Content is empty")
    if document["doc_form"] == "qa_model" and not (answer or "").strip():
        raise answers.invalid("Answer is required")
    if words is not None and not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise answers.invalid("Keywords must be a list of texts")


def _store_one(call: Call, document: sqlite3.Row, item: dict[str, Any]) -> str:
    content = item["content"]
    answer = item.get("answer") if document["doc_form"] == "qa_model" else None
    last = number(call.db, "SELECT max(position) FROM segments WHERE document_id = ?", (document["id"],))
    row_id = add(
        call.db,
        document,
        last + 1,
        content,
        call.now,
        answer=answer,
        keywords=item.get("keywords") or [],
        children=_own_children(call, document, content),
    )
    call.db.execute(
        "UPDATE segments SET status = 'completed', completed_at = ? WHERE id = ?", (call.now, row_id)
    )
    return row_id


def _embed(call: Call, dataset: sqlite3.Row, ids: list[str]) -> dict[str, str]:
    """Embed segments, all at once, or one by one where one of them fails: its id, and what the model says."""
    try:
        index.add_segments(call.db, call.models, dataset, ids)
    except EmbeddingFailed as error:
        if len(ids) == 1:
            return {ids[0]: str(error)}
        refused: dict[str, str] = {}
        for row_id in ids:
            refused |= _embed(call, dataset, [row_id])
        return refused
    return {}


def _shown(call: Call, document: sqlite3.Row, row_id: str, error: str | None) -> dict[str, Any]:
    if error is None:
        row = _by_id(call.db, row_id)
        _count_words(call, document["id"], row["word_count"])
        return _json(call.db, row)
    failed = {"status": "error", "error": error, "enabled": 0, "disabled_at": call.now}
    update(call.db, "segments", row_id, failed)
    shown = _json(call.db, _by_id(call.db, row_id)) | {"disabled_by": None}
    call.db.execute("DELETE FROM children WHERE segment_id = ?", (row_id,))
    call.db.execute("DELETE FROM segments WHERE id = ?", (row_id,))
    return shown


def add(
    db: sqlite3.Connection,
    document: sqlite3.Row,
    position: int,
    content: str,
    now: float,
    *,
    answer: str | None = None,
    keywords: list[str] | None = None,
    children: tuple[str, ...] = (),
) -> str:
    """Store one segment with its children, not yet findable. Returns its id."""
    row_id = new_id()
    insert(
        db,
        "segments",
        {
            "id": row_id,
            "dataset_id": document["dataset_id"],
            "document_id": document["id"],
            "position": position,
            "content": content,
            "answer": answer,
            "word_count": len(content) + len(answer or ""),
            "keywords": keywords,
            "index_node_id": new_id(),
            "status": "indexing",
            "created_at": now,
            "updated_at": now,
            "indexing_at": now,
        },
    )
    stored = _by_id(db, row_id)
    for at, child in enumerate(children, 1):
        add_child(db, stored, at, child, "automatic", now)
    return row_id


def add_child(
    db: sqlite3.Connection, segment: sqlite3.Row, position: int, content: str, kind: str, now: float
) -> str:
    """Store one child chunk. `kind` is "automatic" or "customized"."""
    row = {
        "id": new_id(),
        "dataset_id": segment["dataset_id"],
        "document_id": segment["document_id"],
        "segment_id": segment["id"],
        "position": position,
        "content": content,
        "type": kind,
        "created_at": now,
        "updated_at": now,
    }
    insert(db, "children", row)
    return str(row["id"])


def _own_children(call: Call, document: sqlite3.Row, content: str) -> tuple[str, ...]:
    if document["doc_form"] != "hierarchical_model":
        return ()
    rule = rules.to_follow(rules.of_document(call.db, document))
    return indexing.children_of(content, rule.children) if rule.children else ()


def _switch(call: Call, row: sqlite3.Row, *, is_on: bool) -> None:
    changes = {"enabled": int(is_on), "disabled_at": None if is_on else call.now}
    update(call.db, "segments", row["id"], changes | {"updated_at": call.now, "updated_by": OWNER})
    index.forget_segment(call.db, row)
    if is_on:
        index.add_segments(call.db, call.models, index.dataset_of(call.db, row), [row["id"]])


def _rewrite(call: Call, row: sqlite3.Row, payload: SegmentUpdateArgs) -> None:
    """New content. Children, which are what is searched, stay unless regeneration is asked for [211]."""
    content = payload.content or ""
    answer = payload.answer if row["answer"] is not None and payload.answer is not None else row["answer"]
    words = len(content) + len(answer or "")
    changes = {"content": content, "answer": answer, "word_count": words}
    update(call.db, "segments", row["id"], changes | {"updated_at": call.now, "updated_by": OWNER})
    _count_words(call, row["document_id"], words - row["word_count"])
    document = one(call.db, "SELECT * FROM documents WHERE id = ?", (row["document_id"],))
    if document is not None and payload.regenerate_child_chunks:
        call.db.execute("DELETE FROM children WHERE segment_id = ?", (row["id"],))
        for at, child in enumerate(_own_children(call, document, content), 1):
            add_child(call.db, row, at, child, "automatic", call.now)
    index.forget_segment(call.db, row)
    try:
        index.add_segments(call.db, call.models, index.dataset_of(call.db, row), [row["id"]])
    except EmbeddingFailed as error:
        failed = {"status": "error", "error": str(error), "enabled": 0, "disabled_at": call.now}
        update(call.db, "segments", row["id"], failed)


def _count_words(call: Call, document_id: str, difference: int) -> None:
    call.db.execute(
        "UPDATE documents SET word_count = coalesce(word_count, 0) + ? WHERE id = ?",
        (difference, document_id),
    )


def _segment(call: Call) -> sqlite3.Row:
    row = one(call.db, "SELECT * FROM segments WHERE id = ?", (call.path["segment_id"],))
    if row is None:
        raise answers.not_found("Segment not found.")
    return row


def _by_id(db: sqlite3.Connection, segment_id: str) -> sqlite3.Row:
    row: sqlite3.Row = db.execute("SELECT * FROM segments WHERE id = ?", (segment_id,)).fetchone()
    return row


def record(row: sqlite3.Row) -> dict[str, Any]:
    """A segment as /retrieve shows it; lists add a few fields to it."""
    return {
        "id": row["id"],
        "position": row["position"],
        "document_id": row["document_id"],
        "content": row["content"],
        "sign_content": row["content"],
        "answer": row["answer"],
        "word_count": row["word_count"],
        "tokens": count_tokens(row["content"]),
        "keywords": json.loads(row["keywords"]) if row["keywords"] else None,
        "index_node_id": row["index_node_id"],
        "index_node_hash": hashlib.sha256(row["content"].encode()).hexdigest(),
        "hit_count": row["hit_count"],
        "enabled": bool(row["enabled"]),
        "disabled_at": stamp(row["disabled_at"]),
        "disabled_by": OWNER if row["disabled_at"] else None,
        "status": row["status"],
        "created_by": OWNER,
        "created_at": stamp(row["created_at"]),
        "indexing_at": stamp(row["indexing_at"]),
        "completed_at": stamp(row["completed_at"]),
        "error": row["error"],
        "stopped_at": None,
    }


def _json(db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    return record(row) | {
        "updated_at": stamp(row["updated_at"]),
        "updated_by": row["updated_by"],
        "child_chunks": [] if index.is_full_document(db, row) else children_json(db, row["id"]),
        "attachments": [],
        "summary": None,
    }


def children_json(db: sqlite3.Connection, segment_id: str) -> list[dict[str, Any]]:
    rows = db.execute("SELECT * FROM children WHERE segment_id = ? ORDER BY position", (segment_id,))
    return [child_json(row) for row in rows]


def child_json(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "segment_id": row["segment_id"],
        "content": row["content"],
        "position": row["position"],
        "word_count": len(row["content"]),
        "type": row["type"],
        "created_at": stamp(row["created_at"]),
        "updated_at": stamp(row["updated_at"]),
    }


def count_tokens(text: str) -> int:
    """An estimate: Dify counts with GPT-2's vocabulary, which nobody here needs."""
    return (len(text) + 3) // 4
