"""The server that kb.toml names: a real Dify over HTTP, or the embedded engine in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kbtool.config import EMBEDDED, Secrets, Settings

if TYPE_CHECKING:
    from kbtool.dify.client import DifyClient
    from kbtool.embedded import EngineSettings

APP_KEY = "app-embedded"
DATASET_KEY = "dataset-embedded"


@asynccontextmanager
async def connect(
    settings: Settings, *, needs_datasets: bool = True, needs_app: bool = True
) -> AsyncIterator[DifyClient]:
    """A client for the time of the block. Raises ConfigError for a key that is needed and missing."""
    secrets = Secrets.from_environment().require(settings, needs_datasets=needs_datasets, needs_app=needs_app)
    import httpx

    from kbtool.dify.client import DifyClient

    if settings.dify.base_url != EMBEDDED:
        from kbtool.http import LeanClient

        http: httpx.AsyncClient = LeanClient(
            settings.dify.base_url, timeout=httpx.Timeout(60.0, connect=10.0)
        )
        async with DifyClient(http, dataset_key=secrets.dataset_key, app_key=secrets.app_key) as client:
            yield client
        return
    from kbtool.embedded import create_app

    engine = create_app(engine_settings(settings))
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(engine), base_url="http://embedded/v1", timeout=httpx.Timeout(60.0)
    )
    try:
        async with DifyClient(http, dataset_key=DATASET_KEY, app_key=APP_KEY) as client:
            yield client
    finally:
        await engine.aclose()


def engine_settings(
    settings: Settings, *, dataset_key: str = DATASET_KEY, app_key: str = APP_KEY
) -> EngineSettings:
    """The embedded engine with one app in front of the project's dataset, searching as kb.toml says."""
    from kbtool.embedded import AppSettings, EmbeddingModel, EngineSettings

    path = settings.resolve(settings.embedded.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return EngineSettings(
        path=path,
        dataset_key=dataset_key,
        models=(EmbeddingModel(settings.dify.embedding_provider, settings.dify.embedding_model),),
        apps=(
            AppSettings(
                key=app_key,
                name=f"{settings.dify.dataset} bot",
                datasets=(settings.dify.dataset,),
                top_k=settings.retrieval.top_k,
            ),
        ),
    )
