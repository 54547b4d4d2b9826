"""The embedded engine as its users meet it: in-process, over restarts, with faults and other models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from kbtool.embedded import (
    AppSettings,
    CannedAnswer,
    EmbeddingModel,
    Engine,
    EngineSettings,
    FailingEmbedding,
    create_app,
)
from tests.embeddings import PROVIDER, embedding_server

T = TypeVar("T")
KEY = "dataset-test"
RULE = {
    "mode": "hierarchical",
    "rules": {
        "pre_processing_rules": [],
        "segmentation": {"separator": "\n\n=====\n\n", "max_tokens": 4000},
        "parent_mode": "paragraph",
        "subchunk_segmentation": {"separator": "\n \n \n", "max_tokens": 4000},
    },
}
REFUNDS = (
    "Refunds › Time limit\n\n## Time limit\n\nYou can ask for a refund within 30 days.\n \n \nExceptions\n\n"
    "Gift cards cannot be refunded.\n\n=====\n\n"
    "Refunds › Payment\n\nMoney goes back to the card in five days."
)
SHIPPING = "Shipping › Prices\n\nA parcel to Germany costs 4.90 euros."
APP = AppSettings("app-support", "Support", datasets=("kb",), top_k=3)


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


class Knowledge:
    """A client of one dataset of an engine in this process."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(engine),
            base_url="http://embedded/v1",
            headers={"authorization": f"Bearer {KEY}"},
        )
        self.path = ""

    async def open(self, name: str = "kb", **more: Any) -> None:
        body = {"name": name, "indexing_technique": "high_quality"} | more
        made = await self.http.post("/datasets", json=body)
        assert made.status_code == 200, made.text
        self.path = f"/datasets/{made.json()['id']}"

    async def add(self, name: str, text: str) -> dict[str, Any]:
        body = {
            "name": name,
            "text": text,
            "indexing_technique": "high_quality",
            "doc_form": "hierarchical_model",
        }
        made = await self.http.post(
            f"{self.path}/document/create-by-text", json=body | {"process_rule": RULE}
        )
        assert made.status_code == 200, made.text
        await self.engine.settle()
        document: dict[str, Any] = made.json()["document"]
        return document

    async def retrieve(self, query: str) -> Any:
        return (await self.http.post(f"{self.path}/retrieve", json={"query": query})).json()

    async def ask(self, query: str, **more: Any) -> httpx.Response:
        body = {"inputs": {}, "query": query, "user": "customer-1"} | more
        return await self.http.post(
            "/chat-messages", json=body, headers={"authorization": f"Bearer {APP.key}"}
        )


@asynccontextmanager
async def knowledge(**more: Any) -> AsyncIterator[Knowledge]:
    engine = create_app(EngineSettings(dataset_key=KEY, apps=(APP,), **more))
    client = Knowledge(engine)
    try:
        yield client
    finally:
        await client.http.aclose()
        await engine.aclose()


def test_a_chunk_s_own_text_scores_one() -> None:
    async def scores() -> list[float]:
        async with knowledge() as kb:
            await kb.open()
            await kb.add("Refunds", REFUNDS)
            await kb.add("Shipping", SHIPPING)
            segments = await kb.http.get(f"{kb.path}/documents")
            texts = []
            for document in segments.json()["data"]:
                listed = await kb.http.get(f"{kb.path}/documents/{document['id']}/segments")
                texts += [
                    child["content"] for segment in listed.json()["data"] for child in segment["child_chunks"]
                ]
            return [(await kb.retrieve(text))["records"][0]["score"] for text in texts]

    assert run(scores()) == pytest.approx([1.0] * 4)


def test_a_chat_answer_is_cut_out_of_the_best_child_and_cites_with_the_scores_of_retrieve() -> None:
    async def both() -> tuple[dict[str, Any], list[Any]]:
        async with knowledge() as kb:
            await kb.open(retrieval_model={
                "search_method": "semantic_search", "reranking_enable": False, "top_k": 3,
                "score_threshold_enabled": False,
            })  # fmt: skip
            await kb.add("Refunds", REFUNDS)
            await kb.add("Shipping", SHIPPING)
            answer = (await kb.ask("Can gift cards be refunded?")).json()
            return answer, (await kb.retrieve("Can gift cards be refunded?"))["records"]

    answer, records = run(both())
    assert answer["answer"] == "Gift cards cannot be refunded."
    cited = [(hit["segment_id"], hit["score"]) for hit in answer["metadata"]["retriever_resources"]]
    assert cited == [(record["segment"]["id"], record["score"]) for record in records]


