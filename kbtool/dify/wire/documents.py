"""Documents: sent, listed, switched and deleted (contract §3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kbtool.dify.objects import (
    DatasetProfile,
    IndexingStatus,
    Listing,
    Request,
    StatusAction,
    StoredDocument,
)
from kbtool.dify.wire.parsing import PAGE, listing, parse, values

PARENT_SEPARATOR = "\n\n=====KBTOOL=====\n\n"
CHILD_SEPARATOR = "\n \n \n"


def list_documents(dataset_id: str, page: int, *, keyword: str = "", status: str = "") -> Request:
    """`keyword` is a pattern: % and _ stand for anything in it (387). `status` is a *display* status; one
    that Dify does not know is ignored without a word (041, 043).
    """
    asked = {"keyword": keyword, "status": status}
    params = {"page": page, "limit": PAGE} | {name: value for name, value in asked.items() if value}
    return Request("GET", f"/datasets/{dataset_id}/documents", params=params)


def read_document(dataset_id: str, document_id: str) -> Request:
    return Request("GET", f"/datasets/{dataset_id}/documents/{document_id}")


def create_document(dataset_id: str, profile: DatasetProfile, name: str, text: str) -> Request:
    """Create, or overwrite in place the enabled document of exactly this name (contract §3).

    Not repeatable: a second one while the first is being indexed leaves every chunk twice (227).
    """
    path = f"/datasets/{dataset_id}/document/create-by-text"
    body = {"name": name, "text": text, "indexing_technique": profile.technique}
    return Request("POST", path, json=body | _form(profile), is_repeatable=False)


def update_document(
    dataset_id: str, document_id: str, profile: DatasetProfile, name: str, text: str
) -> Request:
    """New text for a document that is available; all its chunks go first (365). Not repeatable, as creating
    is not: the second one meets a document that is waiting, and is refused.
    """
    path = f"/datasets/{dataset_id}/documents/{document_id}/update-by-text"
    return Request("POST", path, json={"name": name, "text": text} | _form(profile), is_repeatable=False)


def delete_document(dataset_id: str, document_id: str) -> Request:
    return Request("DELETE", f"/datasets/{dataset_id}/documents/{document_id}")


def switch_documents(dataset_id: str, action: StatusAction, document_ids: Sequence[str]) -> Request:
    """Enable, disable, archive or un-archive. Ids that are not there are ignored without a word."""
    path = f"/datasets/{dataset_id}/documents/status/{action}"
    return Request("PATCH", path, json={"document_ids": list(document_ids)})


def indexing_status(dataset_id: str, batch: str) -> Request:
    return Request("GET", f"/datasets/{dataset_id}/documents/{batch}/indexing-status")


def parse_documents(body: Any) -> Listing[StoredDocument]:
    return parse("documents", lambda: listing(body, _document))


def parse_document(body: Any) -> StoredDocument:
    return parse("document", lambda: _document(body))


def parse_sent_document(body: Any) -> str:
    """The document's id; an overwrite keeps the old one."""
    return parse("create-by-text", lambda: str(body["document"]["id"]))


def parse_batch(body: Any) -> str:
    """The batch of a document that was sent, which `indexing_status` wants."""
    return parse("create-by-text", lambda: str(body["batch"]))


def parse_indexing_status(body: Any) -> tuple[IndexingStatus, ...]:
    return parse("indexing-status", lambda: tuple(_indexing_status(item) for item in body["data"]))


def _form(profile: DatasetProfile) -> dict[str, Any]:
    """The form and its rule. The rule is always sent: without one Dify reuses that of whichever document
    came last (116).
    """
    rules: dict[str, Any] = {
        "pre_processing_rules": [
            {"id": "remove_extra_spaces", "enabled": False},
            {"id": "remove_urls_emails", "enabled": False},
        ],
        "segmentation": _cut_at(PARENT_SEPARATOR),
    }
    mode = "custom"
    if profile.doc_form == "hierarchical_model":
        mode = "hierarchical"
        rules |= {"parent_mode": "paragraph", "subchunk_segmentation": _cut_at(CHILD_SEPARATOR)}
    return {"doc_form": profile.doc_form, "process_rule": {"mode": mode, "rules": rules}}


def _cut_at(separator: str) -> dict[str, Any]:
    # 4,000 is Dify's own upper bound, in characters; our chunks stay below, so that it never cuts.
    return {"separator": separator, "max_tokens": 4000, "chunk_overlap": 0}


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
        metadata=values((entry["name"], entry["value"]) for entry in body["doc_metadata"] or ()),
        display_status=str(body.get("display_status") or ""),
        doc_form=str(body.get("doc_form") or ""),
        created_at=float(body.get("created_at") or 0.0),
        size=((body.get("data_source_detail_dict") or {}).get("upload_file") or {}).get("size"),
    )


def _indexing_status(body: Any) -> IndexingStatus:
    return IndexingStatus(
        document_id=str(body["id"]),
        status=str(body["indexing_status"]),
        error=str(body["error"] or ""),
        completed=int(body["completed_segments"] or 0),
        total=int(body["total_segments"] or 0),
    )
