"""What Dify has: requests to it, datasets, documents and chunks as values of ours. No JSON, no I/O.

What only apps have is in `conversations.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

LONGEST_QUERY = 250
LONGEST_NAME = 200
DONE = frozenset({"completed", "error", "paused"})
"""Indexing states in which nothing more will happen by itself."""

Item = TypeVar("Item")
StatusAction = Literal["enable", "disable", "archive", "un_archive"]
FieldType = Literal["string", "number", "time"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, before anyone sends it. `is_app` chooses the key.

    `is_repeatable` says that doing it twice is like doing it once. Where it is not, the client sends it again
    only when it is sure that the server has not begun with it. `form` and `files` (field → name, content,
    media type) make it multipart.
    """

    method: str
    path: str
    json: Any = None
    params: Mapping[str, Any] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, tuple[str, bytes, str]] = field(default_factory=dict)
    is_app: bool = False
    is_repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on a document's metadata. Operators are Dify's: `is`, `contains`, `≥`, not `>=` (179)."""

    name: str
    operator: str
    value: str | int | float | tuple[str, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return {"name": self.name, "comparison_operator": self.operator, "value": value}


@dataclass(frozen=True, slots=True)
class RetrievalProfile:
    """How a dataset is searched. Sent in full, always: Dify answers 500 to a partial one (contract §6).

    `conditions` bound the search to documents whose metadata fulfil all of them, or with `any_condition` one.
    They belong to a question, never to a dataset's stored settings.
    """

    search_method: str = "semantic_search"
    top_k: int = 5
    score_threshold: float | None = None
    reranking_enable: bool = False
    reranking_mode: str | None = None
    reranking_model: Mapping[str, str] | None = None
    weights: Mapping[str, Any] | None = None
    conditions: tuple[Condition, ...] = ()
    any_condition: bool = False

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
        body |= {name: value for name, value in optional.items() if value is not None}
        if self.conditions:
            # Inside the retrieval model: at the top level of a request Dify ignores it without a word (181).
            body["metadata_filtering_conditions"] = {
                "logical_operator": "or" if self.any_condition else "and",
                "conditions": [condition.as_json() for condition in self.conditions],
            }
        return body


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
class ModelChange:
    """A PATCH that re-embeds a dataset. Dify does so only when technique, model and provider stand together;
    without the technique it answers 200 and finds garbage from then on (229-235).

    `retrieval` goes along where its weights name the old model, which Dify does not change by itself.
    """

    embedding_model: str
    embedding_provider: str
    technique: str = "high_quality"
    retrieval: RetrievalProfile | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset as the server has it; `doc_form` is "" until its first document fixes it.

    `is_embeddable` is None where the server does not say: only listing and details do (contract §2).
    `retrieval` are its stored settings.
    """

    id: str
    name: str
    technique: str
    embedding_model: str
    embedding_provider: str
    doc_form: str
    document_count: int
    app_count: int
    available_count: int | None = None
    permission: str = ""
    is_embeddable: bool | None = None
    retrieval: RetrievalProfile | None = None


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document of a dataset as the listing shows it. `display_status` is the word people see for it:
    queuing, indexing, paused, error, available, disabled or archived. `size` is the length in characters of
    the text that it was last sent with, None where the server does not say.
    """

    id: str
    name: str
    indexing_status: str
    error: str
    is_enabled: bool
    is_archived: bool
    created_from: str
    metadata: Mapping[str, str]
    display_status: str = ""
    doc_form: str = ""
    created_at: float = 0.0
    size: int | None = None

    @property
    def is_settled(self) -> bool:
        return self.indexing_status in DONE


@dataclass(frozen=True, slots=True)
class IndexingStatus:
    """How the indexing of one document of a batch goes."""

    document_id: str
    status: str
    error: str
    completed: int
    total: int


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A parent chunk read back, with its children's texts in order and their ids.

    Two are equal when they say the same. `error` is filled where a chunk that was added could not be
    embedded: Dify answers 200 to that and does not keep it (122).
    """

    text: str
    children: tuple[str, ...]
    id: str = field(default="", compare=False)
    child_ids: tuple[str, ...] = field(default=(), compare=False)
    position: int = field(default=0, compare=False)
    is_enabled: bool = field(default=True, compare=False)
    status: str = field(default="completed", compare=False)
    error: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class StoredChild:
    """A child chunk. `is_own` says that somebody wrote it through the API; others were cut by the rule."""

    id: str
    text: str
    position: int
    is_own: bool


@dataclass(frozen=True, slots=True)
class MetadataField:
    """A metadata field of a dataset; `documents` is the number of those that have a value in it."""

    id: str
    name: str
    type: str
    documents: int


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """One page of a listing. Count by `total`: `has_more` is true on an exactly full last page (385)."""

    items: tuple[Item, ...]
    total: int
