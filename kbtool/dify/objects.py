"""What Dify has: requests to it, datasets, documents and chunks as values of ours. No JSON, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

LONGEST_QUERY = 250
LONGEST_NAME = 200
DONE = frozenset({"completed", "error", "paused"})
"""Indexing states in which nothing more will happen by itself."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, before anyone sends it. `is_app` chooses the key.

    `is_repeatable` says that doing it twice is like doing it once. Where it is not, the client sends it again
    only when it is sure that the server has not begun with it.
    """

    method: str
    path: str
    json: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    is_app: bool = False
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class RetrievalProfile:
    """How a dataset is searched. Sent in full, always: Dify answers 500 to a partial one (contract §6)."""

    search_method: str = "semantic_search"
    top_k: int = 5
    score_threshold: float | None = None
    reranking_enable: bool = False
    reranking_mode: str | None = None
    reranking_model: Mapping[str, str] | None = None
    weights: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "search_method": self.search_method,
            "reranking_enable": self.reranking_enable,
            "top_k": self.top_k,
            "score_threshold_enabled": self.score_threshold is not None,
            "score_threshold": self.score_threshold,
        }
        optional = {
            "reranking_mode": self.reranking_mode,
            "reranking_model": self.reranking_model,
            "weights": self.weights,
        }
        return body | {name: value for name, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True)
class DatasetProfile:
    """What a dataset is made with; everything explicit, since Dify's own defaults differ by version."""

    name: str
    embedding_model: str
    embedding_provider: str
    retrieval: RetrievalProfile
    technique: str = "high_quality"
    permission: str = "all_team_members"
    doc_form: str = "hierarchical_model"

    def differences(self, dataset: Dataset) -> tuple[tuple[str, str, str], ...]:
        """(what, has, wanted) of all that a dataset was made with and that is otherwise here."""
        pairs = (
            ("doc_form", dataset.doc_form, self.doc_form),
            ("indexing technique", dataset.technique, self.technique),
            ("embedding model", dataset.embedding_model, self.embedding_model),
            ("embedding provider", dataset.embedding_provider, self.embedding_provider),
        )
        return tuple((what, has, wanted) for what, has, wanted in pairs if has and has != wanted)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as the server has it; `doc_form` is "" until its first document fixes it."""

    id: str
    name: str
    technique: str
    embedding_model: str
    embedding_provider: str
    doc_form: str
    document_count: int
    app_count: int


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document of a dataset as the listing shows it."""

    id: str
    name: str
    indexing_status: str
    error: str
    is_enabled: bool
    is_archived: bool
    created_from: str
    metadata: Mapping[str, str]

    @property
    def is_settled(self) -> bool:
        return self.indexing_status in DONE


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A parent chunk read back, with its children's texts in order."""

    text: str
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """One page of a listing. Count by `total`: `has_more` is true on an exactly full last page (385)."""

    items: tuple[Item, ...]
    total: int
