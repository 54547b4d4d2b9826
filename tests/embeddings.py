"""A small OpenAI-compatible embeddings server: real HTTP, and vectors that only depend on model and text.

A model's name says how many dimensions it has: `words-64`, `other-words-64`, `words-48`. A vector is a bag of
words, each hashed together with the model's name, so texts that share words are near each other under one
model, and nothing is near anything under two.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from kbtool.embedded import EmbeddingModel
from tests.server import served

PROVIDER = "acme/embed/embed"
KEY = "secret"


def embed(model: str, text: str) -> list[float]:
    """The unit vector of `text` under `model`."""
    size = int(model.rpartition("-")[2])
    vector = [0.0] * size
    for word, count in Counter(re.findall(r"\w+", text.casefold())).items():
        place, sign = _place(model, word, size)
        vector[place] += sign * count
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


@lru_cache(maxsize=50_000)
def _place(model: str, word: str, size: int) -> tuple[int, float]:
    digest = hashlib.blake2b(f"{model}\n{word}".encode(), digest_size=8).digest()
    return int.from_bytes(digest[:7], "big") % size, 1.0 if digest[7] % 2 else -1.0


def _open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@dataclass
class EmbeddingServer:
    """`url` ends in /v1. `texts` counts what each model was sent; `failing` models answer 429. While `gate`
    is cleared nobody is answered, and `waiting` says how many are not.
    """

    url: str = ""
    texts: Counter[str] = field(default_factory=Counter)
    failing: set[str] = field(default_factory=set)
    requests: int = 0
    waiting: int = 0
    gate: asyncio.Event = field(default_factory=_open_gate)

    def model(self, name: str, *, key: str = KEY) -> EmbeddingModel:
        """The model as the engine's configuration names it."""
        dimensions = int(name.rpartition("-")[2])
        return EmbeddingModel(PROVIDER, name, dimensions, endpoint=self.url, key=key)

    async def answer(self, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"error": {"message": "Incorrect API key provided"}}, 401)
        body = json.loads(await request.body())
        self.requests += 1
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        model, texts = body["model"], body["input"]
        if model in self.failing:
            return JSONResponse({"error": {"message": f"Rate limit reached for {model}"}}, 429)
        self.texts[model] += len(texts)
        data = [{"index": at, "embedding": embed(model, text)} for at, text in enumerate(texts)]
        return JSONResponse({"data": data[::-1], "model": model})  # the order is the index's, not the list's


@asynccontextmanager
async def embedding_server() -> AsyncIterator[EmbeddingServer]:
    """The server on loopback, for as long as the block runs."""
    server = EmbeddingServer()
    app = Starlette(routes=[Route("/v1/embeddings", server.answer, methods=["POST"])])
    async with served(app) as address:
        server.url = f"{address}/v1"
        yield server
