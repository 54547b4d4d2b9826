"""The knowledge API: which function answers what. All of them need the dataset key.

Each path is served with hyphens and, where Dify still does, with underscores too [079].
"""

from __future__ import annotations

from kbtool.embedded import (
    children,
    datasets,
    document_views,
    documents,
    files,
    metadata,
    retrieval,
    segments,
)
from kbtool.embedded.call import Endpoint

_DATASET = "/datasets/{dataset_id:uuid}"
_DOCUMENT = _DATASET + "/documents/{document_id:uuid}"
_SEGMENT = _DOCUMENT + "/segments/{segment_id:uuid}"
_CHILD = _SEGMENT + "/child_chunks/{child_chunk_id:uuid}"

ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/workspaces/current/models/model-types/{kind}", datasets.models),
    ("GET", "/datasets", datasets.list_all),
    ("POST", "/datasets", datasets.create),
    ("GET", _DATASET, datasets.read),
    ("PATCH", _DATASET, datasets.change),
    ("DELETE", _DATASET, datasets.delete),
    ("POST", _DATASET + "/retrieve", retrieval.answer),
    ("POST", _DATASET + "/hit-testing", retrieval.answer),
    ("POST", _DATASET + "/document/create-by-text", documents.create_by_text),
    ("POST", _DATASET + "/document/create_by_text", documents.create_by_text),
    ("POST", _DATASET + "/document/create-by-file", files.create),
    ("POST", _DATASET + "/document/create_by_file", files.create),
    ("GET", _DATASET + "/documents", document_views.list_all),
    ("PATCH", _DATASET + "/documents/status/{action}", documents.change_status),
    ("POST", _DATASET + "/documents/metadata", metadata.write_values),
    ("GET", _DATASET + "/documents/{batch}/indexing-status", document_views.indexing_status),
    ("GET", _DOCUMENT, document_views.read),
    ("DELETE", _DOCUMENT, documents.delete),
    ("POST", _DOCUMENT + "/update-by-text", documents.update_by_text),
    ("POST", _DOCUMENT + "/update_by_text", documents.update_by_text),
    ("POST", _DOCUMENT + "/update-by-file", files.update),
    ("POST", _DOCUMENT + "/update_by_file", files.update),
    ("GET", _DOCUMENT + "/segments", segments.list_all),
    ("POST", _DOCUMENT + "/segments", segments.create),
    ("GET", _SEGMENT, segments.read),
    ("POST", _SEGMENT, segments.change),
    ("DELETE", _SEGMENT, segments.delete),
    ("GET", _SEGMENT + "/child_chunks", children.list_all),
    ("POST", _SEGMENT + "/child_chunks", children.create),
    ("PATCH", _CHILD, children.change),
    ("DELETE", _CHILD, children.delete),
    ("GET", _DATASET + "/metadata", metadata.list_fields),
    ("POST", _DATASET + "/metadata", metadata.create_field),
    ("GET", _DATASET + "/metadata/built-in", metadata.list_built_in),
    ("POST", _DATASET + "/metadata/built-in/{action}", metadata.switch_built_in),
    ("PATCH", _DATASET + "/metadata/{metadata_id:uuid}", metadata.rename_field),
    ("DELETE", _DATASET + "/metadata/{metadata_id:uuid}", metadata.delete_field),
)
