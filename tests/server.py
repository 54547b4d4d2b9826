"""The embedded engine as tests use it, in process and on a socket, with small documents.

`Server` runs it in process over a file, counted, and dead after n requests. `over_http` puts it on a real
socket behind the client as commands use it, for what only a connection can show.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from httpx_aiohttp import HttpxAiohttpClient
from starlette.types import ASGIApp, Receive, Scope, Send

from kbtool.chunk import split
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import DatasetProfile, RetrievalProfile
from kbtool.embedded import AppSettings, EmbeddingModel, Engine, EngineSettings, Fault, create_app
from kbtool.model import Document, Kind, Page

Value = TypeVar("Value")


def run(work: Coroutine[Any, Any, Value]) -> Value:
    return asyncio.run(work)


def page(title: str, markdown: str, key: str = "", *, kind: Kind = Kind.MARKDOWN) -> Page:
    slug = title.casefold().replace(" ", "-")
    return Page(key or slug, slug, title, markdown, f"export/{title}.md", kind)


def document(title: str, markdown: str, key: str = "") -> Document:
    return split(page(title, markdown, key))


PROFILE = DatasetProfile(
    name="help",
    embedding_model="words-and-bigrams",
    embedding_provider="kbtool/lexical/lexical",
    retrieval=RetrievalProfile(),
)


@dataclass
class Server:
    """The embedded engine as a test wants it.

    After `dies_after` requests it breaks the connection for good; if `dies_answering`, it still does the next
    one and then dies, so that the answer is lost. `loses` is a pattern of "METHOD path": the first such
    request is done, its answer lost, and the server stays up.
    """

    path: Path
    faults: tuple[Fault, ...] = ()
    models: tuple[EmbeddingModel, ...] = (EmbeddingModel(),)
    dies_after: int | None = None
    dies_answering: bool = False
    loses: str = ""
    requests: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[DifyClient]:
        engine = create_app(
            EngineSettings(
                path=self.path,
                apps=(AppSettings(key="app-test", name="bot", datasets=(PROFILE.name,), top_k=5),),
                faults=self.faults,
                models=self.models,
            )
        )
        transport = _Counting(httpx.ASGITransport(engine), self)
        http = httpx.AsyncClient(transport=transport, base_url="http://embedded/v1", timeout=30)
        try:
            async with DifyClient(
                http, dataset_key="dataset-embedded", app_key="app-test", attempts=2, sleep=_no_sleep
            ) as client:
                yield client
        finally:
            await engine.aclose()


class _Counting(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.ASGITransport, server: Server) -> None:
        self._inner, self._server = inner, server

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        server = self._server
        is_last = False
        if server.dies_after is not None:
            left = server.dies_after + server.dies_answering - len(server.requests)
            is_last = server.dies_answering and left == 1
            if left <= 0:
                raise httpx.ConnectError("the server is gone")
        asked = f"{request.method} {request.url.path}"
        server.requests.append(asked)
        response = await self._inner.handle_async_request(request)
        if server.loses and re.search(server.loses, asked):
            server.loses, is_last = "", True
        if is_last:
            await response.aclose()
            raise httpx.ReadError("the answer is lost")
        return response


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0.005)


APP = AppSettings(key="app-test", name="bot", datasets=(PROFILE.name,), top_k=5)


@dataclass
class Connected:
    """A client and the engine that it talks to over HTTP. `pauses` are the waits that the client asked for,
    in seconds, none of which was waited; `asked` is every request that arrived.
    """

    client: DifyClient
    engine: Engine
    address: str
    pauses: list[float]
    asked: list[str]

    async def dataset(self, *texts: str, profile: DatasetProfile = PROFILE) -> str:
        """The id of a new dataset with these texts in it, indexed."""
        made = await self.client.create_dataset(profile)
        for at, text in enumerate(texts):
            await self.client.create_document(made.id, profile, f"document {at}", text)
        await self.engine.settle()
        return made.id


@asynccontextmanager
async def over_http(
    *faults: Fault,
    apps: tuple[AppSettings, ...] = (APP,),
    engine: dict[str, Any] | None = None,
    **client: Any,
) -> AsyncIterator[Connected]:
    """The engine on a socket, and the client on its own transport. `engine` and `client` are settings."""
    settings = EngineSettings(dataset_key="dataset-test", apps=apps, faults=faults, **(engine or {}))
    app = create_app(settings)
    pauses: list[float] = []
    asked: list[str] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(f"{scope['method']} {scope['path']}")
        await app(scope, receive, send)

    try:
        async with served(listening) as address:
            http = HttpxAiohttpClient(base_url=f"{address}/v1", timeout=httpx.Timeout(20.0))
            keys = {"dataset_key": "dataset-test", "app_key": APP.key}
            async with DifyClient(http, **(keys | {"sleep": note} | client)) as connected:
                yield Connected(connected, app, address, pauses, asked)
    finally:
        await app.aclose()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """`app` on a real socket of this machine's loopback, for as long as the block runs: its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    )
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
