"""The suite for servers that are not ours: always against our engine as if it were one, and against the one
that KBTOOL_LIVE_DIFY_URL names.
"""

from __future__ import annotations

import asyncio

import httpx

from kbtool.embedded import AppSettings, EmbeddingModel, EngineSettings, create_app
from tests.contract import live
from tests.server import served

REAL = live.from_environment()


def test_our_engine_passes_as_a_real_server_and_nothing_is_left_behind() -> None:
    async def story() -> tuple[dict[int, list[str]], list[str]]:
        engine = create_app(
            EngineSettings(
                dataset_key="dataset-live",
                apps=(AppSettings("app-live", "bot"),),
                models=(EmbeddingModel("acme/words/words", "other-words"),),
            )
        )
        async with served(engine) as address:
            target = live.Target(f"{address}/v1", "dataset-live", "app-live", pause=0.1)
            headers = {"authorization": "Bearer dataset-live"}
            async with httpx.AsyncClient(base_url=target.url, headers=headers) as client:
                await client.post("/datasets", json={"name": "somebody else's"})
                outcome = await live.run(target)
                left = (await client.get("/datasets")).json()["data"]
        await engine.aclose()
        return outcome, [dataset["name"] for dataset in left]

    outcome, left = asyncio.run(story())
    assert {number: lines for number, lines in outcome.items() if lines} == {}
    assert len(outcome) >= 200
    assert left == ["somebody else's"]


if REAL is not None:
    TARGET = REAL

    def test_a_real_server_answers_as_recorded() -> None:
        outcome = asyncio.run(live.run(TARGET))
        assert {number: lines for number, lines in outcome.items() if lines} == {}
