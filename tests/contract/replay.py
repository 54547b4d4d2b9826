"""Recordings, in order, against one server over HTTP.

What happened between two recordings and was not recorded is done too (`unrecorded`), in the plainest way that
gives the same state. `EngineReplay` is for our engine: indexing is held while the recording ran ahead of the
worker, and waited for everywhere else, so nothing there depends on time.
"""

from __future__ import annotations

import asyncio
import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from kbtool.embedded import Engine, SlowEmbedding, create_app
from tests.contract import compare, recordings, unrecorded
from tests.contract.compare import Ids
from tests.contract.recordings import Recording
from tests.server import served

# Requests that were sent before the work of an earlier one was done
AHEAD = frozenset({75, 83, 349, 350, 351, 369, 410, 411, 412, 413, 436})
# The document whose embedding takes long is being embedded while these are sent
MIDWAY = frozenset({99, 100, 101, 102, 103})
# Documents were listed while a dataset changed its model
SWITCHING = frozenset({238, 438})
# The console changed the app for one request
OTHER_KEY = {345: "app_chat_off", 346: "app_chat_busy"}
# Answers whose values belong to the recorded provider, or to a switch that was seen half done
FORM_ONLY = frozenset({6, 229, 232, 234, 236, 239, 330, 334, 352, 435})


class Replay(ABC):
    """One run. `outcome` maps each number that was sent to its differences; none means as recorded.

    `keys` are the server's for the recorded names of keys; without `is_same_model` of hits only the form is
    compared, since they depend on who embeds.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        recorded: Mapping[int, Recording],
        *,
        ids: Ids | None = None,
        keys: Mapping[str, str] | None = None,
        is_same_model: bool = True,
        headers: frozenset[str] = frozenset({"content-type", "www-authenticate", "x-version", "x-env"}),
    ) -> None:
        self.client = client
        self.recorded = recorded
        self.ids = ids or Ids()
        self.outcome: dict[int, list[str]] = {}
        self._keys = keys or {}
        self._is_same_model = is_same_model
        self._headers = headers
        self._streaming: asyncio.Task[httpx.Response] | None = None

    @abstractmethod
    async def settle(self) -> None:
        """Wait until everything that was sent is indexed."""

    @abstractmethod
    async def switch_dataset_api(self, dataset_id: str, *, is_on: bool) -> None:
        """Do what only the console can."""

    async def _pace(self, number: int) -> None:  # noqa: ARG002 - some servers can be held at a number
        """Wait until the server is as far as it was when this was recorded."""
        await self.settle()

    async def run(self, skipped: frozenset[int]) -> None:
        for recording in self.recorded.values():
            if recording.number in skipped:
                continue
            if prepare := unrecorded.BEFORE.get(recording.number):
                await self.settle()
                await prepare(self)
            await self._pace(recording.number)
            if recording.number == 316:
                response = await self._finished_stream()
            elif recording.number == 346:
                response = await self._beside_another(recording)
            else:
                response = await self.send(recording)
            self.outcome[recording.number] = list(self._judge(recording, response))

    async def send(self, recording: Recording) -> httpx.Response:
        """The recorded request, with the engine's ids."""
        path, query, body = self.ids.translate([recording.path, recording.query, recording.request])
        if recording.form is not None:
            files = {field: _file(name) for field, name in recording.form["files"].items()}
            data, headers = recording.form["data"], self.authorization(recording)
            return await self.client.post(path, data=data, files=files, headers=headers)
        content = (
            body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        )
        return await self.client.request(
            recording.method,
            path,
            params=query,
            content=content,
            headers={"content-type": "application/json"} | self.authorization(recording),
        )

    async def ask(self, method: str, path: str, body: Any = None, key: str = "dataset_key") -> Any:
        """A request of our own, which has to succeed. `path` may name recorded ids."""
        path, body = self.ids.translate([path, body])
        headers = {"authorization": f"Bearer {self._keys.get(key, key)}"}
        response = await self.client.request(method, f"/v1{path}", json=body, headers=headers)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def _judge(self, recording: Recording, response: httpx.Response) -> Iterator[str]:
        if response.status_code != recording.status:
            yield f"status {recording.status} recorded, {response.status_code} here: {response.text[:200]}"
            return
        for name, value in recording.headers.items():
            if name in self._headers and response.headers.get(name, "").split(";")[0] != value.split(";")[0]:
                yield f"header {name}: {value!r} recorded, {response.headers.get(name)!r} here"
        if recording.stream is not None:
            yield from compare.of_streams(recording.stream, response.text, self.ids)
            return
        if recording.headers["content-type"].startswith("text/html"):
            return
        body = response.json() if response.content else ""
        if recording.status >= 400:
            yield from compare.of_errors(recording.response, body)
            return
        yield from self._judge_body(recording, body)

    def _judge_body(self, recording: Recording, body: Any) -> Iterator[str]:
        expected = recording.response
        if "records" in expected:
            asked = (recording.request.get("retrieval_model") or {}) if recording.request else {}
            is_bounded = asked.get("score_threshold_enabled") and asked["search_method"] == "semantic_search"
            threshold = asked["score_threshold"] if is_bounded else None
            if self._is_same_model:
                yield from compare.of_hits(
                    expected["records"], body["records"], self.ids, threshold=threshold
                )
            else:
                was, now = (_form_of_first(part["records"]) for part in (expected, body))
                yield from compare.differences(was, now, Ids(), values=False)
            expected, body = (
                {name: value for name, value in part.items() if name != "records"}
                for part in (expected, body)
            )
        elif isinstance(expected, dict) and "metadata" in expected and "answer" in expected:
            name = "retriever_resources"
            yield from compare.of_hits(expected["metadata"].pop(name), body["metadata"].pop(name), self.ids)
        elif recording.number == 23:
            expected["data"] = self._made_with(expected["data"], body["data"])
        elif recording.number in (24, 226):  # made in one second: any order
            for part in (expected, body):
                part["data"].sort(key=lambda document: document["name"])
        elif recording.path.endswith("/messages"):
            for left, right in zip(expected["data"], body["data"], strict=False):
                yield from compare.of_hits(
                    left.pop("retriever_resources"), right.pop("retriever_resources"), self.ids
                )
        self.ids.is_switching = recording.number in SWITCHING
        yield from compare.differences(expected, body, self.ids, values=recording.number not in FORM_ONLY)

    def _made_with(self, recorded: list[Any], actual: list[Any]) -> list[Any]:
        """The recorded page, with those of one second in the order in which they are here; 024 shows all."""
        known = {dataset["name"]: dataset for dataset in self.recorded[24].response["data"]}
        pairs = zip(recorded, (known.get(mine["name"]) for mine in actual), strict=False)
        return [
            mine if mine and mine["created_at"] == theirs["created_at"] else theirs for theirs, mine in pairs
        ]

    def authorization(self, recording: Recording) -> dict[str, str]:
        key = OTHER_KEY.get(recording.number, recording.authorization)
        if key is None:
            return {}
        raw = key.removeprefix("raw ")
        return {"authorization": raw if key.startswith("raw ") else f"Bearer {self._keys.get(key, key)}"}

    async def start_stream(self, recording: Recording) -> None:
        """Send the request of 316 and learn its task from the first event; 314 and 315 try to stop it."""
        started: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def read() -> httpx.Response:
            request = self.client.build_request(
                "POST", recording.path, json=recording.request, headers=self.authorization(recording)
            )
            response = await self.client.send(request, stream=True)
            text = ""
            async for part in response.aiter_text():
                text += part
                if not started.done() and "\n\n" in text:
                    started.set_result(json.loads(text.split("\n\n")[0].removeprefix("data: "))["task_id"])
            return httpx.Response(response.status_code, headers=response.headers, text=text)

        self._streaming = asyncio.create_task(read())
        first = json.loads((recording.stream or "").split("\n\n")[0].removeprefix("data: "))
        self.ids.relearn(first["task_id"], await started)

    async def _finished_stream(self) -> httpx.Response:
        assert self._streaming is not None, "314 has started it"
        return await self._streaming

    async def _beside_another(self, recording: Recording) -> httpx.Response:
        other = self.client.stream(
            "POST",
            recording.path,
            json={"inputs": {}, "query": "!!chatslow", "user": "u-1", "response_mode": "streaming"},
            headers=self.authorization(recording),
        )
        async with other as under_way:
            await anext(under_way.aiter_text())
            return await self.send(recording)


