"""Request bodies and queries, as strict and as lenient as Dify's own models of the same names.

The names stand in its error messages ("1 validation error for DatasetCreatePayload" [010]), hence they stay.
Unknown keys are ignored everywhere.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from kbtool.embedded import answers

Technique = Literal["high_quality", "economy"]


class Permission(StrEnum):
    ONLY_ME = "only_me"
    ALL_TEAM_MEMBERS = "all_team_members"
    PARTIAL_MEMBERS = "partial_members"


class RetrievalMethod(StrEnum):
    SEMANTIC = "semantic_search"
    FULL_TEXT = "full_text_search"
    HYBRID = "hybrid_search"
    KEYWORD = "keyword_search"


class _Payload(BaseModel):
    # `model_` is pydantic's own prefix; Dify's field names do not care
    model_config = ConfigDict(protected_namespaces=())


P = TypeVar("P", bound=BaseModel)


def read(model: type[P], body: Any) -> P:
    """`body` as `model`, or the 400 that Dify answers."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise answers.from_validation(error) from error


class RetrievalModel(_Payload):
    """A dataset's stored settings: four fields are required, unlike in a request to /retrieve."""

    search_method: RetrievalMethod
    reranking_enable: bool
    reranking_model: dict[str, Any] | None = None
    reranking_mode: str | None = None
    top_k: int
    score_threshold_enabled: bool
    score_threshold: float | None = None
    weights: dict[str, Any] | None = None


class DatasetCreatePayload(_Payload):
    name: str = Field(min_length=1, max_length=40)
    description: str = Field(default="", max_length=400)
    indexing_technique: Technique | None = None
    permission: Permission | None = Permission.ONLY_ME
    provider: str = "vendor"
    retrieval_model: RetrievalModel | None = None
    embedding_model: str | None = None
    embedding_model_provider: str | None = None


class DatasetUpdatePayload(_Payload):
    name: str | None = Field(default=None, min_length=1, max_length=40)
    description: str | None = Field(default=None, max_length=400)
    indexing_technique: Technique | None = None
    permission: Permission | None = None
    embedding_model: str | None = None
    embedding_model_provider: str | None = None
    retrieval_model: RetrievalModel | None = None


class DatasetListQuery(_Payload):
    page: int = 1
    limit: int = 20
    keyword: str | None = None


class PreProcessingRule(_Payload):
    id: str
    enabled: bool


class Segmentation(_Payload):
    separator: str = "\n"
    max_tokens: int
    chunk_overlap: int = 0


class Rule(_Payload):
    pre_processing_rules: list[PreProcessingRule] | None = None
    segmentation: Segmentation | None = None
    parent_mode: Literal["full-doc", "paragraph"] | None = None
    subchunk_segmentation: Segmentation | None = None


class ProcessRule(_Payload):
    mode: Literal["automatic", "custom", "hierarchical"]
    rules: Rule | None = None


class DocumentTextCreatePayload(_Payload):
    name: str
    text: str
    indexing_technique: Any = None


class DocumentTextUpdate(_Payload):
    name: str | None = None
    text: str | None = None
    process_rule: Any = None

    @model_validator(mode="after")
    def _text_needs_a_name(self) -> DocumentTextUpdate:
        if self.text is not None and self.name is None:
            raise ValueError("name is required when text is provided")
        return self


class KnowledgeConfig(_Payload):
    """What a document body becomes before it is stored; here `indexing_technique` is demanded [030]."""

    indexing_technique: Technique
    process_rule: ProcessRule | None = None
    doc_form: str = "text_model"
    doc_language: str = "English"
    duplicate: bool = True
    embedding_model: str | None = None
    embedding_model_provider: str | None = None


class DocumentIds(_Payload):
    document_ids: list[str] = Field(default_factory=list)


class SegmentCreatePayload(_Payload):
    segments: list[dict[str, Any]] | None = None


class SegmentUpdateArgs(_Payload):
    content: str | None = None
    answer: str | None = None
    keywords: list[str] | None = None
    regenerate_child_chunks: bool = False
    enabled: bool | None = None


class SegmentUpdatePayload(_Payload):
    segment: SegmentUpdateArgs


class ChildChunkPayload(_Payload):
    content: str


class MetadataArgs(_Payload):
    type: Literal["string", "number", "time"]
    name: str


class MetadataUpdatePayload(_Payload):
    name: str


class MetadataDetail(_Payload):
    id: str
    name: str
    value: str | int | float | None = None


class DocumentMetadataOperation(_Payload):
    document_id: str
    metadata_list: list[MetadataDetail]
    partial_update: bool = False


class MetadataOperationData(_Payload):
    operation_data: list[DocumentMetadataOperation]


class HitTestingPayload(_Payload):
    """`retrieval_model` is a bare dict: what it lacks is found out later, as a 500 [164, 165]."""

    query: str = Field(max_length=250)
    retrieval_model: dict[str, Any] | None = None


class Condition(_Payload):
    name: str
    comparison_operator: Literal[
        "contains", "not contains", "start with", "end with", "is", "is not", "empty", "not empty",
        "in", "not in", "=", "≠", ">", "<", "≥", "≤", "before", "after",
    ]  # fmt: skip
    value: str | int | float | list[str] | None = None


class MetadataFilteringCondition(_Payload):
    logical_operator: Literal["and", "or"] | None = "and"
    conditions: list[Condition] | None = None


class ChatRequestPayload(_Payload):
    inputs: dict[str, Any]
    query: str
    response_mode: Literal["blocking", "streaming"] | None = None
    conversation_id: str | None = None
    auto_generate_name: bool = True

    @field_validator("conversation_id")
    @classmethod
    def _is_a_uuid(cls, value: str | None) -> str | None:
        if not value:
            return None
        try:
            return str(UUID(value))
        except ValueError:
            raise ValueError("conversation_id must be a valid UUID") from None


class CompletionRequestPayload(_Payload):
    inputs: dict[str, Any]
    query: str = ""
    response_mode: Literal["blocking", "streaming"] | None = None


class MessageListQuery(_Payload):
    conversation_id: UUID
    first_id: UUID | None = None
    limit: int = Field(default=20, ge=1, le=100)


class ConversationListQuery(_Payload):
    last_id: UUID | None = None
    limit: int = Field(default=20, ge=1, le=100)


class ConversationRenamePayload(_Payload):
    name: str | None = None
    auto_generate: bool = False

    @model_validator(mode="after")
    def _name_or_auto(self) -> ConversationRenamePayload:
        if not self.auto_generate and not (self.name or "").strip():
            raise ValueError("name is required when auto_generate is false")
        return self


class MessageFeedbackPayload(_Payload):
    rating: Literal["like", "dislike"] | None = None
    content: str | None = None
