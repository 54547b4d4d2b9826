"""Questions to a dataset, and what comes back: hits, also as an answer cites them (contract §6, §7)."""

from __future__ import annotations

from typing import Any

from kbtool.dify.objects import Request, RetrievalProfile
from kbtool.dify.text import storable
from kbtool.dify.wire.parsing import parse, score, values
from kbtool.model import Hit


def retrieve(
    dataset_id: str, query: str, profile: RetrievalProfile | None, *, route: str = "retrieve"
) -> Request:
    """With the dataset's own settings where `profile` is None. `hit-testing` is the older name of the route,
    which a 1.13.0 server still answers in the same way (152).
    """
    body: dict[str, Any] = {"query": query}
    if profile is not None:
        body["retrieval_model"] = profile.as_json()
    return Request("POST", f"/datasets/{dataset_id}/{route}", json=body)


def parse_hits(body: Any) -> list[Hit]:
    return parse("retrieve", lambda: [_hit(record) for record in body["records"]])


def parse_citations(resources: Any) -> tuple[Hit, ...]:
    """`retriever_resources` of an answer: like hits, with the document's facts inline."""
    return parse("retriever_resources", lambda: tuple(_citation(item) for item in resources or ()))


def _hit(record: Any) -> Hit:
    segment = record["segment"]
    document = segment["document"]
    return Hit(
        chunk_id=str(segment["id"]),
        document_id=str(document["id"]),
        document_name=str(document["name"]),
        text=str(segment["content"]),
        score=score(record["score"]),
        metadata=values((document["doc_metadata"] or {}).items()),
    )


def _citation(item: Any) -> Hit:
    return Hit(
        chunk_id=storable(str(item["segment_id"])),
        document_id=storable(str(item["document_id"])),
        document_name=storable(str(item["document_name"])),
        text=storable(str(item["content"])),
        score=score(item["score"]),
        metadata=values((item.get("doc_metadata") or {}).items()),
    )
