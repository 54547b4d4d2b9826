"""How fast the embedded engine indexes and retrieves, and whether its memory stays flat.

    python -m benchmarks.engine [--pages 1000] [--rounds 5]        (or: make bench)

One process on one core. Pages are made of words with a Zipf-like frequency, ten sections each, so a thousand
pages are 10,000 chunks. What is found is compared first: the text of a chunk has to find itself with 1.0.
Then rounds of the kinds of search take turns, each with questions of its own, so that a slow moment of the
machine falls on all of them. The bound is 20 ms for the 99th percentile of each kind, over the whole way
through client and ASGI application. CPU time stands beside the clock's, which counts what else is running.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from benchmarks.result import Finding, Line, told
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import DatasetProfile, RetrievalProfile
from kbtool.dify.wire.documents import PARENT_SEPARATOR
from kbtool.embedded import EmbeddingModel, Engine, EngineSettings, create_app
from tests.embeddings import PROVIDER, embedding_server

SECTIONS = 10
BOUND_MS = 20.0
VECTORS = "words-1024"


class Words:
    """Text of invented words, some of which are frequent and most of which are not."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 the same pages each time
        self._words = [f"w{at:x}" for at in range(8000)]
        self._weights = [1 / (at + 3) for at in range(len(self._words))]

    def some(self, count: int) -> str:
        return " ".join(self._random.choices(self._words, self._weights, k=count))

    def page(self, number: int) -> str:
        sections = [f"Page {number} section {at}\n\n{self.some(60)}" for at in range(SECTIONS)]
        return PARENT_SEPARATOR.join(sections)


def memory_mb() -> float:
    """What the process holds now, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def ingest(client: DifyClient, engine: Engine, profile: DatasetProfile, pages: list[str]) -> str:
    """The id of the dataset, with every page in it."""
    made = await client.create_dataset(profile)
    started, cpu = time.perf_counter(), time.process_time()
    marks: list[float] = []
    for number, page in enumerate(pages):
        await client.create_document(made.id, profile, f"page {number}", page)
        if number % max(1, len(pages) // 4) == 0:
            await engine.settle()
            marks.append(memory_mb())
    await engine.settle()
    seconds = time.perf_counter() - started
    grown = " ".join(f"{mark:.0f}" for mark in [*marks, memory_mb()])
    print(
        f"ingest {profile.name:<8} {len(pages)} pages in {seconds:5.1f} s "
        f"(CPU {time.process_time() - cpu:.1f} s), memory MB: {grown}"
    )
    return made.id


async def require_right(
    client: DifyClient, dataset: str, profile: RetrievalProfile, texts: list[str]
) -> None:
    for text in texts:
        hits = await client.retrieve(dataset, text[:250], profile)
        if profile.search_method == "keyword_search":
            assert hits, "nothing found by keyword"
        else:
            assert hits[0].text.startswith(text[:250]), "a text does not find itself"


async def one_round(
    client: DifyClient, dataset: str, profile: RetrievalProfile, asked: list[str]
) -> list[tuple[float, float]]:
    """Milliseconds of each question, on the clock and of CPU.

    Each is asked once before: its embedding is the model's work, and is remembered.
    """
    taken = []
    for query in asked:
        await client.retrieve(dataset, query, profile)
        started, cpu = time.perf_counter(), time.process_time()
        await client.retrieve(dataset, query, profile)
        taken.append((1000 * (time.perf_counter() - started), 1000 * (time.process_time() - cpu)))
    return taken


def profiles() -> dict[str, tuple[DatasetProfile, RetrievalProfile]]:
    lexical, retrieval = EmbeddingModel(), RetrievalProfile(top_k=5)
    keyword = RetrievalProfile(search_method="keyword_search", top_k=5)
    by_words = DatasetProfile("words", lexical.name, lexical.provider, retrieval)
    by_vectors = DatasetProfile("vectors", VECTORS, PROVIDER, retrieval)
    economy = DatasetProfile("keywords", "", "", retrieval, technique="economy")
    return {
        "words": (by_words, retrieval),
        "vectors": (by_vectors, retrieval),
        "keywords": (economy, keyword),
    }


async def searches(pages: int, rounds: int) -> Finding:
    words = Words(7)
    texts = [words.page(number) for number in range(pages)]
    with tempfile.TemporaryDirectory() as folder:
        async with embedding_server() as server:
            models = (EmbeddingModel(), server.model(VECTORS))
            engine = create_app(EngineSettings(path=Path(folder) / "engine.db", models=models))
            http = httpx.AsyncClient(
                transport=httpx.ASGITransport(engine), base_url="http://embedded/v1", timeout=600
            )
            async with DifyClient(http, dataset_key="dataset-embedded", deadline=600) as client:
                kinds = {
                    name: (await ingest(client, engine, dataset, texts), retrieval)
                    for name, (dataset, retrieval) in profiles().items()
                }
                taken: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
                for dataset, retrieval in kinds.values():
                    some = [text.split(PARENT_SEPARATOR)[3] for text in texts[:: max(1, pages // 10)]]
                    await require_right(client, dataset, retrieval, some)
                before = memory_mb()
                for number in range(rounds):
                    for name, (dataset, retrieval) in kinds.items():
                        asked = [Words(number * 1000 + at).some(3 + at % 30)[:250] for at in range(60)]
                        taken[name] += await one_round(client, dataset, retrieval, asked)
                result = report(taken, before, pages)
            await engine.aclose()
    return result


def report(taken: dict[str, list[tuple[float, float]]], before: float, pages: int) -> Finding:
    lines = []
    for name, pairs in taken.items():
        said = []
        for what, values in zip(("clock", "CPU"), zip(*pairs, strict=True), strict=True):
            p99 = statistics.quantiles(values, n=100)[98]
            over = "" if p99 <= BOUND_MS else " OVER"
            said.append(f"{what} median {statistics.median(values):5.1f} p99 {p99:5.1f} ms{over}")
            if what == "clock":
                kind = f"embedded engine, {pages * SECTIONS:,} chunks, search by {name}: p99"
                lines.append(Line(kind, f"{p99:.1f} ms", f"{BOUND_MS:.0f} ms"))
        print(f"retrieve {name:<9} {len(pairs)} questions: {', '.join(said)}; bound {BOUND_MS:.0f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"memory: {before:.0f} MB before the questions, {memory_mb():.0f} behind them, {peak:.0f} at most")
    return Finding(tuple(lines))


def measure(given: argparse.Namespace) -> Finding:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    pages, rounds = (40, 1) if given.short else (given.pages, given.rounds)
    return asyncio.run(searches(pages, rounds))


def main() -> None:
    told(
        __doc__, measure, rounds=5, more=lambda parser: parser.add_argument("--pages", type=int, default=1000)
    )


if __name__ == "__main__":
    main()
