"""Metadata fields of a dataset, values of its documents, and filtering by them [136-150, 400-420].

Values live on the document by *name*, hence survive every update of its text; a rename rewrites them.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from kbtool.embedded import answers, payloads
from kbtool.embedded.answers import NO_CONTENT, SUCCESS, Answer
from kbtool.embedded.call import OWNER_NAME, Call
from kbtool.embedded.conditions import holds
from kbtool.embedded.database import insert, new_id, one, update
from kbtool.embedded.payloads import (
    MetadataArgs,
    MetadataFilteringCondition,
    MetadataOperationData,
    MetadataUpdatePayload,
)

BUILT_IN = {
    "document_name": "string",
    "uploader": "string",
    "upload_date": "time",
    "last_update_date": "time",
    "source": "string",
}


def create_field(call: Call) -> Answer:
    """201, unlike every other create [136]."""
    payload = payloads.read(MetadataArgs, call.body)
    dataset = call.dataset()
    _require_free(call, payload.name)
    row = {"id": new_id(), "dataset_id": dataset["id"], "name": payload.name, "type": payload.type}
    insert(call.db, "metadata_fields", row)
    return Answer({"id": row["id"], "type": payload.type, "name": payload.name}, 201)


def list_fields(call: Call) -> Answer:
    dataset = call.dataset()
    stored = [json.loads(row["metadata"]) for row in _documents(call) if row["metadata"]]
    fields = [
        field | {"count": sum(field["name"] in values for values in stored)}
        for field in fields_json(call.db, dataset["id"])
    ]
    return Answer({"doc_metadata": fields, "built_in_field_enabled": bool(dataset["built_in"])})


def rename_field(call: Call) -> Answer:
    payload = payloads.read(MetadataUpdatePayload, call.body)
    call.dataset()
    field = _field(call)
    _require_free(call, payload.name)
    update(call.db, "metadata_fields", field["id"], {"name": payload.name})
    for row, values in _with_value(call, field["name"]):
        values[payload.name] = values.pop(field["name"])
        update(call.db, "documents", row["id"], {"metadata": values})
    return Answer({"id": field["id"], "type": field["type"], "name": payload.name})


def delete_field(call: Call) -> Answer:
    call.dataset()
    field = _field(call)
    call.db.execute("DELETE FROM metadata_fields WHERE id = ?", (field["id"],))
    for row, values in _with_value(call, field["name"]):
        del values[field["name"]]
        update(call.db, "documents", row["id"], {"metadata": values})
    return NO_CONTENT


def list_built_in(call: Call) -> Answer:
    call.dataset()
    return Answer({"fields": [{"name": name, "type": kind} for name, kind in BUILT_IN.items()]})


def switch_built_in(call: Call) -> Answer:
    """Enabling writes the built-in values into every document [151], disabling takes them out."""
    dataset = call.dataset()
    is_on = call.path["action"] == "enable"
    update(call.db, "datasets", dataset["id"], {"built_in": int(is_on)})
    for row in _documents(call):
        values = _own_values(row)
        update(
            call.db, "documents", row["id"], {"metadata": values | (built_in_values(row) if is_on else {})}
        )
    return SUCCESS


def write_values(call: Call) -> Answer:
    """Replaces all values unless `partial_update`. Unknown documents and fields are no error [146, 147]."""
    payload = payloads.read(MetadataOperationData, call.body)
    dataset = call.dataset()
    for operation in payload.operation_data:
        row = one(
            call.db,
            "SELECT * FROM documents WHERE id = ? AND dataset_id = ?",
            (operation.document_id, dataset["id"]),
        )
        if row is None:
            continue
        kept = _own_values(row) if operation.partial_update else {}
        values = kept | {detail.name: detail.value for detail in operation.metadata_list}
        values |= built_in_values(row) if dataset["built_in"] else {}
        update(call.db, "documents", row["id"], {"metadata": values})
    return SUCCESS


def fields_json(db: sqlite3.Connection, dataset_id: str) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT id, name, type FROM metadata_fields WHERE dataset_id = ? ORDER BY number", (dataset_id,)
    )
    return [dict(row) for row in rows]


def built_in_values(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "document_name": row["name"],
        "uploader": OWNER_NAME,
        "upload_date": float(int(row["created_at"])),
        "last_update_date": row["updated_at"],
        "source": "file_upload",
    }


def as_list(row: sqlite3.Row, fields: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The form of documents: a list, with the built-in ones after our own, times as text [148, 420]."""
    if not row["metadata"] or row["metadata"] == "{}":
        return None
    values = json.loads(row["metadata"])
    own = [field | {"value": values[field["name"]]} for field in fields if field["name"] in values]
    return own + [
        {"id": "built-in", "name": name, "type": BUILT_IN[name], "value": str(value)}
        for name, value in built_in_values(row).items()
    ]


def as_dict(row: sqlite3.Row) -> dict[str, Any] | None:
    """The form of /retrieve: what is stored, by name [151]."""
    return json.loads(row["metadata"]) or None if row["metadata"] else None


def documents_that_match(db: sqlite3.Connection, dataset_id: str, wanted: Any) -> list[str] | None:
    """Ids of the documents that fulfil the conditions; None when nothing is asked [176-182]."""
    condition = payloads.read(MetadataFilteringCondition, wanted or {})
    if not condition.conditions:
        return None
    join = any if condition.logical_operator == "or" else all
    rows = db.execute("SELECT id, metadata FROM documents WHERE dataset_id = ?", (dataset_id,)).fetchall()
    stored = ((row["id"], json.loads(row["metadata"] or "{}")) for row in rows)
    return [
        document for document, values in stored if join(holds(item, values) for item in condition.conditions)
    ]


def _require_free(call: Call, name: str) -> None:
    if one(
        call.db,
        "SELECT 1 FROM metadata_fields WHERE dataset_id = ? AND name = ?",
        (call.path["dataset_id"], name),
    ):
        raise answers.invalid("Metadata name already exists.")
    if name in BUILT_IN:
        raise answers.invalid("Metadata name already exists in Built-in fields.")


def _field(call: Call) -> sqlite3.Row:
    where = "WHERE id = ? AND dataset_id = ?"
    values = (call.path["metadata_id"], call.path["dataset_id"])
    row = one(call.db, f"SELECT * FROM metadata_fields {where}", values)  # noqa: S608
    if row is None:
        raise answers.not_found("Metadata not found.")
    return row


def _documents(call: Call) -> list[sqlite3.Row]:
    return call.db.execute(
        "SELECT * FROM documents WHERE dataset_id = ?", (call.path["dataset_id"],)
    ).fetchall()


def _with_value(call: Call, name: str) -> list[tuple[sqlite3.Row, dict[str, Any]]]:
    read = [(row, json.loads(row["metadata"] or "{}")) for row in _documents(call)]
    return [(row, values) for row, values in read if name in values]


def _own_values(row: sqlite3.Row) -> dict[str, Any]:
    stored = json.loads(row["metadata"] or "{}")
    return {name: value for name, value in stored.items() if name not in BUILT_IN}