class EngineReplay(Replay):
    """A run against our engine, whose worker and console are at hand."""

    def __init__(self, engine: Engine, client: httpx.AsyncClient, recorded: Mapping[int, Recording]) -> None:
        super().__init__(client, recorded)
        self.engine = engine

    async def switch_dataset_api(self, dataset_id: str, *, is_on: bool) -> None:
        await self.engine.switch_dataset_api(dataset_id, is_on=is_on)

    async def _pace(self, number: int) -> None:
        """The worker as far as it was when the recording was made."""
        if number in MIDWAY:
            await _until_embedding(self.engine)
        elif number == 437:  # the index is gone, and no document is embedded yet
            self.engine.inject(SlowEmbedding("refund", 0.05))
            self.engine.release_indexing()
            await _until_embedding(self.engine)
        elif number in AHEAD:
            return
        else:
            await self.settle()
        if number + 1 in AHEAD:
            self.engine.hold_indexing()

    async def settle(self) -> None:
        self.engine.release_indexing()
        await self.engine.settle()


def _form_of_first(hits: list[Any]) -> list[Any]:
    """The first hit without its document's metadata: another one may be the first elsewhere."""
    without = copy.deepcopy(hits[:1])
    for hit in without:
        hit["segment"]["document"]["doc_metadata"] = None
    return without


def _file(name: str | None) -> tuple[str | None, bytes]:
    return (name, b"") if name is None else (name, unrecorded.FILES.get(name, unrecorded.GUIDE).encode())


async def _until_embedding(engine: Engine) -> None:
    """Until a document is being embedded."""
    query = "SELECT count(*) FROM documents WHERE indexing_status = 'indexing'"
    for _ in range(500):
        if await engine.database.run(lambda db: db.execute(query).fetchone()[0]):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("no document came to be embedded")


async def replay(skipped: frozenset[int]) -> dict[int, list[str]]:
    """Differences by number, of everything but `skipped`."""
    engine = create_app(recordings.settings())
    wanted = recordings.load()
    async with served(engine) as url, httpx.AsyncClient(base_url=url, timeout=20) as client:
        run = EngineReplay(engine, client, {recording.number: recording for recording in wanted})
        await run.run(skipped)
    await engine.aclose()
    return run.outcome
