"""Searching by vectors from a model behind an endpoint: over real HTTP, with deterministic vectors."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from kbtool.dify.objects import Condition, DatasetProfile, RetrievalProfile
from kbtool.errors import Unavailable
from kbtool.model import Question
from tests.embeddings import PROVIDER, EmbeddingServer, embed, embedding_server
from tests.server import Connected, over_http, run

MODEL = "words-64"
PROFILE = DatasetProfile("help", MODEL, PROVIDER, RetrievalProfile())
TEXTS = ("refunds take thirty days", "parcels cost five euros", "reset your password")


@asynccontextmanager
async def searching(**client: Any) -> AsyncIterator[tuple[Connected, EmbeddingServer, str]]:
    """A client, the server of the model, and the id of a dataset with the texts."""
    async with (
        embedding_server() as server,
        over_http(engine={"models": (server.model(MODEL),)}, **client) as its,
    ):
        yield its, server, await its.dataset(*TEXTS, profile=PROFILE)


def cosine(left: str, right: str) -> float:
    return sum(a * b for a, b in zip(embed(MODEL, left), embed(MODEL, right), strict=True))


def test_scores_are_the_cosines_best_first() -> None:
    async def story() -> list[tuple[str, float | None]]:
        async with searching() as (its, _, dataset):
            hits = await its.client.retrieve(dataset, "refunds cost euros", RetrievalProfile())
            return [(hit.text, hit.score) for hit in hits]

    expected = sorted(((max(0.0, cosine("refunds cost euros", text)), text) for text in TEXTS), reverse=True)
    found = run(story())
    assert found[0][0] == expected[0][1]
    assert [score for _, score in found] == pytest.approx([score for score, _ in expected], abs=1e-6)


def test_what_is_found_follows_every_change_of_the_index() -> None:
    async def story() -> None:
        async with searching() as (its, _, dataset):
            client = its.client

            async def best(query: str) -> str:
                return (await client.retrieve(dataset, query, RetrievalProfile()))[0].text

            assert await best(TEXTS[1]) == TEXTS[1]
            by_name = {document.name: document.id for document in await client.documents(dataset)}
            await client.delete_document(dataset, by_name["document 1"])
            assert await best(TEXTS[1]) != TEXTS[1]
            await client.create_document(dataset, PROFILE, "document 0", "refunds take sixty days")
            await its.engine.settle()
            assert await best(TEXTS[0]) == "refunds take sixty days"
            await client.create_chunks(dataset, by_name["document 2"], [TEXTS[1]])
            assert await best(TEXTS[1]) == TEXTS[1]

    run(story())


def test_conditions_on_metadata_bound_a_search_by_vectors() -> None:
    async def story() -> list[str]:
        async with searching() as (its, _, dataset):
            fields = await its.client.require_metadata_fields(dataset, {"kind": "string"})
            values = {
                document.id: {"kind": document.name} for document in await its.client.documents(dataset)
            }
            await its.client.write_metadata(dataset, fields, values)
            only = replace(PROFILE.retrieval, conditions=(Condition("kind", "is", "document 1"),))
            return [hit.text for hit in await its.client.retrieve(dataset, TEXTS[0], only)]

    assert run(story()) == [TEXTS[1]]


def test_a_question_is_embedded_once_for_retrieving_and_answering() -> None:
    async def texts() -> int:
        async with searching() as (its, server, dataset):
            before = server.texts[MODEL]
            for _ in range(3):
                await its.client.retrieve(dataset, "refunds?", RetrievalProfile())
                await its.client.chat(Question("refunds?"), user="u")
            return server.texts[MODEL] - before

    assert run(texts()) == 1


def test_chunks_that_come_together_are_embedded_together() -> None:
    async def requests() -> tuple[int, int]:
        async with searching() as (its, server, dataset):
            (document, *_) = await its.client.documents(dataset)
            before = (server.requests, server.texts[MODEL])
            await its.client.create_chunks(dataset, document.id, [f"chunk {at}" for at in range(20)])
            return server.requests - before[0], server.texts[MODEL] - before[1]

    assert run(requests()) == (1, 20)


def test_a_model_that_is_slow_holds_up_nobody_else() -> None:
    async def story() -> int:
        async with searching() as (its, server, dataset):
            server.gate.clear()
            asking = asyncio.create_task(its.client.retrieve(dataset, "refunds?", RetrievalProfile()))
            while server.waiting == 0:  # noqa: ASYNC110 - the request is on its way
                await asyncio.sleep(0.01)
            listed = await its.client.documents(dataset)
            assert not asking.done()
            server.gate.set()
            await asking
            return len(listed)

    assert run(story()) == 3


def test_an_answer_of_the_model_s_server_is_not_remembered_when_it_is_an_error() -> None:
    async def story() -> int:
        async with searching(attempts=1) as (its, server, dataset):
            server.failing.add(MODEL)
            with pytest.raises(Unavailable, match="Rate limit"):
                await its.client.retrieve(dataset, "refunds?", RetrievalProfile())
            assert (await its.client.chat(Question("refunds?"), user="u")).hits == ()
            server.failing.clear()
            return len(await its.client.retrieve(dataset, "refunds?", RetrievalProfile()))

    assert run(story()) == 3


def test_an_engine_that_is_closed_while_it_embeds_waits_for_the_answer() -> None:
    async def story() -> bool:
        async with searching() as (its, server, dataset):
            server.gate.clear()
            await its.client.create_document(dataset, PROFILE, "late", "an answer that comes late")
            while server.waiting == 0:  # noqa: ASYNC110 - the request is on its way
                await asyncio.sleep(0.01)
            closing = asyncio.create_task(its.engine.aclose())
            await asyncio.wait({closing}, timeout=0.2)
            is_waiting = not closing.done()
            server.gate.set()
            await closing
            return is_waiting

    assert run(story()), "otherwise the thread would be left with an open connection"
    gc.collect()
