"""The engine's faults, as a client meets them over a real socket."""

from __future__ import annotations

import httpx
import pytest

from kbtool.dify.objects import DatasetProfile, ModelChange, RetrievalProfile
from kbtool.dify.wire.refusals import NO_ROUTE
from kbtool.embedded import (
    CannedAnswer,
    Cut,
    FailingEmbedding,
    HalfEmbedded,
    KnowledgeLimit,
    Latency,
    MissingRoute,
    NoWorker,
    OldModelKept,
)
from kbtool.errors import Rejected, Unavailable
from tests.embeddings import PROVIDER, embedding_server
from tests.server import PROFILE, Connected, over_http, run

TEXTS = ("refunds take thirty days", "parcels cost five euros")


def profile_of(model: str) -> DatasetProfile:
    return DatasetProfile("help", model, PROVIDER, RetrievalProfile())


def test_an_error_before_the_effect_leaves_nothing_and_one_behind_it_leaves_the_work_done() -> None:
    async def documents(*, is_done: bool) -> int:
        lost = CannedAnswer("create-by-text", 500, {"message": "no"}, is_done=is_done)
        async with over_http(lost) as its:
            made = await its.client.create_dataset(PROFILE)
            with pytest.raises(Unavailable):
                await its.client.create_document(made.id, PROFILE, "one", TEXTS[0])
            return len(await its.client.documents(made.id))

    assert [run(documents(is_done=False)), run(documents(is_done=True))] == [0, 1]


@pytest.mark.parametrize(("cut", "documents"), [(Cut("create", is_done=False), 0), (Cut("create", 20), 1)])
def test_a_connection_breaks_before_the_work_or_within_the_answer(cut: Cut, documents: int) -> None:
    async def story() -> int:
        async with over_http(cut) as its:
            made = await its.client.create_dataset(PROFILE)
            with pytest.raises(Unavailable):
                await its.client.create_document(made.id, PROFILE, "one", TEXTS[0])
            return len(await its.client.documents(made.id))

    assert run(story()) == documents


def test_latency_holds_a_request_up_and_the_deadline_ends_it() -> None:
    async def story() -> None:
        async with over_http(Latency("/datasets", 5.0, times=1), deadline=0.05) as its:
            with pytest.raises(Unavailable, match="within 0 s"):
                await its.client.find_dataset("help")

    run(story())


def test_without_a_worker_a_document_waits_for_ever_and_without_an_error() -> None:
    async def status() -> tuple[str, str]:
        async with over_http(NoWorker()) as its:
            made = await its.client.create_dataset(PROFILE)
            await its.client.create_document(made.id, PROFILE, "one", TEXTS[0])
            (document,) = await its.client.documents(made.id)
            return document.indexing_status, document.error

    assert run(status()) == ("waiting", "")


@pytest.mark.parametrize("status", [404, 405])
def test_a_route_that_is_missing_is_told_from_a_thing_that_is(status: int) -> None:
    async def codes() -> list[str]:
        async with over_http(MissingRoute(r"/v1/datasets/[^/]+", "PATCH", status)) as its:
            dataset = await its.dataset()
            found = []
            for call in (its.client.change_dataset(dataset, name="x"), its.client.dataset(unknown)):
                with pytest.raises(Rejected) as caught:
                    await call
                found.append(caught.value.code)
            return found

    unknown = "00000000-0000-4000-8000-000000000000"
    assert run(codes()) == [NO_ROUTE, "not_found"]


def test_the_cloud_s_limit_counts_writing_and_retrieving_but_no_listing() -> None:
    async def story() -> tuple[list[int], int]:
        async with over_http(KnowledgeLimit(requests=3, seconds=60)) as its:
            dataset = await its.dataset(*TEXTS)
            headers = {"authorization": "Bearer dataset-test"}
            async with httpx.AsyncClient(base_url=f"{its.address}/v1", headers=headers) as http:
                asked = [await http.post(f"/datasets/{dataset}/retrieve", json={"query": "x"})]
                asked += [await http.get("/datasets") for _ in range(5)]
                return [answer.status_code for answer in asked], len(its.pauses)

    assert run(story()) == ([403, 200, 200, 200, 200, 200], 0)


def test_an_upstream_limit_is_a_400_with_the_provider_s_text_and_passes() -> None:
    async def story() -> tuple[int, int]:
        async with over_http() as its:
            dataset = await its.dataset(*TEXTS)
            its.engine.inject(FailingEmbedding("refunds", "Rate limit reached for fake", times=2))
            hits = await its.client.retrieve(dataset, TEXTS[0], RetrievalProfile())
            return len(hits), len(its.pauses)

    assert run(story()) == (2, 2)


async def _switched(its: Connected, to: str) -> tuple[str, list[float] | str]:
    """The model that the dataset names after a switch, and how its texts find themselves: the scores, or the
    server's refusal.
    """
    dataset = await its.dataset(*TEXTS, profile=profile_of("words-64"))
    try:
        await its.client.change_model(dataset, ModelChange(to, PROVIDER))
    except Rejected as error:
        return (await its.client.dataset(dataset)).embedding_model, error.message
    await its.engine.settle()
    named = (await its.client.dataset(dataset)).embedding_model
    try:
        hits = [(await its.client.retrieve(dataset, text, RetrievalProfile()))[0] for text in TEXTS]
    except Rejected as error:
        return named, error.message
    return named, [round(hit.score or 0.0, 2) for hit in hits]


@pytest.mark.parametrize(
    ("fault", "to", "named", "found"),
    [
        (None, "words-48", "words-48", [1.0, 1.0]),
        (None, "other-64", "other-64", [1.0, 1.0]),
        (OldModelKept(), "words-48", "words-48", "different vector dimensions 64 and 48"),
        (OldModelKept(), "other-64", "other-64", [0.0, 0.0]),
        (OldModelKept(is_shown=True), "words-48", "words-64", "kept the embedding model"),
    ],
)
def test_a_switch_of_models_really_embeds_again_unless_the_server_keeps_the_old_one(
    fault: OldModelKept | None, to: str, named: str, found: list[float] | str
) -> None:
    async def story() -> tuple[str, list[float] | str]:
        async with embedding_server() as server:
            models = tuple(server.model(name) for name in ("words-64", "words-48", "other-64"))
            faults = () if fault is None else (fault,)
            async with over_http(*faults, engine={"models": models}) as its:
                return await _switched(its, to)

    is_named, is_found = run(story())
    assert is_named == named
    if isinstance(found, str):
        assert found in str(is_found)
    else:
        assert is_found == found


def test_a_switch_that_stops_half_way_leaves_documents_indexing_without_their_vectors() -> None:
    async def story() -> tuple[list[str], int]:
        async with embedding_server() as server:
            models = (server.model("words-64"), server.model("words-48"))
            async with over_http(HalfEmbedded(1), engine={"models": models}) as its:
                dataset = await its.dataset(*TEXTS, profile=profile_of("words-64"))
                await its.client.change_model(dataset, ModelChange("words-48", PROVIDER))
                await its.engine.settle()
                statuses = [document.indexing_status for document in await its.client.documents(dataset)]
                return sorted(statuses), len(await its.client.retrieve(dataset, "euros", RetrievalProfile()))

    assert run(story()) == (["completed", "indexing"], 1)
