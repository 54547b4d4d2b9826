"""Dify's JSON, both ways: requests are built here, answers parsed into our types. No I/O.

Dify's words *segment* and *child chunk* stop here. An answer without what the contract promises raises
`ContractBroken`; an error answer becomes `Unavailable` or `Rejected`, told apart by status, code and,
where Dify hides a rate limit in a 400 or 403, by the words of the message (contract §1, §6).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kbtool.dify.objects import (
    Dataset,
    DatasetProfile,
    Item,
    Listing,
    Request,
    RetrievalProfile,
    StoredChunk,
    StoredDocument,
)
from kbtool.errors import ContractBroken, Rejected, ServiceError, Unavailable
from kbtool.model import Hit

PARENT_SEPARATOR = "\n\n=====KBTOOL=====\n\n"
PAGE = 100

_RATE_LIMIT = re.compile(r"rate limit|too many requests|try again later|quota|overloaded", re.IGNORECASE)


# Requests


def list_datasets(page: int) -> Request:
    return Request("GET", "/datasets", params={"page": page, "limit": PAGE})


def create_dataset(profile: DatasetProfile) -> Request:
    return Request(
        "POST",
        "/datasets",
        json={
            "name": profile.name,
            "indexing_technique": profile.technique,
            "permission": profile.permission,
            "embedding_model": profile.embedding_model,
            "embedding_model_provider": profile.embedding_provider,
            "retrieval_model": profile.retrieval.as_json(),
        },
    )


def list_embedding_models() -> Request:
    return Request("GET", "/workspaces/current/models/model-types/text-embedding")


def list_documents(dataset_id: str, page: int) -> Request:
    return Request("GET", f"/datasets/{dataset_id}/documents", params={"page": page, "limit": PAGE})


def create_document(dataset_id: str, profile: DatasetProfile, name: str, text: str) -> Request:
    """Create, or overwrite in place the enabled document of exactly this name (contract §3).

    The rule is always sent: without one Dify reuses that of whichever document came last. Not repeatable:
    a second one while the first is being indexed leaves every chunk twice (recording 227).
    """
    return Request(
        "POST",
        f"/datasets/{dataset_id}/document/create-by-text",
        json={
            "name": name,
            "text": text,
            "indexing_technique": profile.technique,
            "doc_form": profile.doc_form,
            "process_rule": {
                "mode": "hierarchical",
                "rules": {
                    "pre_processing_rules": [
                        {"id": "remove_extra_spaces", "enabled": False},
                        {"id": "remove_urls_emails", "enabled": False},
                    ],
                    "segmentation": _cut_at(PARENT_SEPARATOR),
                    "parent_mode": "paragraph",
                    "subchunk_segmentation": _cut_at("\n \n \n"),
                },
            },
        },
        is_repeatable=False,
    )


def delete_document(dataset_id: str, document_id: str) -> Request:
    return Request("DELETE", f"/datasets/{dataset_id}/documents/{document_id}")


def list_chunks(dataset_id: str, document_id: str, page: int) -> Request:
    return Request(
        "GET",
        f"/datasets/{dataset_id}/documents/{document_id}/segments",
        params={"page": page, "limit": PAGE},
    )


def list_metadata_fields(dataset_id: str) -> Request:
    return Request("GET", f"/datasets/{dataset_id}/metadata")


def create_metadata_field(dataset_id: str, name: str) -> Request:
    return Request("POST", f"/datasets/{dataset_id}/metadata", json={"type": "string", "name": name})


def write_metadata(
    dataset_id: str, fields: Mapping[str, str], values: Mapping[str, Mapping[str, str]]
) -> Request:
    """Merge `values` (document id → name → value) into the documents. `fields` maps names to field ids."""
    return Request(
        "POST",
        f"/datasets/{dataset_id}/documents/metadata",
        json={
            "operation_data": [
                {
                    "document_id": document_id,
                    "metadata_list": [
                        {"id": fields[name], "name": name, "value": value} for name, value in entries.items()
                    ],
                    "partial_update": True,
                }
                for document_id, entries in values.items()
            ]
        },
    )


def retrieve(dataset_id: str, query: str, profile: RetrievalProfile) -> Request:
    return Request(
        "POST",
        f"/datasets/{dataset_id}/retrieve",
        json={"query": query, "retrieval_model": profile.as_json()},
    )


def chat(
    query: str, *, user: str, conversation_id: str = "", inputs: Mapping[str, Any] | None = None
) -> Request:
    """A question to the app, streaming: the one mode in which every kind of app answers (contract §7).

    Not repeatable: each one is answered anew, costs money and becomes a message of the conversation.
    """
    return Request(
        "POST",
        "/chat-messages",
        json={
            "inputs": dict(inputs or {}),
            "query": query,
            "user": user,
            "response_mode": "streaming",
            "conversation_id": conversation_id,
            "auto_generate_name": False,
        },
        is_app=True,
        is_repeatable=False,
    )


def app_info() -> Request:
    return Request("GET", "/info", is_app=True)


def _cut_at(separator: str) -> dict[str, Any]:
    # 4,000 is Dify's own upper bound, in characters; our chunks stay below, so that it never cuts.
    return {"separator": separator, "max_tokens": 4000, "chunk_overlap": 0}


# Answers


def parse_datasets(body: Any) -> Listing[Dataset]:
    return _parse("datasets", lambda: _listing(body, _dataset))


def parse_dataset(body: Any) -> Dataset:
    return _parse("dataset", lambda: _dataset(body))


def parse_embedding_models(body: Any) -> tuple[tuple[str, str], ...]:
    """(provider, model) pairs that the workspace can embed with."""
    return _parse(
        "embedding models",
        lambda: tuple(
            (str(provider["provider"]), str(model["model"]))
            for provider in body["data"]
            for model in provider["models"]
            if model.get("status") == "active"
        ),
    )


def parse_documents(body: Any) -> Listing[StoredDocument]:
    return _parse("documents", lambda: _listing(body, _document))


def parse_created_document(body: Any) -> str:
    """The document's id; an overwrite keeps the old one."""
    return _parse("create-by-text", lambda: str(body["document"]["id"]))


