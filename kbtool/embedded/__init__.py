"""A small Dify-compatible engine: datasets, retrieval and chat over one SQLite file.

It answers as a real Dify 1.13.0 was recorded to; numbers in brackets, such as [031], are the recordings in
`tests/contract/dify/`. It never pretends to be more: every answer carries `X-Engine`, and its chat answers
are extracts of what was indexed, never generated.

    engine = create_app(EngineSettings(path=Path(".kbtool/engine.db"), apps=(AppSettings(...),)))
    httpx.AsyncClient(transport=httpx.ASGITransport(engine), base_url="http://embedded")

or `uvicorn` for others to reach it. `await engine.aclose()` ends it.
"""

from __future__ import annotations

from kbtool.embedded.app import Engine, create_app
from kbtool.embedded.fault_kinds import (
    CannedAnswer,
    Cut,
    FailingEmbedding,
    FailingModel,
    Fault,
    HalfEmbedded,
    KnowledgeLimit,
    Latency,
    MissingRoute,
    NoWorker,
    OldModelKept,
    SlowEmbedding,
    SlowIndexing,
    SlowModel,
)
from kbtool.embedded.settings import AppSettings, EmbeddingModel, EngineSettings, InputField

__all__ = [
    "AppSettings",
    "CannedAnswer",
    "Cut",
    "EmbeddingModel",
    "Engine",
    "EngineSettings",
    "FailingEmbedding",
    "FailingModel",
    "Fault",
    "HalfEmbedded",
    "InputField",
    "KnowledgeLimit",
    "Latency",
    "MissingRoute",
    "NoWorker",
    "OldModelKept",
    "SlowEmbedding",
    "SlowIndexing",
    "SlowModel",
    "create_app",
]
