"""Documents, written: create and update by text, delete, switch on and off [027-031, 068-115, 359-368]."""

from __future__ import annotations

import random
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from kbtool.embedded import answers, datasets, metadata, payloads, rules, search
from kbtool.embedded import document_views as views
from kbtool.embedded.answers import NO_CONTENT, SUCCESS, Answer
from kbtool.embedded.call import OWNER, Call
from kbtool.embedded.database import insert, new_id, number, one, update
from kbtool.embedded.payloads import (
    DocumentIds,
    DocumentTextCreatePayload,
    DocumentTextUpdate,
    KnowledgeConfig,
)

NAME_LENGTH = 200  # longer names are cut without a word [115]
ACTIONS = ("enable", "disable", "archive", "un_archive")


@dataclass(frozen=True, slots=True)
class Source:
    """What a document is made of: its name, and the text of a body or of a file."""

    name: str
    text: str
    size: int
    extension: str = "txt"
    mime_type: str = "text/plain"

    def columns(self) -> dict[str, Any]:
        name = self.name[:NAME_LENGTH]
        upload = {
            "id": new_id(),
            "name": name,
            "size": self.size,
            "extension": self.extension,
            "mime_type": self.mime_type,
            "created_by": OWNER,
            "created_at": time.time(),
        }
        return {"name": name, "text": self.text, "upload": upload}


def create_by_text(call: Call) -> Answer:
    """A new document, or the enabled one of that name overwritten in place [070]."""
    payload = payloads.read(DocumentTextCreatePayload, call.body)
    dataset = call.dataset()
    if dataset["indexing_technique"] is None and payload.indexing_technique is None:
        raise answers.uncaught()  # [359]
    config = read_config(call.body, dataset)
    return store(call, dataset, Source(payload.name, payload.text, len(payload.text)), config)


def update_by_text(call: Call) -> Answer:
    """New text for a document that is available; the batch of the creation comes back [074]."""
    payload = payloads.read(DocumentTextUpdate, call.body)
    dataset = call.dataset()
    if payload.text is None and payload.process_rule is None:
        raise answers.invalid("Data source or Process rule is required")
    config = read_config(call.body | {"indexing_technique": "high_quality"}, dataset)
    source = None
    if payload.name is not None and payload.text is not None:
        source = Source(payload.name, payload.text, len(payload.text))
    return replace(call, dataset, source, config, name=payload.name)


def store(
    call: Call, dataset: sqlite3.Row, source: Source, config: KnowledgeConfig, *, overwrites: bool = True
) -> Answer:
    """Keep `source` as a document and leave it to the indexer."""
    _settle(call, dataset, config)
    content = source.columns() | {
        "process_rule_id": rules.store(call, dataset["id"], config.process_rule),
        "doc_language": config.doc_language,
        "indexing_status": "waiting",
        "batch": _batch(),
        "updated_at": call.now,
    }
    same = one(
        call.db,
        "SELECT id FROM documents WHERE dataset_id = ? AND name = ? AND enabled ORDER BY number LIMIT 1",
        (dataset["id"], content["name"]),
    )
    if same is not None and overwrites:
        document_id = str(same["id"])
        update(call.db, "documents", document_id, content)
    else:
        document_id = new_id()
        _add(call, dataset, document_id, content | {"doc_form": config.doc_form})
    call.enqueue("index", document_id)
    return _with_batch(call, document_id)


def replace(
    call: Call,
    dataset: sqlite3.Row,
    source: Source | None,
    config: KnowledgeConfig,
    *,
    name: str | None = None,
) -> Answer:
    """Give the document of the path a new source, rule or name. It has to be available [075, 084, 094]."""
    row = call.document("Document not found")
    if views.display_status(row) != "available":
        raise answers.invalid("Document is not available")
    # "web" whoever updates [074]
    changes: dict[str, Any] = {"indexing_status": "waiting", "created_from": "web", "updated_at": call.now}
    if config.process_rule is not None:
        changes["process_rule_id"] = rules.store(call, dataset["id"], config.process_rule)
    if name is not None:
        changes["name"] = name[:NAME_LENGTH]
    update(call.db, "documents", row["id"], changes | (source.columns() if source else {}))
    call.enqueue("index", row["id"])
    return _with_batch(call, row["id"])


