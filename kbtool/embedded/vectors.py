"""Embeddings from OpenAI-compatible servers, kept as float32 blobs and compared by cosine.

All vectors of a dataset are compared at once, in memory, where they stay until the index changes: 10,000 of
1,024 dimensions are 41 MB. That suits the size of a help centre (benchmarks/engine.py).
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
import numpy as np
import numpy.typing as npt

from kbtool.embedded import search
from kbtool.embedded.faults import EmbeddingFailed
from kbtool.embedded.search import Match
from kbtool.embedded.settings import EmbeddingModel

BATCH = 32
SECONDS = 60.0
DATASETS = 4  # whose vectors are in memory at a time


@dataclass(frozen=True, slots=True)
class _Matrix:
    """The vectors of one dataset as they were at `version`, one row for each unit."""

    version: int
    rows: npt.NDArray[np.float32]
    units: tuple[tuple[str, str | None], ...]
    documents: npt.NDArray[np.int64]
    numbers: dict[str, int]

    def only(self, documents: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which rows belong to these documents."""
        wanted = [self.numbers[document] for document in documents if document in self.numbers]
        return np.isin(self.documents, wanted)


class Endpoints:
    """The servers of models, by one client, and the vectors that came from them."""

    def __init__(self) -> None:
        self._client = httpx.Client(timeout=SECONDS)
        self._matrices: OrderedDict[int, _Matrix] = OrderedDict()

    def close(self) -> None:
        self._client.close()

    def embed(self, model: EmbeddingModel, texts: Sequence[str]) -> Iterator[bytes]:
        """One unit vector for each text, as float32 bytes. Raises EmbeddingFailed with the server's words."""
        for start in range(0, len(texts), BATCH):
            yield from self._batch(model, texts[start : start + BATCH])

    def find(
        self, db: sqlite3.Connection, dataset: int, query: bytes, limit: int, documents: Sequence[str] | None
    ) -> list[Match]:
        """The `limit` units nearest to `query`, best first; the score is the cosine, or 0 below that."""
        matrix = self._matrix(db, dataset)
        asked = np.frombuffer(query, dtype=np.float32)
        if not len(matrix.rows) or matrix.rows.shape[1] != len(asked):
            return []
        scores = np.clip(matrix.rows @ asked, 0.0, 1.0)
        if documents is None:
            best = np.argsort(-scores, kind="stable")[:limit]
        else:
            chosen = np.flatnonzero(matrix.only(documents))
            best = chosen[np.argsort(-scores[chosen], kind="stable")[:limit]]
        return [
            Match(segment, child, float(scores[at])) for at in best for segment, child in [matrix.units[at]]
        ]

    def _matrix(self, db: sqlite3.Connection, dataset: int) -> _Matrix:
        version = search.version(db, dataset)
        known = self._matrices.get(dataset)
        if known is None or known.version != version:
            known = self._matrices[dataset] = _read(db, dataset, version)
        self._matrices.move_to_end(dataset)
        if len(self._matrices) > DATASETS:
            self._matrices.popitem(last=False)
        return known

    def _batch(self, model: EmbeddingModel, texts: Sequence[str]) -> Iterator[bytes]:
        headers = {"Authorization": f"Bearer {model.key}"} if model.key else {}
        body = {"model": model.name, "input": list(texts)}
        try:
            response = self._client.post(
                f"{model.endpoint.rstrip('/')}/embeddings", json=body, headers=headers
            )
            if response.is_error:
                raise EmbeddingFailed(response.text)
            items = sorted(response.json()["data"], key=lambda item: int(item["index"]))
            vectors = [np.asarray(item["embedding"], dtype=np.float32) for item in items]
        except httpx.HTTPError as error:
            raise EmbeddingFailed(f"{type(error).__name__}: {error}") from error
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise EmbeddingFailed(f"not an answer to /embeddings: {error}") from error
        if len(vectors) != len(texts) or any(vector.ndim != 1 for vector in vectors):
            raise EmbeddingFailed(f"{len(texts)} texts sent, {len(vectors)} vectors came back")
        for vector in vectors:
            yield (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32).tobytes()


def _read(db: sqlite3.Connection, dataset: int, version: int) -> _Matrix:
    size, most = db.execute(
        "SELECT count(*), max(length(vector)) FROM units WHERE dataset = ? AND vector IS NOT NULL", (dataset,)
    ).fetchone()
    rows = np.zeros((size, (most or 0) // 4), dtype=np.float32)
    units: list[tuple[str, str | None]] = []
    documents = np.zeros(size, dtype=np.int64)
    numbers: dict[str, int] = {}
    found = db.execute(
        "SELECT segment_id, child_id, document_id, vector FROM units"
        " WHERE dataset = ? AND vector IS NOT NULL ORDER BY id",
        (dataset,),
    )
    for at, row in enumerate(found):
        vector = np.frombuffer(row["vector"], dtype=np.float32)
        rows[at, : len(vector)] = vector
        units.append((row["segment_id"], row["child_id"]))
        documents[at] = numbers.setdefault(row["document_id"], len(numbers))
    return _Matrix(version, rows, tuple(units), documents, numbers)
