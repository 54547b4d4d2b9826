"""The recordings, and the engine's configuration that stands for the workspace they were made in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbtool.embedded import (
    AppSettings,
    EmbeddingModel,
    EngineSettings,
    FailingEmbedding,
    FailingModel,
    InputField,
    SlowEmbedding,
    SlowModel,
)

FOLDER = Path(__file__).parent / "dify"
PROVIDER = "langgenius/openai_api_compatible/openai_api_compatible"
UNKNOWN = "I do not know."


@dataclass(frozen=True, slots=True)
class Recording:
    """One exchange: with `response`, the body of an answer, or `stream`, the text of a stream."""

    number: int
    name: str
    method: str
    path: str
    query: dict[str, Any] | None
    authorization: str | None
    request: Any
    form: Any
    status: int
    headers: dict[str, str]
    response: Any = None
    stream: str | None = None
    seconds: float | None = None

    @property
    def key(self) -> str:
        return f"{self.number:03d}-{self.name}"


def load() -> list[Recording]:
    """All recordings in the order in which they were made."""
    return [
        Recording(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(FOLDER.glob("*.json"))
    ]


def settings() -> EngineSettings:
    """The recorded workspace: three models, its apps, and the texts that make the provider fail."""
    support = ("kb-support",)
    greeting = {"opening_statement": "Hi, how can I help?", "suggested_questions": ("How do refunds work?",)}
    chat = {
        "description": "support-chat description",
        "top_k": 3,
        "refusals": (("en", UNKNOWN), ("zh", UNKNOWN)),
        **greeting,
    }
    apps = (
        _app("app_chat", "support-chat", datasets=(*support, "kb-in-use"), **chat),
        _app("app_chat_noref", "support-chat-noref", datasets=support, citations=False, **chat),
        _app("app_chat_threshold", "support-chat-threshold", datasets=support, score_threshold=0.95, **chat),
        _app(
            "app_chat_inputs",
            "support-chat-inputs",
            datasets=support,
            inputs=(InputField("plan", True, 10),),
            **chat,
        ),
        _app("app_agent", "support-agent", mode="agent-chat", datasets=("nothing",), **chat),
        _app("app_completion", "support-completion", mode="completion", refusals=(("en", UNKNOWN),)),
        _app(
            "app_flow",
            "support-chatflow",
            mode="advanced-chat",
            datasets=support,
            top_k=3,
            description="support-chatflow description",
            opening_statement="Hi from chatflow",
        ),
        # The console switched the first app off and limited it for one request each [345, 346]
        _app("app_chat_off", "support-chat", api_enabled=False),
        _app("app_chat_busy", "support-chat", max_active_requests=1, **chat),
    )
    exploded = '{"error": {"message": "embedding backend exploded", "type": "server_error"}}'
    limited = '{"error": {"message": "Rate limit reached for fake-embed", "type": "rate_limit"}}'
    return EngineSettings(
        dataset_key="dataset_key",
        apps=apps,
        models=tuple(
            EmbeddingModel(PROVIDER, name, dimensions)
            for name, dimensions in (("fake-embed-a", 384), ("fake-embed-b", 256), ("fake-embed-c", 384))
        ),
        faults=(
            FailingEmbedding("!!embedfail", exploded),
            FailingEmbedding("!!embed429", limited),
            SlowEmbedding("!!embedslow", 0.3),
            *(FailingModel(f"!!chat{code}", _fake(code)) for code in ("429", "400", "500")),
            FailingModel("!!chat401", "Incorrect API key provided"),
            FailingModel("!!chatmid500", "died mid-stream", pieces=2),
            SlowModel("!!chatveryslow", before=0.05),
            SlowModel("!!chatslow", between=0.05),
        ),
        ping_seconds=0.02,
        hang_seconds=0.05,
    )


def _fake(code: str) -> str:
    return json.dumps({"error": {"message": f"fake {code} for !!chat{code}", "type": "fake"}})


def _app(key: str, name: str, **more: Any) -> AppSettings:
    return AppSettings(key, name, **more)
