"""What an ingest of 1,000 documents costs: requests by kind, our own CPU, and memory.

    python -m benchmarks.sync [--documents 1000]        (or: make bench)

The embedded engine runs in a process of its own, so that the CPU counted here is the client's alone. The
bounds are the issue's: a no-op in documents/100 + 5 requests and 2 s of CPU, one changed page in 5 requests
more, a first ingest in 2.2 requests per document + 10; status polls are counted apart.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import uvicorn
from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.result import Finding, Line, told
from kbtool.chunk import split
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import DatasetProfile, RetrievalProfile
from kbtool.embedded import EngineSettings, create_app
from kbtool.model import Document, Kind, Page
from kbtool.sync.apply import Sync
from kbtool.sync.render import Rendered, render
from kbtool.sync.waiting import Pace

PROFILE = DatasetProfile("bench", "words-and-bigrams", "kbtool/lexical/lexical", RetrievalProfile())


def page(number: int, words: str = "") -> Document:
    text = "".join(f"## Part {part}\n\n{words}Text {number}.{part} of the page.\n\n" for part in range(4))
    return split(
        Page(f"key{number}", f"page-{number}", f"Page {number}", text, f"{number}.md", Kind.MARKDOWN)
    )


def serve(path: Path, listening: socket.socket) -> None:
    engine = create_app(EngineSettings(path=path))
    uvicorn.Server(uvicorn.Config(engine, log_level="critical")).run(sockets=[listening])


async def ingest(address: str, rendered: Sequence[Rendered], what: str, bound: float) -> int:
    """How many requests it took. What was sent is read back and compared by `apply` itself; more than the
    bound, or a plan that is not empty afterwards, ends the benchmark.
    """
    cpu, started = time.process_time(), time.perf_counter()
    http = HttpxAiohttpClient(base_url=f"{address}/v1", timeout=60.0)
    async with DifyClient(http, dataset_key="dataset-embedded") as client:
        sync = Sync(client, PROFILE, Pace(poll=0.5))
        plan = await sync.plan(rendered)
        polls = 0 if plan.is_empty else (await sync.apply(plan, rendered, is_fresh=True)).polls
        asked = client.requests - polls
        left = await sync.plan(rendered)
    cpu, elapsed = time.process_time() - cpu, time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{what:<18}{asked:>6} requests (bound {bound:,.0f}), {polls:>4} polls, {cpu:6.2f} s CPU, "
        f"{elapsed:6.1f} s, peak {peak:.0f} MB"
    )
    if asked > bound or not left.is_empty:
        raise SystemExit(f"{what}: more requests than the bound, or something left to do")
    return asked


async def ingests(address: str, documents: int) -> Finding:
    rendered = [render(page(number)) for number in range(documents)]
    noop = documents / 100 + 5
    first = await ingest(address, rendered, "first ingest", 2.2 * documents + 10)
    nothing = await ingest(address, rendered, "nothing to do", noop)
    changed = [render(page(0, words="Other. ")), *rendered[1:]]
    one = await ingest(address, changed, "one page changed", noop + 5)
    described = [replace(one, metadata={**one.metadata, "kbtool_slug": f"new/{one.slug}"}) for one in changed]
    other = await ingest(address, described, "other metadata", noop + documents / 50 + 5)
    counted = (
        ("first ingest", first, 2.2 * documents + 10),
        ("nothing to do", nothing, noop),
        ("one page changed", one, noop + 5),
        ("other metadata of every page", other, noop + documents / 50 + 5),
    )
    lines = [
        Line(f"requests of an ingest of {documents:,} documents: {what}", f"{asked:,}", f"{bound:,.0f}")
        for what, asked, bound in counted
    ]
    text = (
        f"Counted at {documents:,} documents (`python -m benchmarks.sync`): {first:,} requests for the first "
        f"ingest, {nothing:,} when there is\nnothing to do, {one:,} when one page changed; polls apart, by "
        "listing."
    )
    return Finding(tuple(lines), text, "docs/ingest.md")


def measure(given: argparse.Namespace) -> Finding:
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listening:
        engine = multiprocessing.get_context("fork").Process(
            target=serve, args=(Path(folder) / "engine.sqlite", listening), daemon=True
        )
        engine.start()
        try:
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            return asyncio.run(ingests(address, 30 if given.short else given.documents))
        finally:
            engine.terminate()
            engine.join()


def main() -> None:
    told(
        __doc__,
        measure,
        rounds=1,
        more=lambda parser: parser.add_argument("--documents", type=int, default=1000),
    )


if __name__ == "__main__":
    main()