@pytest.mark.parametrize(("query", "language"), [("zebra unicorn?", "en"), ("斑马和独角兽?", "zh")])
def test_a_question_without_an_answer_is_refused_in_its_own_language(query: str, language: str) -> None:
    async def answer() -> str:
        async with knowledge() as kb:
            await kb.open()
            await kb.add("Shipping", SHIPPING)
            return str((await kb.ask(query)).json()["answer"])

    assert run(answer()) == dict(APP.refusals)[language]


def test_documents_survive_a_restart_and_waiting_ones_are_indexed_then(tmp_path: Path) -> None:
    path = tmp_path / "state" / "engine.db"

    async def leave() -> str:
        async with knowledge(path=path) as kb:
            await kb.open()
            await kb.add("Shipping", SHIPPING)
            kb.engine.hold_indexing()
            body: dict[str, Any] = {"name": "Refunds", "text": REFUNDS}
            body |= {
                "indexing_technique": "high_quality",
                "doc_form": "hierarchical_model",
                "process_rule": RULE,
            }
            made = await kb.http.post(f"{kb.path}/document/create-by-text", json=body)
            assert made.json()["document"]["indexing_status"] == "waiting"
            return kb.path

    async def come_back(dataset: str) -> list[str]:
        async with knowledge(path=path) as kb:
            await kb.http.get(dataset)
            await kb.engine.settle()
            listed = (await kb.http.get(f"{dataset}/documents")).json()["data"]
            return [document["indexing_status"] for document in listed]

    assert run(come_back(run(leave()))) == ["completed", "completed"]


def test_two_engines_on_one_file_index_each_document_once(tmp_path: Path) -> None:
    async def story() -> list[tuple[str, int]]:
        path = tmp_path / "engine.db"
        async with knowledge(path=path) as first, knowledge(path=path) as second:
            await first.open()
            second.path = first.path
            names = [f"page {at}" for at in range(8)]
            await asyncio.gather(
                *((first, second)[at % 2].add(name, SHIPPING) for at, name in enumerate(names))
            )
            await asyncio.gather(first.engine.settle(), second.engine.settle())
            listed = (await first.http.get(f"{first.path}/documents")).json()["data"]
            paths = [f"{first.path}/documents/{document['id']}/segments" for document in listed]
            counts = [(await first.http.get(path)).json()["total"] for path in paths]
            return [
                (document["indexing_status"], count) for document, count in zip(listed, counts, strict=True)
            ]

    assert run(story()) == [("completed", 1)] * 8


def test_one_engine_serves_one_event_loop_after_the_other() -> None:
    engine = create_app(EngineSettings(dataset_key=KEY))

    async def add(name: str) -> str:
        kb = Knowledge(engine)
        async with kb.http:
            await kb.open(name)
            document = await kb.add("Shipping", SHIPPING)
            shown = await kb.http.get(f"{kb.path}/documents/{document['id']}")
            return str(shown.json()["indexing_status"])

    assert [run(add("first")), run(add("second"))] == ["completed", "completed"]
    run(engine.aclose())


def test_a_canned_answer_is_given_as_often_as_asked_for() -> None:
    async def statuses() -> list[int]:
        async with knowledge() as kb:
            kb.engine.inject(CannedAnswer("/datasets", 503, {"message": "busy"}, times=2))
            return [(await kb.http.get("/datasets")).status_code for _ in range(3)]

    assert run(statuses()) == [503, 503, 200]


def test_a_document_that_cannot_be_embedded_is_repaired_by_its_name() -> None:
    async def story() -> tuple[Any, Any]:
        async with knowledge(faults=(FailingEmbedding("4.90", "no money"),)) as kb:
            await kb.open()
            document = await kb.add("Shipping", SHIPPING)
            broken = (await kb.http.get(f"{kb.path}/documents/{document['id']}")).json()
            again = await kb.add("Shipping", SHIPPING.replace("4.90", "five"))
            mended = (await kb.http.get(f"{kb.path}/documents/{again['id']}")).json()
            return broken, mended

    broken, mended = run(story())
    assert (broken["indexing_status"], broken["error"]) == ("error", "no money")
    assert (mended["indexing_status"], mended["error"], mended["id"]) == ("completed", None, broken["id"])


def test_an_economy_dataset_takes_segments_and_finds_them_by_keyword_only() -> None:
    async def story() -> tuple[str, list[str], int]:
        async with knowledge() as kb:
            await kb.open(indexing_technique="economy")
            document = await kb.add("Shipping", SHIPPING)
            path = f"{kb.path}/documents/{document['id']}"
            made = await kb.http.post(
                f"{path}/segments", json={"segments": [{"content": "Canada costs 19.00."}]}
            )
            for action in ("disable", "enable"):
                await kb.http.patch(
                    f"{kb.path}/documents/status/{action}", json={"document_ids": [document["id"]]}
                )
                await kb.engine.settle()
            model = {
                "search_method": "keyword_search",
                "reranking_enable": False,
                "score_threshold_enabled": False,
            }
            asked = {"query": "Canada", "retrieval_model": model}
            found = (await kb.http.post(f"{kb.path}/retrieve", json=asked)).json()["records"]
            refused = await kb.http.post(f"{kb.path}/retrieve", json={"query": "Canada"})
            return (
                made.json()["data"][0]["status"],
                [hit["segment"]["content"] for hit in found],
                refused.status_code,
            )

    assert run(story()) == ("completed", ["Canada costs 19.00."], 400)


