"""The recordings against a server that is not ours: a real Dify, or our engine served as if it were one.

Sent is what asks nothing of the server but its API: no provider that fails on purpose, no worker that stands
still, no console, no language model. Everything is made in datasets of its own, and these are deleted at the
end, whatever happened; nothing else is touched.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from tests.contract import recordings, replay
from tests.contract.compare import VOLATILE, Ids
from tests.contract.recordings import PROVIDER, Recording
from tests.contract.replay import Replay

DATASETS = ("kb-hq", "kb-parent-child", "kb-exact", "kbtool story 1795230996")
MODELS = ("fake-embed-a", "fake-embed-b", "fake-embed-c")
APP = frozenset({250, 256, 257, 261, 262, 264, 265, 267, 292, 297, 303, 304, 317, 318})
"""Of an app: what any chat app answers, however it is configured and whatever its model says."""
# Whole stories, from the dataset that each begins with; what they lack is named below
STORIES = (
    *(range(1, 5), range(7, 9), range(10, 14), range(17, 19), range(20, 23), range(27, 183)),
    *(range(193, 219), range(322, 329), range(365, 369), range(401, 430), range(449, 450), range(454, 455)),
)
NEEDS_MORE = frozenset(
    {
        *range(93, 99),  # documents that a provider failed to embed
        *(194, 204, 205),  # a certain vector store, and scores
        *((replay.AHEAD | replay.MIDWAY) - {410, 411}),  # a worker that is behind
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """A server by its base URL, which ends in /v1, and its keys. `patience` is the longest wait in seconds;
    `pause` what switches in the background are given, which no API shows.
    """

    url: str
    dataset_key: str
    app_key: str = ""
    patience: float = 300.0
    pause: float = 2.0


def from_environment() -> Target | None:
    """The server that the environment names: KBTOOL_LIVE_DIFY_URL, KBTOOL_LIVE_DATASET_KEY and, for the app
    part, KBTOOL_LIVE_APP_KEY.
    """
    url = os.environ.get("KBTOOL_LIVE_DIFY_URL", "")
    if not url:
        return None
    dataset_key, app_key = (os.environ.get(f"KBTOOL_LIVE_{kind}_KEY", "") for kind in ("DATASET", "APP"))
    return Target(url, dataset_key, app_key)


def numbers(target: Target) -> frozenset[int]:
    """The recordings that are sent to `target`."""
    marked = {recording.number for recording in recordings.load() if "!!" in str(recording.request)}
    knowledge = {number for story in STORIES for number in story} - NEEDS_MORE
    return frozenset((knowledge | (APP if target.app_key else frozenset())) - marked)


class LiveReplay(Replay):
    """A run that only has the API. `made` are the ids of the datasets that it made."""

    def __init__(self, target: Target, client: httpx.AsyncClient, names: dict[str, str]) -> None:
        super().__init__(
            client,
            {recording.number: recording for recording in recordings.load()},
            ids=Ids(names=names, loose=VOLATILE | {"author_name", "value", "position"}),
            keys={"dataset_key": target.dataset_key, "app_chat": target.app_key},
            is_same_model=False,
            headers=frozenset({"content-type"}),
        )
        self.made: list[str] = []
        self._target = target

    async def send(self, recording: Recording) -> httpx.Response:
        response = await super().send(recording)
        if (recording.method, recording.path) == ("POST", "/v1/datasets") and response.is_success:
            self.made.append(response.json()["id"])
        if "/status/" in recording.path:
            await asyncio.sleep(self._target.pause)
        return response

    async def settle(self) -> None:
        until = time.monotonic() + self._target.patience
        for dataset in self.made:
            while any(status not in ("completed", "error") for status in await self._statuses(dataset)):
                assert time.monotonic() < until, "documents are still being indexed"
                await asyncio.sleep(0.1)

    async def switch_dataset_api(self, dataset_id: str, *, is_on: bool) -> None:
        raise AssertionError(f"{dataset_id} needs the console to be {'on' if is_on else 'off'}")

    async def clean_up(self) -> None:
        """Delete what was made; what the recordings deleted themselves is gone already."""
        for dataset in self.made:
            response = await self._request("DELETE", f"/v1/datasets/{dataset}")
            assert response.status_code in (200, 204, 404), f"{dataset} could not be deleted: {response.text}"

    async def _statuses(self, dataset: str) -> list[str]:
        response = await self._request("GET", f"/v1/datasets/{dataset}/documents?limit=100")
        return [document["indexing_status"] for document in response.json().get("data", ())]

    async def _request(self, method: str, path: str) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._target.dataset_key}"}
        return await self.client.request(method, path, headers=headers)


async def run(target: Target) -> dict[int, list[str]]:
    """Differences by number; the datasets that were made are deleted in the end."""
    sent = numbers(target)
    base = target.url.rstrip("/").removesuffix("/v1")
    async with httpx.AsyncClient(base_url=base, timeout=60) as client:
        names = dict(_names(await _models(target, client)))
        live = LiveReplay(target, client, names)
        try:
            await live.run(frozenset(live.recorded.keys() - sent))
        finally:
            await live.clean_up()
    return live.outcome


def _names(model: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """What the server calls the recorded datasets, provider and models."""
    provider, name = model
    yield PROVIDER, provider
    for recorded in MODELS:
        yield recorded, name
    mark = f"{time.time_ns() % 10**9:09d}"
    for at, recorded in enumerate(DATASETS):
        yield recorded, f"kbtool-live-{mark}-{at}"


async def _models(target: Target, client: httpx.AsyncClient) -> tuple[str, str]:
    """The provider and name of the first embedding model of the workspace."""
    headers = {"authorization": f"Bearer {target.dataset_key}"}
    path = "/v1/workspaces/current/models/model-types/text-embedding"
    listed: Any = (await client.get(path, headers=headers)).raise_for_status().json()
    return next(
        (provider["provider"], model["model"]) for provider in listed["data"] for model in provider["models"]
    )
