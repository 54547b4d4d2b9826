"""Documents, read: the list, one document, and how its indexing goes [032-045, 116, 148, 412-447]."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from kbtool.embedded import answers, metadata, rules
from kbtool.embedded.answers import Answer
from kbtool.embedded.call import OWNER, PAGE_LIMIT, Call, page, paging, stamp
from kbtool.embedded.database import number

IN_PROGRESS = ("parsing", "cleaning", "splitting", "indexing")
_DISPLAYED = {
    "queuing": "indexing_status = 'waiting'",
    "indexing": f"indexing_status IN {IN_PROGRESS}",
    "paused": "0",
    "error": "indexing_status = 'error'",
    "available": "indexing_status = 'completed' AND enabled AND NOT archived",
    "disabled": "indexing_status = 'completed' AND NOT enabled AND NOT archived",
    "archived": "indexing_status = 'completed' AND archived",
}
_DISPLAYED |= dict.fromkeys(("active", "enabled"), _DISPLAYED["available"])


def list_all(call: Call) -> Answer:
    """Newest first. `status` takes display names; one it does not know is ignored [041, 043]."""
    dataset = call.dataset()
    page_number, limit, skip = paging(call.query)
    where, values = "dataset_id = ?", [dataset["id"]]
    if displayed := _DISPLAYED.get(call.query.get("status", "")):
        where += f" AND {displayed}"
    if keyword := call.query.get("keyword"):
        where, values = f"{where} AND name LIKE ?", [*values, f"%{keyword}%"]  # wildcards count [387]
    rows = call.db.execute(
        f"SELECT * FROM documents WHERE {where} ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608
        [*values, min(limit, PAGE_LIMIT), skip],
    )
    fields = metadata.fields_json(call.db, dataset["id"])
    total = number(call.db, f"SELECT count(*) FROM documents WHERE {where}", values)  # noqa: S608
    return Answer(page([as_json(row, fields) for row in rows], total, page_number, limit))


def read(call: Call) -> Answer:
    """`?metadata=all|only|without` [034-037]."""
    dataset = call.dataset()
    row = call.document()
    wanted = call.query.get("metadata", "all")
    if wanted not in ("all", "only", "without"):
        raise answers.Refused(400, "invalid_metadata", f"Invalid metadata value: {wanted}")
    doc_metadata = metadata.as_list(row, metadata.fields_json(call.db, dataset["id"]))
    about = {"doc_type": None, "doc_metadata": doc_metadata}
    if wanted == "only":
        return Answer({"id": row["id"]} | about)
    detail = _detail(call, row)
    return Answer(detail if wanted == "without" else detail | about)


def indexing_status(call: Call) -> Answer:
    """By batch. A batch that an overwrite has replaced is gone [227]."""
    rows = call.db.execute(
        "SELECT * FROM documents WHERE dataset_id = ? AND batch = ? ORDER BY number",
        (call.dataset()["id"], call.path["batch"]),
    ).fetchall()
    if not rows:
        raise answers.not_found("Documents not found.")
    return Answer({"data": [_progress(call, row) for row in rows]})


def display_status(row: sqlite3.Row) -> str:
    """What people see, from the indexing status and the two switches."""
    status = row["indexing_status"]
    if status == "waiting":
        return "queuing"
    if status != "completed":
        return "indexing" if status in IN_PROGRESS else str(status)
    if row["archived"]:
        return "archived"
    return "available" if row["enabled"] else "disabled"


def _common(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "position": row["position"],
        "data_source_type": "upload_file",
        "dataset_process_rule_id": row["process_rule_id"],
        "name": row["name"],
        "created_from": row["created_from"],
        "created_by": OWNER,
        "created_at": stamp(row["created_at"]),
        "tokens": row["tokens"],
        "indexing_status": row["indexing_status"],
        "error": row["error"],
        "enabled": bool(row["enabled"]),
        "disabled_at": stamp(row["disabled_at"]),
        "disabled_by": OWNER if row["disabled_at"] else None,
        "archived": bool(row["archived"]),
        "display_status": display_status(row),
        "hit_count": 0,
        "doc_form": row["doc_form"],
        "summary_index_status": None,
        "need_summary": False,
    }


def as_json(row: sqlite3.Row, fields: list[dict[str, Any]]) -> dict[str, Any]:
    upload = json.loads(row["upload"])
    return _common(row) | {
        "data_source_info": {"upload_file_id": upload["id"]},
        "data_source_detail_dict": {"upload_file": upload},
        "word_count": row["word_count"],
        "doc_metadata": metadata.as_list(row, fields),
    }


def _detail(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    count = number(call.db, "SELECT count(*) FROM segments WHERE document_id = ?", (row["id"],))
    own = rules.of_document(call.db, row)
    shown = rules.as_json(own)
    return _common(row) | {
        "data_source_info": {"upload_file": json.loads(row["upload"])},
        "dataset_process_rule": shown,
        "document_process_rule": {"id": own["id"], "dataset_id": row["dataset_id"]} | shown,
        "completed_at": stamp(row["completed_at"]),
        "updated_at": stamp(row["updated_at"]),
        "indexing_latency": row["indexing_latency"],
        "segment_count": count,
        "average_segment_length": (row["word_count"] or 0) // count if count else 0,
        "doc_language": row["doc_language"],
    }


def _progress(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    total, completed = call.db.execute(
        "SELECT count(*), sum(status = 'completed') FROM segments WHERE document_id = ?", (row["id"],)
    ).fetchone()
    times = (
        "processing_started_at",
        "parsing_completed_at",
        "cleaning_completed_at",
        "splitting_completed_at",
    )
    return {
        "id": row["id"],
        "indexing_status": row["indexing_status"],
        **{name: stamp(row[name]) for name in times},
        "completed_at": stamp(row["completed_at"]),
        "paused_at": None,
        "error": row["error"],
        "stopped_at": stamp(row["stopped_at"]),
        "completed_segments": completed or 0,
        "total_segments": total,
    }
