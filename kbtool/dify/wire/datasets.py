"""Datasets and the models that they may name (contract §2)."""

from __future__ import annotations

from typing import Any, Literal

from kbtool.dify.objects import Dataset, DatasetProfile, Listing, ModelChange, Request, RetrievalProfile
from kbtool.dify.wire.parsing import PAGE, listing, parse


def list_datasets(page: int) -> Request:
    return Request("GET", "/datasets", params={"page": page, "limit": PAGE})


def read_dataset(dataset_id: str) -> Request:
    return Request("GET", f"/datasets/{dataset_id}")


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


def change_model(dataset_id: str, change: ModelChange) -> Request:
    """Repeatable: the second one names the model that the row has by then, and starts nothing (232)."""
    body: dict[str, Any] = {
        "indexing_technique": change.technique,
        "embedding_model": change.embedding_model,
        "embedding_model_provider": change.embedding_provider,
    }
    if change.retrieval is not None:
        body["retrieval_model"] = change.retrieval.as_json()
    return Request("PATCH", f"/datasets/{dataset_id}", json=body)


def change_dataset(
    dataset_id: str, *, name: str | None, permission: str | None, retrieval: RetrievalProfile | None
) -> Request:
    """What can be changed without embedding anything again."""
    body = {
        "name": name,
        "permission": permission,
        "retrieval_model": None if retrieval is None else retrieval.as_json(),
    }
    kept = {key: value for key, value in body.items() if value is not None}
    return Request("PATCH", f"/datasets/{dataset_id}", json=kept)


def delete_dataset(dataset_id: str) -> Request:
    return Request("DELETE", f"/datasets/{dataset_id}")


def list_models(kind: Literal["text-embedding", "rerank"]) -> Request:
    return Request("GET", f"/workspaces/current/models/model-types/{kind}")


def parse_datasets(body: Any) -> Listing[Dataset]:
    return parse("datasets", lambda: listing(body, _dataset))


def parse_dataset(body: Any) -> Dataset:
    return parse("dataset", lambda: _dataset(body))


def parse_models(body: Any) -> tuple[tuple[str, str], ...]:
    """(provider, model) pairs that the workspace can use."""
    return parse(
        "models",
        lambda: tuple(
            (str(provider["provider"]), str(model["model"]))
            for provider in body["data"]
            for model in provider["models"]
            if model.get("status") == "active"
        ),
    )


def _dataset(body: Any) -> Dataset:
    available = body.get("total_available_documents")
    embeddable = body.get("embedding_available")
    stored = body.get("retrieval_model_dict")
    return Dataset(
        id=str(body["id"]),
        name=str(body["name"]),
        technique=str(body["indexing_technique"] or ""),
        embedding_model=str(body["embedding_model"] or ""),
        embedding_provider=str(body["embedding_model_provider"] or ""),
        doc_form=str(body["doc_form"] or ""),
        document_count=int(body["document_count"] or 0),
        app_count=int(body["app_count"] or 0),
        available_count=None if available is None else int(available),
        permission=str(body.get("permission") or ""),
        is_embeddable=None if embeddable is None else bool(embeddable),
        retrieval=None if stored is None else _retrieval(stored),
    )


def _retrieval(body: Any) -> RetrievalProfile:
    has_threshold = bool(body.get("score_threshold_enabled"))
    rerank = {name: value for name, value in (body.get("reranking_model") or {}).items() if value}
    return RetrievalProfile(
        search_method=str(body["search_method"]),
        top_k=int(body["top_k"]),
        score_threshold=float(body.get("score_threshold") or 0.0) if has_threshold else None,
        reranking_enable=bool(body.get("reranking_enable")),
        reranking_mode=body.get("reranking_mode"),
        reranking_model=rerank or None,
        weights=body.get("weights"),
    )
