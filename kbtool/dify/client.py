"""Sends what `wire.py` builds, and waits when Dify says "not now".

One client, built once and shared: over HTTP on the aiohttp transport (design decision 16), or in process
to the embedded engine. What is `Unavailable` is tried again, with growing pauses, within a total deadline.
An answer may also be lost after the server did the work: most requests can simply be repeated, creating a
dataset or a metadata field looks for the one that the first attempt made, and sending a document or a
question is repeated only when the server cannot have begun with it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

import aiohttp
import httpx

from kbtool.dify import wire
from kbtool.dify.objects import (
    Dataset,
    DatasetProfile,
    Item,
    Listing,
    Request,
    RetrievalProfile,
    StoredChunk,
    StoredDocument,
)
from kbtool.dify.stream import Stream
from kbtool.errors import Rejected, ServiceError, Unavailable
from kbtool.model import Answer, Hit, Question

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
REFUSED_UNSEEN = frozenset({httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE})
"""Answers that say that the server did not begin with the request."""


class DifyClient(AbstractAsyncContextManager["DifyClient"]):
    """Datasets, documents, retrieval and chat of one Dify server.

    `http` has the base URL (ending in `/v1`) and the transport. `deadline` bounds every call in seconds,
    retries and the request under way included; `sleep` is an argument so that tests need not wait.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        dataset_key: str = "",
        app_key: str = "",
        attempts: int = 5,
        deadline: float = 120.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._keys = {False: dataset_key, True: app_key}
        self._attempts = attempts
        self._deadline = deadline
        self._sleep = sleep
        self.version = ""
        self.engine = ""
        self.requests = 0

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def datasets(self) -> AsyncIterator[Dataset]:
        async for dataset in self._all(wire.list_datasets, wire.parse_datasets):
            yield dataset

    async def find_dataset(self, name: str) -> Dataset | None:
        """The dataset of exactly this name. Names are unique in a Dify workspace."""
        async for dataset in self.datasets():
            if dataset.name == name:
                return dataset
        return None

    async def create_dataset(self, profile: DatasetProfile) -> Dataset:
        """The dataset, also when an earlier attempt made it and only its answer was lost."""
        try:
            return wire.parse_dataset(await self._ask(wire.create_dataset(profile)))
        except Rejected as error:
            if error.status != httpx.codes.CONFLICT:
                raise
            made = await self.find_dataset(profile.name)
            if made is None or made.document_count or profile.differences(made):
                raise
            return made

    async def embedding_models(self) -> tuple[tuple[str, str], ...]:
        """(provider, model) pairs that can embed. Dify accepts a misspelt model and fails at indexing."""
        return wire.parse_embedding_models(await self._ask(wire.list_embedding_models()))

    async def documents(self, dataset_id: str) -> list[StoredDocument]:
        listing = self._all(lambda page: wire.list_documents(dataset_id, page), wire.parse_documents)
        return [document async for document in listing]

    async def create_document(self, dataset_id: str, profile: DatasetProfile, name: str, text: str) -> str:
        """The id of the document, which is queued for indexing when this returns.

        After Unavailable the document may be there or not: plan again, do not send it again.
        """
        return wire.parse_created_document(
            await self._ask(wire.create_document(dataset_id, profile, name, text))
        )

    async def delete_document(self, dataset_id: str, document_id: str) -> None:
        """Also when it is gone already: what counts is that it is not there."""
        try:
            await self._ask(wire.delete_document(dataset_id, document_id))
        except ServiceError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    async def chunks(self, dataset_id: str, document_id: str) -> list[StoredChunk]:
        listing = self._all(lambda page: wire.list_chunks(dataset_id, document_id, page), wire.parse_chunks)
        return [chunk async for chunk in listing]

    async def require_metadata_fields(self, dataset_id: str, names: tuple[str, ...]) -> dict[str, str]:
        """Names to field ids; missing fields are created."""
        fields = wire.parse_metadata_fields(await self._ask(wire.list_metadata_fields(dataset_id)))
        for name in names:
            if name not in fields:
                fields[name] = await self._create_metadata_field(dataset_id, name)
        return fields

    async def _create_metadata_field(self, dataset_id: str, name: str) -> str:
        """Its id. A refusal may mean that an earlier attempt, whose answer was lost, made it."""
        try:
            return wire.parse_created_field(await self._ask(wire.create_metadata_field(dataset_id, name)))
        except Rejected:
            fields = wire.parse_metadata_fields(await self._ask(wire.list_metadata_fields(dataset_id)))
            if name not in fields:
                raise
            return fields[name]

    async def write_metadata(
        self, dataset_id: str, fields: Mapping[str, str], values: Mapping[str, Mapping[str, str]]
    ) -> None:
        await self._ask(wire.write_metadata(dataset_id, fields, values))

    async def retrieve(self, dataset_id: str, query: str, profile: RetrievalProfile) -> list[Hit]:
        """Hits for `query` (1 to 250 characters), best first.

        Raises Unavailable, Rejected, ContractBroken.
        """
        return wire.parse_hits(await self._ask(wire.retrieve(dataset_id, query, profile)))

    async def app_info(self) -> tuple[str, str]:
        """(name, mode) of the app behind the app key."""
        return wire.parse_info(await self._ask(wire.app_info()))

    async def chat(self, question: Question, *, user: str, conversation_id: str = "") -> Answer:
        """The app's answer. Asked again only if the app cannot have seen the question: it costs money."""
        started = time.monotonic()
        request = wire.chat(question.text, user=user, conversation_id=conversation_id)
        stream = Stream(question)
        try:
            async with (
                asyncio.timeout(self._deadline),
                await self._stream(request) as response,
            ):
                async for line in response.aiter_lines():
                    stream.feed(line)
        except TimeoutError as error:
            # Pings keep a dead chatflow's connection open for minutes; the deadline does not heed them.
            raise Unavailable(f"Dify did not finish an answer within {self._deadline:.0f} s") from error
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return stream.answer(time.monotonic() - started)

    async def _all(
        self, request: Callable[[int], Request], parse: Callable[[Any], Listing[Item]]
    ) -> AsyncIterator[Item]:
        seen, page = 0, 1
        while True:
            listing = parse(await self._ask(request(page)))
            for item in listing.items:
                yield item
            seen, page = seen + len(listing.items), page + 1
            if seen >= listing.total or not listing.items:
                return

    async def _ask(self, request: Request) -> Any:
        """The body of a successful answer; None where it is empty."""
        try:
            async with asyncio.timeout(self._deadline):
                response = await self._send(request, stream=False)
        except TimeoutError as error:
            raise Unavailable(
                f"Dify did not answer {request.method} {request.path} within {self._deadline:.0f} s",
                hint="Try again in a minute.",
            ) from error
        if not response.content:
            return None
        return _json(response)

    async def _stream(self, request: Request) -> _Open:
        return _Open(await self._send(request, stream=True))

    async def _send(self, request: Request, *, stream: bool) -> httpx.Response:
        until = time.monotonic() + self._deadline
        attempt = 1
        while True:
            try:
                return await self._send_once(request, stream=stream)
            except Unavailable as error:
                if not (request.is_repeatable or _is_surely_unseen(error)):
                    raise
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 jitter, not a secret
                if attempt >= self._attempts or time.monotonic() + pause > until:
                    raise
                await self._sleep(pause)
                attempt += 1

    async def _send_once(self, request: Request, *, stream: bool) -> httpx.Response:
        self.requests += 1
        sent = self._http.build_request(
            request.method,
            request.path.removeprefix("/"),
            json=request.json,
            params=dict(request.params) or None,
            headers={"Authorization": f"Bearer {self._keys[request.is_app]}"},
        )
        try:
            response = await self._http.send(sent, stream=stream)
            if response.is_error:
                await response.aread()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        self.version = response.headers.get("x-version", self.version)
        self.engine = response.headers.get("x-engine", "dify")
        if response.is_error:
            body = _json(response) if "json" in response.headers.get("content-type", "") else None
            raise wire.error_of(response.status_code, body, f"{request.method} {request.path}")
        return response

    def _unreachable(self, error: httpx.HTTPError) -> Unavailable:
        address = self._http.base_url.copy_with(userinfo=b"")
        secret = self._http.base_url.userinfo.decode()
        why = str(error) or type(error).__name__
        if secret:
            why = why.replace(f"{secret}@", "")
        return Unavailable(
            f"Dify at {address} cannot be reached: {why}",
            hint="Is the server up, and does [dify] base_url end in /v1?",
        )


class _Open(AbstractAsyncContextManager[httpx.Response]):
    """A streamed response that is closed at the end of the block."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aenter__(self) -> httpx.Response:
        return self._response

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._response.aclose()


def _is_surely_unseen(error: Unavailable) -> bool:
    """Whether the server cannot have begun with the request that ended so.

    The aiohttp transport calls every broken connection a ConnectTimeout, also one that broke after the
    request was sent (httpx-aiohttp 0.2.0), so what it was made from decides.
    """
    if error.status in REFUSED_UNSEEN:
        return True
    failure = error.__cause__
    if not isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout):
        return False
    origin = failure.__cause__
    if isinstance(origin, aiohttp.ClientError):
        return isinstance(origin, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return True


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except json.JSONDecodeError as error:
        raise Unavailable(
            f"Dify answered {response.status_code} with something that is not JSON",
            hint="Is there a proxy or a login page in front of it?",
        ) from error
