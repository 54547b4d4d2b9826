"""Embeddings from an OpenAI-compatible server, kept as float32 blobs and compared by cosine.

All vectors of a dataset are read and compared at once, which suits the size of a help centre. A question's
embedding is waited for on the database's thread, so questions to such a model queue up behind each other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import httpx
import numpy as np

from kbtool.embedded.faults import EmbeddingFailed
from kbtool.embedded.search import Match, among
from kbtool.embedded.settings import EmbeddingModel

BATCH = 32
SECONDS = 60.0


def embed(model: EmbeddingModel, texts: Sequence[str]) -> Iterator[bytes]:
    """One unit vector for each text, as float32 bytes. Raises EmbeddingFailed with the server's own words."""
    headers = {"Authorization": f"Bearer {model.key}"} if model.key else {}
    with httpx.Client(headers=headers, timeout=SECONDS) as client:
        for start in range(0, len(texts), BATCH):
            yield from _batch(client, model, texts[start : start + BATCH])


def _batch(client: httpx.Client, model: EmbeddingModel, texts: Sequence[str]) -> Iterator[bytes]:
    body = {"model": model.name, "input": list(texts)}
    try:
        response = client.post(f"{model.endpoint.rstrip('/')}/embeddings", json=body)
        if response.is_error:
            raise EmbeddingFailed(response.text)
        items = sorted(response.json()["data"], key=lambda item: int(item["index"]))
        vectors = [np.asarray(item["embedding"], dtype=np.float32) for item in items]
    except httpx.HTTPError as error:
        raise EmbeddingFailed(f"{type(error).__name__}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise EmbeddingFailed(f"not an answer to /embeddings: {error}") from error
    if len(vectors) != len(texts):
        raise EmbeddingFailed(f"{len(texts)} texts sent, {len(vectors)} vectors came back")
    for vector in vectors:
        yield (vector / max(float(np.linalg.norm(vector)), 1e-12)).astype(np.float32).tobytes()


def find(
    db: sqlite3.Connection, dataset: int, query: bytes, limit: int, documents: Sequence[str] | None
) -> list[Match]:
    """The `limit` units nearest to `query`, best first; the score is the cosine, 0 where it is negative."""
    chosen, values = among(documents)
    rows = db.execute(
        "SELECT segment_id, child_id, vector FROM units u"  # noqa: S608 - `among` gives a constant
        f" WHERE dataset = ? AND vector IS NOT NULL {chosen}",
        (dataset, *values),
    ).fetchall()
    if not rows:
        return []
    matrix = np.frombuffer(b"".join(row["vector"] for row in rows), dtype=np.float32).reshape(len(rows), -1)
    scores = np.clip(matrix @ np.frombuffer(query, dtype=np.float32), 0.0, 1.0)
    best = np.argsort(-scores, kind="stable")[:limit]
    return [Match(rows[at]["segment_id"], rows[at]["child_id"], float(scores[at])) for at in best]
