"""What an evaluation costs: asking beside a bare loop, and judging with a year of runs behind it.

    python -m benchmarks.evaluate [--questions 500] [--rounds 7]        (or: make bench)

**Asking.** A server in a process of its own answers each search after 50 ms with ten chunks. The same
questions go to it at concurrency 8 twice a round, in turn: through `Asker`, which parses, resolves and writes
every reply to disk, and through a bare loop of HTTPX on the same transport, which only decodes the JSON. The
bound is 1.15 times the bare loop's time, by the median of the rounds; CPU is this process's own.

**Judging.** A project of 500 questions and 52 finished runs, made with the embedded engine: `kbtool eval
report` as a whole process, from start to the written report. The bounds are 5 s and 300 MB.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import shutil
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.ingest_measure import run as measure_command
from benchmarks.result import ROOT, Finding, Line, spread, told
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import RetrievalProfile
from kbtool.dify.wire.retrieval import retrieve
from kbtool.evaluate.record import Golden
from kbtool.evaluate.run import Asker, Resolver

WAIT = 0.05
CONCURRENCY = 8
ASKING_BOUND, JUDGING_SECONDS, JUDGING_MB = 1.15, 5.0, 300
RUNS = 52
SECTIONS = 10
PROFILE = RetrievalProfile(top_k=10)
KB = """\
[corpus]
sources = ["exports"]
[dify]
dataset = "bench"
[evals]
golden = ["golden.yaml"]
baseline = "main"
concurrency = 8
"""


def questions(count: int) -> list[Golden]:
    return [Golden(f"q{i}", f"how is the {i} part of the machine cleaned") for i in range(count)]


def answer() -> bytes:
    """Ten chunks of a usual length, as Dify sends them."""
    records = [
        {
            "segment": {
                "id": f"segment-{i}",
                "content": f"Page {i} › Part\nIt is cleaned with water. " + "More of the section. " * 30,
                "document": {"id": f"document-{i}", "name": f"Page {i}", "doc_metadata": None},
            },
            "score": 0.9 - i / 20,
            "child_chunks": [],
        }
        for i in range(10)
    ]
    return json.dumps({"query": {"content": ""}, "records": records}).encode()


def serve(listening: socket.socket) -> None:
    body = answer()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def app(_: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(WAIT)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(app, log_level="critical", lifespan="off", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


@dataclass
class Times:
    clock: list[float]
    cpu: list[float]

    def say(self, what: str, count: int) -> None:
        cpu = 1000 * statistics.median(self.cpu) / count
        print(f"  {what:<12}{spread(self.clock, 2)} s, {cpu:.2f} ms of CPU a question")


async def ask_with_kbtool(address: str, asked: list[Golden], folder: Path) -> None:
    http = HttpxAiohttpClient(base_url=f"{address}/v1", timeout=60.0)
    async with DifyClient(http, dataset_key="dataset-bench") as client:
        asker = Asker(client, "bench", PROFILE, Resolver({}, {}), asks_app=False, concurrency=CONCURRENCY)
        replies = await asker.ask(asked, folder / "replies.jsonl")
    assert len(replies) == len(asked)
    assert all(len(reply.retrieved) == 10 and not reply.error for reply in replies.values())


async def ask_bare(address: str, asked: list[Golden]) -> None:
    """The least that can be done: the same requests, as many at a time, decoded."""
    bodies = [retrieve("bench", golden.question, PROFILE).json for golden in asked]
    waiting = iter(bodies)

    async with HttpxAiohttpClient(base_url=f"{address}/v1", timeout=60.0) as http:

        async def worker() -> int:
            done = 0
            for body in waiting:
                response = await http.post("/datasets/bench/retrieve", json=body)
                done += len(response.json()["records"]) == 10
            return done

        assert sum(await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))) == len(asked)


def asking(count: int, rounds: int) -> Line:
    asked = questions(count)
    ours, bare = Times([], []), Times([], [])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = multiprocessing.get_context("fork").Process(target=serve, args=(listening,), daemon=True)
        server.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            for number in range(rounds + 1):
                with tempfile.TemporaryDirectory() as folder:
                    works = [
                        (ours, ask_with_kbtool(address, asked, Path(folder))),
                        (bare, ask_bare(address, asked)),
                    ]
                    for times, work in works if number % 2 else reversed(works):
                        started, cpu = time.perf_counter(), time.process_time()
                        asyncio.run(work)
                        if number:  # the first round warms up
                            times.clock.append(time.perf_counter() - started)
                            times.cpu.append(time.process_time() - cpu)
        finally:
            server.terminate()
            server.join()
    best = f"at best {count / CONCURRENCY * WAIT:.2f} s"
    print(f"asking {count} questions, {CONCURRENCY} at a time, {1000 * WAIT:.0f} ms each: {best}")
    ours.say("kbtool", count)
    bare.say("bare HTTPX", count)
    ratios = [a / b for a, b in zip(ours.clock, bare.clock, strict=True)]
    what = f"asking {count} golden questions, beside a bare HTTPX loop, eight at a time"
    return Line(what, spread(ratios, 2, " ×"), f"{ASKING_BOUND} ×")


def project(folder: Path, count: int) -> None:
    """`count` sections, a question about each, and RUNS finished runs of it, one a week."""
    (folder / "exports").mkdir()
    golden = []
    for number in range(count):
        at, part = divmod(number, SECTIONS)
        if not part:
            first, more = at * SECTIONS, "Warm water is best. " * 25
            parts = [
                f"## Part {i}\n\nThe w{first + i} is cleaned with {i + 1} litres. {more}\n"
                for i in range(SECTIONS)
            ]
            text = f"# Page {at}\n\n" + "\n".join(parts)
            (folder / "exports" / f"page-{at}.md").write_text(text, encoding="utf-8")
        golden.append(
            f"- id: q{number}\n  question: how is the w{number} cleaned\n  lang: en\n"
            f"  tags: [t{number % 12}]\n"
            f"  relevant: [{{doc: page-{at}, section: [Part {part}], evidence: w{number} is cleaned}}]\n"
            f"  answer: {{must_contain: [[{part + 1} litres]], cite: [page-{at}]}}\n"
        )
    (folder / "golden.yaml").write_text("".join(golden), encoding="utf-8")
    (folder / "kb.toml").write_text(KB, encoding="utf-8")


def command(*arguments: str) -> list[str]:
    """Byte code is kept from the second start on, as it is for everybody, whatever this shell says."""
    return ["env", "-u", "PYTHONDONTWRITEBYTECODE", sys.executable, "-m", "kbtool", *arguments]


def judging(count: int, rounds: int) -> tuple[Line, Line]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder, count)
        (folder / "kbtool").symlink_to(ROOT / "kbtool")
        measure_command(command("ingest", "--yes"), cwd=folder)
        measure_command(command("eval", "run", "--json"), cwd=folder)
        measure_command(command("eval", "pin", "--why", "bench"), cwd=folder)
        (first,) = (folder / "reports" / "runs").iterdir()
        for week in range(1, RUNS):
            started = datetime.now(UTC) - timedelta(weeks=week)
            earlier = first.with_name(f"{started:%Y-%m-%dT%H%M%S}-000aa")
            shutil.copytree(first, earlier)
            for file in ("run.json", "outcome.json"):
                content = json.loads((earlier / file).read_text(encoding="utf-8"))
                content |= {"started": started.isoformat(timespec="seconds")}
                (earlier / file).write_text(json.dumps(content), encoding="utf-8")
        costs = [measure_command(command("eval", "report"), cwd=folder) for _ in range(rounds)]
        size = (first / "report.html").stat().st_size
        outcome = json.loads((first / "outcome.json").read_text(encoding="utf-8"))
        if len(outcome["questions"]) != count:
            raise SystemExit(f"{len(outcome['questions'])} questions were judged, not {count}")
    peak = max(cost.largest for cost in costs) / 1e6
    print(f"judging {count} questions with {RUNS} runs on disk: `kbtool eval report`, the whole process")
    print(f"  clock {spread([cost.wall for cost in costs], 2)} s; report {size / 1e3:,.0f} kB, bound 1,500")
    cpu = spread([cost.cpu for cost in costs], 1, " s")
    what = f"judging {count} questions with a year of runs, as a process"
    return (
        Line(f"{what}: CPU", cpu, f"{JUDGING_SECONDS:.0f} s"),
        Line("the same: peak memory", f"{peak:.0f} MB", f"{JUDGING_MB} MB"),
    )


def measure(given: argparse.Namespace) -> Finding:
    count, rounds = (40, 1) if given.short else (given.questions, given.rounds)
    return Finding((asking(count, rounds), *judging(count, rounds)))


def main() -> None:
    told(
        __doc__,
        measure,
        rounds=7,
        more=lambda parser: parser.add_argument("--questions", type=int, default=500),
    )


if __name__ == "__main__":
    main()
