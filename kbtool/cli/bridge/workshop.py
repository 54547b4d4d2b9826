"""The knowledge base for the improvement queue: its search, its corpus, and where proposals and stubs go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from kbtool.errors import ConfigError

if TYPE_CHECKING:
    from bridge.improve.workshop import Near, Workshop
    from kbtool.config import Settings
    from kbtool.contradictions import Contradiction
    from kbtool.dify.client import DifyClient
    from kbtool.evaluate.run import Resolver

FRESH = 900.0
"""Seconds for which the corpus is taken to be as it was read: reading it takes some."""
_EXCERPT = 240


@asynccontextmanager
async def workshop(settings: Settings) -> AsyncIterator[Workshop]:
    """That of the project, for the time of the block. Nothing is read or asked before somebody looks."""
    from bridge.improve.workshop import Workshop

    async with AsyncExitStack() as connections:
        known = _Known(settings, connections)
        yield Workshop(
            root=settings.root,
            proposals=settings.resolve(settings.improve.proposals),
            pages=settings.resolve(settings.improve.pages),
            nearest=known.nearest,
            contradictions=known.contradictions,
        )


class _Known:
    """The dataset and the corpus, looked at when somebody asks, one at a time."""

    def __init__(self, settings: Settings, connections: AsyncExitStack) -> None:
        self._settings = settings
        self._connections = connections
        self._client: DifyClient | None = None
        self._corpus: tuple[float, Resolver, list[Contradiction]] | None = None
        self._looking = asyncio.Lock()

    async def nearest(self, question: str) -> Sequence[Near]:
        """As the app's own search finds them: with the settings of [retrieval]."""
        from bridge.improve.workshop import Near
        from kbtool.dify.objects import LONGEST_QUERY

        settings = self._settings
        async with self._looking:
            resolver, _ = await self._read()
            client = await self._connected()
            dataset = await client.find_dataset(settings.dify.dataset)
            if dataset is None:
                raise ConfigError(f"there is no dataset “{settings.dify.dataset}” yet")
            hits = await client.retrieve(dataset.id, question[:LONGEST_QUERY], settings.retrieval_profile)
        return [
            Near(found.doc, found.paths[0][1:], found.score, _excerpt(found.text))
            for found in resolver.resolve(hits)
        ]

    async def contradictions(self) -> Sequence[Contradiction]:
        async with self._looking:
            return (await self._read())[1]

    async def _connected(self) -> DifyClient:
        from kbtool.cli.connect import connect

        if self._client is None:
            connection = connect(self._settings, needs_app=False)
            self._client = await self._connections.enter_async_context(connection)
        return self._client

    async def _read(self) -> tuple[Resolver, list[Contradiction]]:
        if self._corpus is None or time.monotonic() - self._corpus[0] > FRESH:
            resolver, found = await asyncio.to_thread(_read, self._settings)
            self._corpus = (time.monotonic(), resolver, found)
        return self._corpus[1:]


def _read(settings: Settings) -> tuple[Resolver, list[Contradiction]]:
    from kbtool import corpus
    from kbtool.contradictions import contradictions
    from kbtool.evaluate.run import Resolver
    from kbtool.sync.render import render_all

    documents = corpus.load(settings).documents
    return Resolver.of(render_all(documents, settings)), contradictions(documents)


def _excerpt(text: str) -> str:
    """What stands below the breadcrumb and the heading, on one line."""
    lines = (text.partition("\n")[2] or text).split("\n")
    below = " ".join(" ".join(line for line in lines if not line.startswith("#")).split())
    return below if len(below) <= _EXCERPT else f"{below[:_EXCERPT].rstrip()}…"
