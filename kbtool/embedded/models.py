"""The embedding models that datasets can name, and what asking one of them gives."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kbtool.embedded import answers
from kbtool.embedded.faults import EmbeddingFailed, Faults
from kbtool.embedded.settings import EmbeddingModel


@dataclass(frozen=True, slots=True)
class Models:
    """The configured models with the faults that stand before them."""

    known: tuple[EmbeddingModel, ...]
    faults: Faults

    def find(self, provider: str | None, name: str | None) -> EmbeddingModel | None:
        return next((model for model in self.known if (model.provider, model.name) == (provider, name)), None)

    def long_form(self, provider: str) -> str:
        """`openai` -> `langgenius/openai/openai` [016]; a 400 for a provider that is not there [015]."""
        long = provider if "/" in provider else f"langgenius/{provider}/{provider}"
        if all(model.provider != long for model in self.known):
            raise answers.invalid(f"Provider {long} does not exist.")
        return long

    def embed(self, model: EmbeddingModel | None, name: str, texts: Sequence[str]) -> list[bytes | None]:
        """One vector each, None where the model is the lexical one. Raises EmbeddingFailed."""
        if model is None:
            raise EmbeddingFailed(f"Model {name} is not available.")
        if message := self.faults.embedding_error(texts):
            raise EmbeddingFailed(message)
        if not model.endpoint or not texts:
            return [None] * len(texts)
        from kbtool.embedded import vectors  # noqa: PLC0415 - httpx and numpy only where an endpoint is set

        return list(vectors.embed(model, texts))

    def of(self, dataset: sqlite3.Row) -> EmbeddingModel | None:
        return self.find(dataset["embedding_provider"], dataset["embedding_model"])

    def list_json(self, tenant: str) -> dict[str, Any]:
        """GET models/model-types/text-embedding [006]: models by provider."""
        providers = dict.fromkeys(model.provider for model in self.known)
        return {"data": [self._provider_json(provider, tenant) for provider in providers]}

    def _provider_json(self, provider: str, tenant: str) -> dict[str, Any]:
        label = provider.rsplit("/", 1)[-1]
        return {
            "tenant_id": tenant,
            "provider": provider,
            "label": {"zh_Hans": label, "en_US": label},
            "icon_small": None,
            "icon_small_dark": None,
            "status": "active",
            "models": [_model_json(model) for model in self.known if model.provider == provider],
        }


def _model_json(model: EmbeddingModel) -> dict[str, Any]:
    return {
        "model": model.name,
        "label": {"zh_Hans": model.name, "en_US": model.name},
        "model_type": "text-embedding",
        "features": None,
        "fetch_from": "predefined-model",
        "model_properties": {"context_size": 8191, "max_chunks": 16},
        "deprecated": False,
        "status": "active",
        "load_balancing_enabled": False,
        "has_invalid_load_balancing_configs": False,
    }