def delete(call: Call) -> Answer:
    """At any time, also while it is indexed [103]; only an archived one is refused [088]."""
    dataset = call.dataset()
    row = call.document("Document Not Exists.")
    if row["archived"]:
        message = "The archived document is not editable."
        raise answers.Refused(403, "archived_document_immutable", message)
    search.remove(call.db, dataset["number"], of="document_id", is_id=row["id"])
    call.db.execute("DELETE FROM segments WHERE document_id = ?", (row["id"],))
    call.db.execute("DELETE FROM children WHERE document_id = ?", (row["id"],))
    call.db.execute("DELETE FROM documents WHERE id = ?", (row["id"],))
    return NO_CONTENT


def change_status(call: Call) -> Answer:
    """enable, disable, archive, un_archive [082-091]. Unknown ids are skipped. The index follows later."""
    call.dataset()
    action = call.path["action"]
    if action not in ACTIONS:
        raise _invalid_action(f"Invalid action: {action}. Must be one of {list(ACTIONS)}")
    payload = payloads.read(DocumentIds, call.body)
    for document_id in payload.document_ids:
        row = one(
            call.db,
            "SELECT * FROM documents WHERE id = ? AND dataset_id = ?",
            (document_id, call.path["dataset_id"]),
        )
        if row is not None:
            _apply(call, row, action)
    return SUCCESS


def _apply(call: Call, row: sqlite3.Row, action: str) -> None:
    if row["is_toggling"]:
        raise _invalid_action(f"Document:{row['name']} is being indexed, please try again later")
    changes: dict[str, Any]
    if action in ("enable", "disable"):
        is_on = action == "enable"
        if bool(row["enabled"]) is is_on:
            return
        if not is_on and row["indexing_status"] != "completed":
            raise _invalid_action(f"Document: {row['name']} is not completed.")
        changes = {"enabled": int(is_on), "disabled_at": None if is_on else call.now}
    else:
        changes = {"archived": int(action == "archive")}
    update(call.db, "documents", row["id"], changes | {"is_toggling": 1, "updated_at": call.now})
    call.enqueue("toggle", row["id"])


def read_config(body: dict[str, Any], dataset: sqlite3.Row) -> KnowledgeConfig:
    """The settings in a document's body, checked as far as Dify does at once."""
    config = payloads.read(KnowledgeConfig, body)
    if config.process_rule is not None:
        rules.require_complete(config.process_rule)
    if dataset["doc_form"] not in (None, config.doc_form):
        raise answers.invalid("doc_form is different from the dataset doc_form.")
    return config


def _settle(call: Call, dataset: sqlite3.Row, config: KnowledgeConfig) -> None:
    """The first document fixes the form, and the technique where there was none [361-364]."""
    changes: dict[str, Any] = {"data_source_type": "upload_file"}
    if dataset["doc_form"] is None:
        changes["doc_form"] = config.doc_form
    if dataset["indexing_technique"] is None:
        changes["indexing_technique"] = config.indexing_technique
        changes["retrieval_model"] = datasets.default_retrieval_model()
        if config.indexing_technique == "high_quality":
            default = call.models.known[0]
            provider = config.embedding_model_provider
            changes["embedding_model"] = config.embedding_model or default.name
            changes["embedding_provider"] = call.models.long_form(provider) if provider else default.provider
    update(call.db, "datasets", dataset["id"], changes)


def _add(call: Call, dataset: sqlite3.Row, document_id: str, content: dict[str, Any]) -> None:
    last = number(call.db, "SELECT max(position) FROM documents WHERE dataset_id = ?", (dataset["id"],))
    own = {"id": document_id, "dataset_id": dataset["id"], "position": last + 1, "created_at": call.now}
    insert(call.db, "documents", own | content)
    if dataset["built_in"]:
        row = _by_id(call.db, document_id)
        update(call.db, "documents", document_id, {"metadata": metadata.built_in_values(row)})


def _with_batch(call: Call, document_id: str) -> Answer:
    row = _by_id(call.db, document_id)
    fields = metadata.fields_json(call.db, row["dataset_id"])
    return Answer({"document": views.as_json(row, fields), "batch": row["batch"]})


def _by_id(db: sqlite3.Connection, document_id: str) -> sqlite3.Row:
    row: sqlite3.Row = db.execute("SELECT * FROM documents WHERE id = ?", (document_id,)).fetchone()
    return row


def _invalid_action(message: str) -> answers.Refused:
    return answers.Refused(400, "invalid_action", message)


def _batch() -> str:
    return time.strftime("%Y%m%d%H%M%S", time.gmtime()) + str(random.randint(100_000, 999_999))  # noqa: S311