def parse_chunks(body: Any) -> Listing[StoredChunk]:
    return _parse("segments", lambda: _listing(body, _chunk))


def parse_metadata_fields(body: Any) -> dict[str, str]:
    """Field names to ids."""
    return _parse("metadata", lambda: {str(f["name"]): str(f["id"]) for f in body["doc_metadata"]})


def parse_created_field(body: Any) -> str:
    return _parse("metadata field", lambda: str(body["id"]))


def parse_hits(body: Any) -> list[Hit]:
    return _parse("retrieve", lambda: [_hit(record) for record in body["records"]])


def parse_citations(resources: Any) -> tuple[Hit, ...]:
    """`retriever_resources` of an answer: like hits, with the document's facts inline."""
    return _parse("retriever_resources", lambda: tuple(_citation(item) for item in resources or ()))


def parse_info(body: Any) -> tuple[str, str]:
    """(name, mode) of the app behind the key."""
    return _parse("info", lambda: (str(body["name"]), str(body["mode"])))


def error_of(status: int, body: Any, what: str) -> ServiceError:
    """The error that an answer of this status means."""
    code, message = "", ""
    if isinstance(body, dict):
        code = str(body.get("code") or "")
        message = str(body.get("message") or body.get("error") or "")
    said = f": {message.splitlines()[0][:300]}" if message else ""
    text = f"Dify answered {status} to {what}{said}"
    if status == 401:
        hint = (
            "Check the key: `dataset-...` is for datasets, `app-...` for the app; neither replaces the other."
        )
        return Rejected(text, hint=hint, status=status, code=code)
    limited = status in {400, 403} and _RATE_LIMIT.search(message)
    if status in {408, 425, 429} or status >= 500 or limited:
        return Unavailable(text, hint="Try again in a minute.", status=status, code=code)
    return Rejected(text, status=status, code=code)


def _parse(what: str, build: Callable[[], Item]) -> Item:
    try:
        return build()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContractBroken(
            f"Dify {what}: the answer does not have the expected form ({type(error).__name__}: {error})",
            hint="Compare the server's version with the one that the README names.",
        ) from error


def _listing(body: Any, parse: Callable[[Any], Item]) -> Listing[Item]:
    return Listing(tuple(parse(item) for item in body["data"]), int(body["total"]))


def _dataset(body: Any) -> Dataset:
    return Dataset(
        id=str(body["id"]),
        name=str(body["name"]),
        technique=str(body["indexing_technique"] or ""),
        embedding_model=str(body["embedding_model"] or ""),
        embedding_provider=str(body["embedding_model_provider"] or ""),
        doc_form=str(body["doc_form"] or ""),
        document_count=int(body["document_count"] or 0),
        app_count=int(body["app_count"] or 0),
    )


def _document(body: Any) -> StoredDocument:
    return StoredDocument(
        id=str(body["id"]),
        name=str(body["name"]),
        indexing_status=str(body["indexing_status"]),
        error=str(body["error"] or ""),
        is_enabled=bool(body["enabled"]),
        is_archived=bool(body["archived"]),
        created_from=str(body["created_from"]),
        # A list in listings, a dict in /retrieve, null where nothing was written.
        metadata=_metadata((entry["name"], entry["value"]) for entry in body["doc_metadata"] or ()),
    )


def _chunk(body: Any) -> StoredChunk:
    children = sorted(body.get("child_chunks") or (), key=lambda child: int(child["position"]))
    return StoredChunk(str(body["content"]), tuple(str(child["content"]) for child in children))


def _hit(record: Any) -> Hit:
    segment = record["segment"]
    document = segment["document"]
    return Hit(
        chunk_id=str(segment["id"]),
        document_id=str(document["id"]),
        document_name=str(document["name"]),
        text=str(segment["content"]),
        score=_score(record["score"]),
        metadata=_metadata((document["doc_metadata"] or {}).items()),
    )


def _citation(item: Any) -> Hit:
    return Hit(
        chunk_id=str(item["segment_id"]),
        document_id=str(item["document_id"]),
        document_name=str(item["document_name"]),
        text=str(item["content"]),
        score=_score(item["score"]),
        metadata=_metadata((item.get("doc_metadata") or {}).items()),
    )


def _metadata(entries: Iterable[tuple[Any, Any]]) -> dict[str, str]:
    """A field without a value is null in a listing, and no field here."""
    return {str(name): str(value) for name, value in entries if value is not None}


def _score(value: Any) -> float | None:
    return None if value is None else float(value)