def test_keywords_follow_every_change_of_the_text_and_of_the_technique() -> None:
    async def story() -> list[list[str]]:
        async with knowledge() as kb:
            await kb.open()
            document = await kb.add("Shipping", SHIPPING)
            segments = f"{kb.path}/documents/{document['id']}/segments"
            (segment,) = (await kb.http.get(segments)).json()["data"]
            model = {
                "search_method": "keyword_search",
                "reranking_enable": False,
                "score_threshold_enabled": False,
            }

            async def found() -> list[str]:
                """Which of the words find something."""
                hits = []
                for word in ("Germany", "Canada"):
                    asked = {"query": word, "retrieval_model": model}
                    if (await kb.http.post(f"{kb.path}/retrieve", json=asked)).json()["records"]:
                        hits.append(word)
                return hits

            states = [await found()]
            await kb.http.patch(kb.path, json={"indexing_technique": "economy"})
            states.append(await found())
            change = {"segment": {"content": "Canada costs more.", "regenerate_child_chunks": True}}
            await kb.http.post(f"{segments}/{segment['id']}", json=change)
            states.append(await found())
            await kb.http.delete(f"{segments}/{segment['id']}")
            states.append(await found())
            return states

    assert run(story()) == [[], ["Germany"], ["Canada"], []]


def test_a_dataset_knows_how_many_apps_use_it() -> None:
    async def counts() -> list[int]:
        async with knowledge() as kb:
            await kb.open("other")
            await kb.open("kb")
            listed = await kb.http.get("/datasets")
            return [dataset["app_count"] for dataset in listed.json()["data"]]

    assert run(counts()) == [1, 0]


def test_every_answer_says_what_gave_it() -> None:
    async def headers() -> list[httpx.Headers]:
        async with knowledge() as kb:
            return [(await kb.http.get(path)).headers for path in ("/datasets", "/nothing", "/info")]

    for found in run(headers()):
        assert found["x-version"] == "1.13.0"
        assert found["x-engine"].startswith("kbtool-embedded/")


def test_a_model_behind_an_endpoint_finds_by_cosine_and_its_errors_are_the_provider_s() -> None:
    async def story() -> tuple[Any, Any]:
        async with embedding_server() as server:
            good, bad = server.model("words-64"), server.model("locked-64", key="wrong")
            async with knowledge(models=(good, bad)) as kb:
                await kb.open()
                await kb.add("Refunds", REFUNDS)
                await kb.add("Shipping", SHIPPING)
                found = await kb.retrieve(SHIPPING)
                await kb.open("locked", embedding_model="locked-64", embedding_model_provider=PROVIDER)
                document = await kb.add("Shipping", SHIPPING)
                return found, (await kb.http.get(f"{kb.path}/documents/{document['id']}")).json()

    found, failed = run(story())
    assert found["records"][0]["segment"]["content"] == SHIPPING
    assert found["records"][0]["score"] == pytest.approx(1.0)
    assert failed["indexing_status"] == "error"
    assert "Incorrect API key" in failed["error"]


def test_a_switch_of_models_embeds_everything_again_only_with_the_technique_beside_it() -> None:
    models = (EmbeddingModel(name="one"), EmbeddingModel(name="two", dimensions=8))

    async def story() -> tuple[int, Any, float]:
        async with knowledge(models=models) as kb:
            await kb.open()
            await kb.add("Shipping", SHIPPING)
            change = {"embedding_model": "two", "embedding_model_provider": models[1].provider}
            await kb.http.patch(kb.path, json=change)
            await kb.engine.settle()
            refused = await kb.http.post(f"{kb.path}/retrieve", json={"query": "parcel"})
            back = {"embedding_model": "one", "embedding_model_provider": models[0].provider}
            for body in (back, change):
                await kb.http.patch(kb.path, json=body | {"indexing_technique": "high_quality"})
                await kb.engine.settle()
            return (
                refused.status_code,
                refused.json()["message"],
                (await kb.retrieve(SHIPPING))["records"][0]["score"],
            )

    status, message, score = run(story())
    assert (status, message) == (400, "different vector dimensions 1024 and 8\n")
    assert score == pytest.approx(1.0)
