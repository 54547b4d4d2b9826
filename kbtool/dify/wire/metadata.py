"""Metadata fields of a dataset and the values of its documents (contract §5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kbtool.dify.objects import FieldType, MetadataField, Request
from kbtool.dify.wire.parsing import parse


def list_metadata_fields(dataset_id: str) -> Request:
    return Request("GET", f"/datasets/{dataset_id}/metadata")


def create_metadata_field(dataset_id: str, name: str, kind: FieldType = "string") -> Request:
    return Request("POST", f"/datasets/{dataset_id}/metadata", json={"type": kind, "name": name})


def rename_metadata_field(dataset_id: str, field_id: str, name: str) -> Request:
    return Request("PATCH", f"/datasets/{dataset_id}/metadata/{field_id}", json={"name": name})


def delete_metadata_field(dataset_id: str, field_id: str) -> Request:
    return Request("DELETE", f"/datasets/{dataset_id}/metadata/{field_id}")


def write_metadata(
    dataset_id: str,
    fields: Mapping[str, str],
    values: Mapping[str, Mapping[str, str | int | float | None]],
    *,
    replaces: bool = False,
) -> Request:
    """Write `values` (document id → name → value). `fields` maps names to field ids.

    They are merged with what the documents have, unless `replaces`. Documents and fields that are not there
    are ignored without a word (146, 147). Times are unix seconds.
    """
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
                    "partial_update": not replaces,
                }
                for document_id, entries in values.items()
            ]
        },
    )


def parse_metadata_fields(body: Any) -> tuple[MetadataField, ...]:
    return parse(
        "metadata",
        lambda: tuple(
            MetadataField(str(field["id"]), str(field["name"]), str(field["type"]), int(field["count"] or 0))
            for field in body["doc_metadata"]
        ),
    )


def parse_created_field(body: Any) -> str:
    return parse("metadata field", lambda: str(body["id"]))
