"""The embedding models that datasets can name, and what asking one of them gives."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from kbtool.embedded import answers
from kbtool.embedded.faults import EmbeddingFailed, Faults
from kbtool.embedded.search import Vocabulary
from kbtool.embedded.settings import EmbeddingModel

if TYPE_CHECKING:
    from kbtool.embedded.vectors import Endpoints

T = TypeVar("T")


REMEMBERED = 1024
"""Embeddings of questions that are kept; Dify keeps them for ten minutes (contract §6)."""


class NotEmbedded(Exception):
    """A question has to be embedded first, outside of the database's thread. See `Models.with_embeddings`."""

    def __init__(self, model: EmbeddingModel, text: str) -> None:
        super().__init__(f"{len(text)} characters are not embedded by {model.name} yet")
        self.model = model
        self.text = text


class Models:
    """The configured models, the faults that stand before them, and the latest questions with vectors."""

    def __init__(self, known: tuple[EmbeddingModel, ...], faults: Faults) -> None:
        self.known = known
        self.faults = faults
        self.vocabulary = Vocabulary()
        self._endpoints: Endpoints | None = None
        self._making = Lock()
        self._asking: set[asyncio.Future[Any]] = set()
        self._questions: OrderedDict[tuple[str, str, str], bytes | EmbeddingFailed] = OrderedDict()

    @property
    def endpoints(self) -> Endpoints:
        """The servers of the models, and their vectors in memory. Made when a model with a server is used."""
        from kbtool.embedded.vectors import Endpoints  # noqa: PLC0415 - httpx and numpy only where needed

        with self._making:  # the database's thread and those of questions may come at the same time
            if self._endpoints is None:
                self._endpoints = Endpoints()
            return self._endpoints

    async def aclose(self) -> None:
        """Close what was opened, once nobody asks a server any more: a thread cannot be stopped in between,
        and would leave its connection open.
        """
        while self._asking:
            await asyncio.wait(self._asking)
        if self._endpoints is not None:
            self._endpoints.close()

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
        known = self._require(model, name, texts)
        if not known.endpoint or not texts:
            return [None] * len(texts)
        return list(self.endpoints.embed(known, texts))

    async def embed_apart(
        self, model: EmbeddingModel | None, name: str, texts: Sequence[str]
    ) -> list[bytes | None]:
        """`embed` in a thread of its own. Raises EmbeddingFailed."""
        return await self._in_thread(partial(self.embed, model, name, texts))

    def embed_question(self, model: EmbeddingModel | None, name: str, text: str) -> bytes | None:
        """Its vector, or None from the lexical model. Raises EmbeddingFailed, and NotEmbedded to be called
        again within `with_embeddings`.
        """
        known = self._require(model, name, [text])
        if not known.endpoint:
            return None
        key = (known.provider, known.name, text)
        found = self._questions.get(key)
        if found is None:
            raise NotEmbedded(known, text)
        if isinstance(found, EmbeddingFailed):
            self._questions.pop(key, None)  # said once: the next one asks again
            raise found
        return found

    async def with_embeddings(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, which is begun anew for each question that it finds not embedded yet.

        A model's server may take seconds, and nobody else shall wait for it on the database's thread.
        """
        while True:
            try:
                return await work()
            except NotEmbedded as missing:
                await self._in_thread(partial(self._look_up, missing.model, missing.text))

    async def _in_thread(self, ask: Callable[[], T]) -> T:
        """What `ask` gives. It goes on when its caller is cancelled; `aclose` waits for it then."""
        asking = asyncio.ensure_future(asyncio.to_thread(ask))
        self._asking.add(asking)
        asking.add_done_callback(self._ended)
        return await asyncio.shield(asking)

    def _ended(self, asking: asyncio.Future[Any]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()  # looked at: nobody else may be left to do so

    def _look_up(self, model: EmbeddingModel, text: str) -> None:
        found: bytes | EmbeddingFailed
        try:
            (found,) = self.endpoints.embed(model, [text])
        except EmbeddingFailed as error:
            found = error
        self._questions[(model.provider, model.name, text)] = found
        while len(self._questions) > REMEMBERED:
            self._questions.popitem(last=False)

    def _require(self, model: EmbeddingModel | None, name: str, texts: Sequence[str]) -> EmbeddingModel:
        """The model, if it is there and no fault stands before it."""
        if model is None:
            raise EmbeddingFailed(f"Model {name} is not available.")
        if message := self.faults.embedding_error(texts):
            raise EmbeddingFailed(message)
        return model

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
