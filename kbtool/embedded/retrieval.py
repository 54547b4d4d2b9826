"""/retrieve, also called /hit-testing, and the search that chat apps do [151-192, 204, 328, 338, 421-445].

What is found are units; what is given are segments. The first `top_k` *units* count: children of one segment
share them [421], and units whose document is gone take a place and give nothing [338].
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kbtool.embedded import answers, datasets, keywords, metadata, payloads, search, segments
from kbtool.embedded.answers import Answer
from kbtool.embedded.call import Call
from kbtool.embedded.database import one
from kbtool.embedded.faults import EmbeddingFailed
from kbtool.embedded.models import Models
from kbtool.embedded.payloads import HitTestingPayload, RetrievalMethod
from kbtool.embedded.search import Match

MOST = 10_000  # hits; Dify has no bound [167], a number that SQLite cannot count needs one


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to search: the retrieval settings of a request, a dataset or an app, read."""

    method: RetrievalMethod = RetrievalMethod.SEMANTIC
    top_k: int = 4
    threshold: float | None = None
    filter: Any = None


@dataclass(frozen=True, slots=True)
class Found:
    """A segment that answers a query: its row, its document's, the score, and the children that matched."""

    segment: sqlite3.Row
    document: sqlite3.Row
    score: float
    children: tuple[tuple[sqlite3.Row, float], ...] = ()


def answer(call: Call) -> Answer:
    payload = payloads.read(HitTestingPayload, call.body)
    dataset = call.dataset()
    if not payload.query:
        raise answers.invalid("Query or attachment_ids is required")
    wanted = read_settings(payload.retrieval_model or datasets.retrieval_settings(dataset))
    found = retrieve(call.db, call.models, dataset, payload.query, wanted)
    return Answer({"query": {"content": payload.query}, "records": [_record(hit) for hit in found]})


def read_settings(settings: dict[str, Any]) -> Wanted:
    """Not merged with the dataset's: without its two mandatory fields the answer is a 500 [164, 165]."""
    for name in ("score_threshold_enabled", "reranking_enable"):
        if name not in settings:
            raise answers.Refused(500, "internal_server_error", f"'{name}'")
    top_k = settings.get("top_k", datasets.USED_TOP_K)
    if not isinstance(top_k, int) or top_k <= 0:
        raise answers.invalid("top_k must be a positive integer")
    method = settings.get("search_method", RetrievalMethod.SEMANTIC)
    if method not in list(RetrievalMethod):
        raise answers.invalid(f"'{method}' is not a valid RetrievalMethod")
    threshold = (settings.get("score_threshold") or 0.0) if settings["score_threshold_enabled"] else None
    if not isinstance(threshold, int | float | None):
        raise answers.invalid("score_threshold must be a number")
    conditions = settings.get("metadata_filtering_conditions")
    return Wanted(RetrievalMethod(method), min(top_k, MOST), threshold, conditions)


def retrieve(
    db: sqlite3.Connection, models: Models, dataset: sqlite3.Row, query: str, wanted: Wanted
) -> list[Found]:
    """Segments for `query`, best first. Upstream failures are a 400 with the provider's text [174]."""
    documents = metadata.documents_that_match(db, dataset["id"], wanted.filter)
    if documents == []:
        return []
    if wanted.method is RetrievalMethod.KEYWORD:
        return _found(db, keywords.find(db, dataset, query, wanted.top_k, documents))
    matches = _by_meaning(db, models, dataset, query, wanted.top_k, documents)
    if wanted.method is RetrievalMethod.FULL_TEXT:
        matches = [match for match in matches if match.score > 0]  # the threshold is not applied here [156]
    elif wanted.threshold is not None:
        matches = [match for match in matches if match.score >= wanted.threshold]
    return _found(db, matches)


def _by_meaning(
    db: sqlite3.Connection,
    models: Models,
    dataset: sqlite3.Row,
    query: str,
    limit: int,
    documents: Sequence[str] | None,
) -> list[Match]:
    model = models.of(dataset)
    if dataset["indexed_by"] is None:
        name = f"embedding_vector_index_{dataset['id'].replace('-', '_')}_nod"
        raise answers.invalid(f'relation "{name}" does not exist\n')  # [185, 194, 360, 413]
    try:
        vector = models.embed_question(model, str(dataset["embedding_model"]), query)
    except EmbeddingFailed as error:
        raise answers.invalid(str(error)) from error
    provider, name, dimensions = json.loads(dataset["indexed_by"])
    if model is not None and (provider, name) != (model.provider, model.name):
        if dimensions != model.dimensions:
            raise answers.invalid(
                f"different vector dimensions {dimensions} and {model.dimensions}\n"
            )  # [231]
        return search.others(
            db, dataset["number"], [], limit, documents
        )  # garbage, with a straight face [235]
    if vector is not None:
        return models.endpoints.find(db, dataset["number"], vector, limit, documents)
    return search.find(db, dataset["number"], query, limit, documents, vocabulary=models.vocabulary)


def _found(db: sqlite3.Connection, matches: Sequence[Match]) -> list[Found]:
    """Matches by segment: the segment's score is that of its best child, and only matched ones are listed."""
    by_segment: dict[str, list[Match]] = {}
    for match in matches:
        by_segment.setdefault(match.segment_id, []).append(match)
    hits = (_hit(db, segment_id, found) for segment_id, found in by_segment.items())
    return sorted((hit for hit in hits if hit is not None), key=lambda hit: -hit.score)


def _hit(db: sqlite3.Connection, segment_id: str, matches: Sequence[Match]) -> Found | None:
    segment = one(
        db, "SELECT * FROM segments WHERE id = ? AND enabled AND status = 'completed'", (segment_id,)
    )
    if segment is None:
        return None
    document = one(db, "SELECT * FROM documents WHERE id = ?", (segment["document_id"],))
    assert document is not None, "segments do not outlive their document"
    children = [
        (row, match.score)
        for match in matches
        if match.child_id
        and (row := one(db, "SELECT * FROM children WHERE id = ?", (match.child_id,))) is not None
    ]
    best_first = sorted(children, key=lambda pair: -pair[1])
    return Found(segment, document, max(match.score for match in matches), tuple(best_first))


def _record(hit: Found) -> dict[str, Any]:
    children = [
        {"id": row["id"], "content": row["content"], "position": row["position"], "score": score}
        for row, score in hit.children
    ]
    document = {
        "id": hit.document["id"],
        "data_source_type": "upload_file",
        "name": hit.document["name"],
        "doc_type": None,
        "doc_metadata": metadata.as_dict(hit.document),
    }
    return {
        "segment": segments.record(hit.segment) | {"document": document},
        "child_chunks": children or None,
        "score": hit.score,
        "tsne_position": None,
        "files": None,
        "summary": None,
    }
