"""Datasets: create, list, read, change, delete [005-026, 193, 229-246, 333-343]."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from kbtool.embedded import answers, metadata, payloads, search
from kbtool.embedded.answers import NO_CONTENT, Answer
from kbtool.embedded.call import OWNER, OWNER_NAME, PAGE_LIMIT, TENANT, Call, has_api, page, stamp, to_skip
from kbtool.embedded.database import insert, new_id, number, one, update
from kbtool.embedded.payloads import (
    DatasetCreatePayload,
    DatasetListQuery,
    DatasetUpdatePayload,
    RetrievalModel,
)
from kbtool.embedded.settings import AppSettings

# What a dataset shows that was never given a retrieval model [009]; searching it takes four [228].
SHOWN_TOP_K, USED_TOP_K = 2, 4
MODEL_KINDS = frozenset({"llm", "text-embedding", "rerank", "speech2text", "moderation", "tts"})


def create(call: Call) -> Answer:
    """`embedding_available` is null in this answer; a misspelt model is accepted [014]."""
    payload = payloads.read(DatasetCreatePayload, call.body)
    if one(call.db, "SELECT 1 FROM datasets WHERE name = ?", (payload.name,)):
        message = "The dataset name already exists. Please modify your dataset name."
        raise answers.Refused(409, "dataset_name_duplicate", message)
    provider, model = payload.embedding_model_provider, payload.embedding_model
    if payload.indexing_technique == "high_quality":
        default = call.models.known[0]
        provider = call.models.long_form(provider) if provider else default.provider
        model = model or default.name
    else:
        provider = model = None
    dataset_id = new_id()
    insert(
        call.db,
        "datasets",
        {
            "id": dataset_id,
            "name": payload.name,
            "description": payload.description,
            "permission": payload.permission or payloads.Permission.ONLY_ME,
            "indexing_technique": payload.indexing_technique,
            "embedding_model": model,
            "embedding_provider": provider,
            "retrieval_model": _dump(payload.retrieval_model),
            "created_at": call.now,
            "updated_at": call.now,
        },
    )
    return Answer(_json(call, _by_id(call.db, dataset_id)))


def list_all(call: Call) -> Answer:
    """Newest first. More than a hundred are never given, whatever the limit [024]."""
    query = payloads.read(DatasetListQuery, dict(call.query))
    where, values = "", []
    if query.keyword:
        where, values = "WHERE lower(name) LIKE lower(?)", [f"%{query.keyword}%"]
    page_number, limit = max(query.page, 1), query.limit if query.limit > 0 else 20
    rows = call.db.execute(
        f"SELECT * FROM datasets {where} ORDER BY number DESC LIMIT ? OFFSET ?",  # noqa: S608
        [*values, min(limit, PAGE_LIMIT), to_skip(page_number, limit)],
    ).fetchall()
    total = number(call.db, f"SELECT count(*) FROM datasets {where}", values)  # noqa: S608
    shown = [_json(call, row) | {"embedding_available": _is_available(call, row)} for row in rows]
    return Answer(page(shown, total, page_number, limit))


def read(call: Call) -> Answer:
    """An economy dataset shows keyword_search here, and only here [189, 341]."""
    row = call.dataset()
    shown = _json(call, row) | {"embedding_available": _is_available(call, row)}
    if row["indexing_technique"] == "economy":
        shown["retrieval_model_dict"]["search_method"] = payloads.RetrievalMethod.KEYWORD
    return Answer(shown)


def change(call: Call) -> Answer:
    """PATCH. A new model re-embeds only if `indexing_technique` stands beside it [229-236]."""
    payload = payloads.read(DatasetUpdatePayload, call.body)
    row = call.dataset()
    changes: dict[str, Any] = payload.model_dump(
        include={"name", "description", "permission"}, exclude_none=True
    )
    if "name" in changes and one(
        call.db, "SELECT 1 FROM datasets WHERE name = ? AND id <> ?", (changes["name"], row["id"])
    ):
        raise answers.invalid("Dataset name already exists")
    if payload.retrieval_model is not None:
        changes["retrieval_model"] = _dump(payload.retrieval_model)
    changes |= _change_of_model(call, row, payload)
    update(call.db, "datasets", row["id"], changes | {"updated_at": call.now})
    return Answer(_json(call, _by_id(call.db, row["id"])) | {"partial_member_list": []})


def _change_of_model(call: Call, row: sqlite3.Row, payload: DatasetUpdatePayload) -> dict[str, Any]:
    technique = payload.indexing_technique
    asked = (payload.embedding_model_provider, payload.embedding_model)
    if technique == "high_quality" and row["indexing_technique"] != "high_quality" and not all(asked):
        raise answers.uncaught()  # [333]
    if technique == "economy":
        if row["indexing_technique"] == "high_quality":
            call.enqueue("unindex", row["id"])
        return {"indexing_technique": technique, "embedding_model": None, "embedding_provider": None}
    changes: dict[str, Any] = {} if technique is None else {"indexing_technique": technique}
    kept = call.models.faults.old_model_kept()
    if all(asked) and not (kept and kept.is_shown):
        provider = call.models.long_form(asked[0] or "")
        changes |= {"embedding_model": asked[1], "embedding_provider": provider}
        is_new = (provider, asked[1]) != (row["embedding_provider"], row["embedding_model"])
        if technique is not None and (is_new or row["indexing_technique"] != technique):
            call.enqueue("reindex", row["id"])
    return changes


def delete(call: Call) -> Answer:
    """204 also when an app uses it [342]."""
    row = call.dataset()
    search.drop_index(call.db, row["number"])
    for table in ("documents", "segments", "children", "metadata_fields", "process_rules"):
        call.db.execute(f"DELETE FROM {table} WHERE dataset_id = ?", (row["id"],))  # noqa: S608
    call.db.execute("DELETE FROM switched_off WHERE dataset_id = ?", (row["id"],))
    call.db.execute("DELETE FROM datasets WHERE id = ?", (row["id"],))
    return NO_CONTENT


def switch_api(db: sqlite3.Connection, dataset_id: str, *, is_on: bool) -> None:
    """What the console does: no API of Dify can."""
    db.execute("DELETE FROM switched_off WHERE dataset_id = ?", (dataset_id,))
    if not is_on:
        insert(db, "switched_off", {"dataset_id": dataset_id})


def models(call: Call) -> Answer:
    """Models by kind. Only embedding ones are here; the other kinds that Dify knows have an empty list."""
    kind = call.path["kind"]
    if kind not in MODEL_KINDS:
        raise answers.invalid(f"invalid model type {kind}")
    return Answer(call.models.list_json(TENANT) if kind == "text-embedding" else {"data": []})


def apps_using(call: Call, row: sqlite3.Row) -> list[AppSettings]:
    return [app for app in call.settings.apps if row["id"] in app.datasets or row["name"] in app.datasets]


def retrieval_settings(row: sqlite3.Row) -> dict[str, Any]:
    """What /retrieve uses when the request names nothing."""
    if row["retrieval_model"]:
        stored: dict[str, Any] = json.loads(row["retrieval_model"])
        return stored
    return _default_settings(USED_TOP_K)


def default_retrieval_model() -> dict[str, Any]:
    """What the first document writes into a dataset that had no technique [362]."""
    return _default_settings(USED_TOP_K)


def _default_settings(top_k: int) -> dict[str, Any]:
    return {
        "search_method": "semantic_search",
        "reranking_enable": False,
        "reranking_mode": None,
        "reranking_model": {"reranking_provider_name": "", "reranking_model_name": ""},
        "weights": None,
        "top_k": top_k,
        "score_threshold_enabled": False,
        "score_threshold": None,
    }


def _dump(model: RetrievalModel | None) -> dict[str, Any] | None:
    if model is None:
        return None
    nobody = {"reranking_provider_name": None, "reranking_model_name": None}
    dumped = model.model_dump(mode="json")
    return dumped | {"reranking_model": dumped["reranking_model"] or nobody}


def _by_id(db: sqlite3.Connection, dataset_id: str) -> sqlite3.Row:
    row: sqlite3.Row = db.execute("SELECT * FROM datasets WHERE id = ?", (dataset_id,)).fetchone()
    return row


def _external(row: sqlite3.Row, stored: dict[str, Any]) -> dict[str, Any]:
    """The settings once more, for datasets kept elsewhere; without stored ones, odd as recorded [009]."""
    if row["retrieval_model"] is None:
        return {"top_k": SHOWN_TOP_K, "score_threshold": 0.0, "score_threshold_enabled": None}
    return {name: stored[name] for name in ("top_k", "score_threshold", "score_threshold_enabled")}


def _is_available(call: Call, row: sqlite3.Row) -> bool:
    return row["embedding_model"] is None or call.models.of(row) is not None


def _json(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    total, words, available = call.db.execute(
        "SELECT count(*), sum(word_count), sum(indexing_status = 'completed' AND enabled AND NOT archived)"
        " FROM documents WHERE dataset_id = ?",
        (row["id"],),
    ).fetchone()
    stored = json.loads(row["retrieval_model"]) if row["retrieval_model"] else _default_settings(SHOWN_TOP_K)
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "provider": "vendor",
        "permission": row["permission"],
        "data_source_type": row["data_source_type"],
        "indexing_technique": row["indexing_technique"],
        "app_count": len(apps_using(call, row)),
        "document_count": total,
        "word_count": words or 0,
        "created_by": OWNER,
        "author_name": OWNER_NAME,
        "created_at": stamp(row["created_at"]),
        "updated_by": OWNER,
        "updated_at": stamp(row["updated_at"]),
        "embedding_model": row["embedding_model"],
        "embedding_model_provider": row["embedding_provider"],
        "embedding_available": None,
        "retrieval_model_dict": stored,
        "summary_index_setting": dict.fromkeys(
            ("enable", "model_name", "model_provider_name", "summary_prompt")
        ),
        "tags": [],
        "doc_form": row["doc_form"],
        "external_knowledge_info": dict.fromkeys(
            (
                "external_knowledge_id",
                "external_knowledge_api_id",
                "external_knowledge_api_name",
                "external_knowledge_api_endpoint",
            )
        ),
        "external_retrieval_model": _external(row, stored),
        "doc_metadata": metadata.fields_json(call.db, row["id"]),
        "built_in_field_enabled": bool(row["built_in"]),
        "pipeline_id": None,
        "runtime_mode": "general",
        "chunk_structure": None,
        "icon_info": dict.fromkeys(("icon_type", "icon", "icon_background", "icon_url")),
        "is_published": False,
        "total_documents": total,
        "total_available_documents": available or 0,
        "enable_api": has_api(call.db, row["id"]),
        "is_multimodal": False,
    }
