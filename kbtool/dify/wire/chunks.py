"""Chunks and their children, which Dify calls segments and child chunks (contract §4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kbtool.dify.objects import Listing, Request, StoredChild, StoredChunk
from kbtool.dify.wire.parsing import PAGE, listing, parse


def list_chunks(dataset_id: str, document_id: str, page: int) -> Request:
    """Carries the children of paragraph documents: one request reads a document of 100 parents back."""
    return Request("GET", _segments(dataset_id, document_id), params={"page": page, "limit": PAGE})


def create_chunks(dataset_id: str, document_id: str, texts: Sequence[str]) -> Request:
    """Appended in order, each as it is, whatever its length (322-328). Not repeatable: it appends again."""
    body = {"segments": [{"content": text} for text in texts]}
    return Request("POST", _segments(dataset_id, document_id), json=body, is_repeatable=False)


def change_chunk(
    dataset_id: str,
    document_id: str,
    chunk_id: str,
    *,
    text: str | None = None,
    is_enabled: bool | None = None,
    is_cut_again: bool = False,
) -> Request:
    """New text, or a switch. Without `is_cut_again` the children, which are what is found, stay as they were
    (211); with it children of our own are lost (212). What is off can only be switched on (129).
    """
    asked = {"content": text, "enabled": is_enabled, "regenerate_child_chunks": is_cut_again or None}
    body = {"segment": {name: value for name, value in asked.items() if value is not None}}
    return Request("POST", f"{_segments(dataset_id, document_id)}/{chunk_id}", json=body)


def delete_chunk(dataset_id: str, document_id: str, chunk_id: str) -> Request:
    return Request("DELETE", f"{_segments(dataset_id, document_id)}/{chunk_id}")


def list_children(dataset_id: str, document_id: str, chunk_id: str, page: int) -> Request:
    """The one way to see the children of a full-doc parent: listings of chunks leave them out."""
    path = _children(dataset_id, document_id, chunk_id)
    return Request("GET", path, params={"page": page, "limit": PAGE})


def create_child(dataset_id: str, document_id: str, chunk_id: str, text: str) -> Request:
    path = _children(dataset_id, document_id, chunk_id)
    return Request("POST", path, json={"content": text}, is_repeatable=False)


def change_child(dataset_id: str, document_id: str, chunk_id: str, child_id: str, text: str) -> Request:
    path = f"{_children(dataset_id, document_id, chunk_id)}/{child_id}"
    return Request("PATCH", path, json={"content": text})


def delete_child(dataset_id: str, document_id: str, chunk_id: str, child_id: str) -> Request:
    return Request("DELETE", f"{_children(dataset_id, document_id, chunk_id)}/{child_id}")


def parse_chunks(body: Any) -> Listing[StoredChunk]:
    return parse("segments", lambda: listing(body, _chunk))


def parse_created_chunks(body: Any) -> tuple[StoredChunk, ...]:
    return parse("segments", lambda: tuple(_chunk(item) for item in body["data"]))


def parse_chunk(body: Any) -> StoredChunk:
    return parse("segment", lambda: _chunk(body["data"]))


def parse_children(body: Any) -> Listing[StoredChild]:
    return parse("child chunks", lambda: listing(body, _child))


def parse_child(body: Any) -> StoredChild:
    return parse("child chunk", lambda: _child(body["data"]))


def _segments(dataset_id: str, document_id: str) -> str:
    return f"/datasets/{dataset_id}/documents/{document_id}/segments"


def _children(dataset_id: str, document_id: str, chunk_id: str) -> str:
    return f"{_segments(dataset_id, document_id)}/{chunk_id}/child_chunks"


def _chunk(body: Any) -> StoredChunk:
    children = sorted(body.get("child_chunks") or (), key=lambda child: int(child["position"]))
    return StoredChunk(
        text=str(body["content"]),
        children=tuple(str(child["content"]) for child in children),
        id=str(body["id"]),
        child_ids=tuple(str(child["id"]) for child in children),
        position=int(body["position"]),
        is_enabled=bool(body["enabled"]),
        status=str(body["status"]),
        error=str(body["error"] or ""),
    )


def _child(body: Any) -> StoredChild:
    return StoredChild(
        id=str(body["id"]),
        text=str(body["content"]),
        position=int(body["position"]),
        is_own=body["type"] == "customized",
    )
