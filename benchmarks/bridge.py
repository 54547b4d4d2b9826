"""How fast the bridge is, and what it holds: beside a bare endpoint, and beside a probe that makes its calls.

    python -m benchmarks.bridge [--rounds 7] [--messages 640] [--soak]       (or: make bench)

Five processes: the load generator, light fakes of Chatwoot and Dify (one process), the bridge as shipped but
for its merge window, a FastAPI endpoint that does one durable insert, and a probe of 100 lines on aiohttp and
SQLite that makes the same calls in the same order: which those are is first seen on the bridge. Measurements
take turns within a round, and ratios are taken round by round. Before anything is told, every message must
have been answered once. Echo webhooks are not sent back. `--soak` counts memory to 100,000 messages.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.bridge_run import ACK_LIMIT, Bench, Burst, Running, process, quantile
from benchmarks.bridge_table import Figures, lines, table
from benchmarks.result import Finding, told

CHATWOOT_AND_DIFY = ("show", "list", "post", "status", "typing", "labels", "ask")
WAITING = 1000
PACE, PACED_SECONDS = 40.0, 5.0


async def compare(bench: Bench, own: Figures, bridge: Running, probe: Running, bare: Running) -> None:
    """One round of acknowledgements and answers: the three take turns."""
    count, senders = own.messages, own.senders
    await bench.control(reset=True)
    bare_acks = [seconds for _, seconds, _ in await bench.acks(bare, count, senders)]
    own.add("bare p99", quantile(bare_acks, 0.99))
    for dify, name in ((0.0, "0"), (0.5, "500")):
        mine = await bench.burst(bridge, count, senders, dify=dify)
        its = await bench.burst(probe, count, senders, dify=dify)
        own.add(f"ack p50 {name}", quantile(mine.acks, 0.5))
        own.add(f"ack p99 {name}", quantile(mine.acks, 0.99))
        own.add("late acks", sum(seconds > ACK_LIMIT for seconds in mine.acks))
        own.add(f"rate {name}", mine.a_second)
        own.add(f"probe rate {name}", its.a_second)
        own.add("cpu", mine.cpu / count)
        own.add("probe cpu", its.cpu / count)
        own.add("calls", calls(mine))


def calls(burst: Burst) -> float:
    """Chatwoot's and Dify's, for each answered message."""
    return sum(burst.calls.get(name, 0) for name in CHATWOOT_AND_DIFY) / len(burst.totals)


async def pace(bench: Bench, own: Figures, bridge: Running) -> None:
    """One round at an even pace: what the bridge adds to Dify's own time."""
    burst = await bench.burst(bridge, int(PACE * PACED_SECONDS), WAITING, dify=0.5, rate=PACE)
    added = [seconds - 0.5 for seconds in burst.totals]
    own.add("paced p50", quantile(added, 0.5))
    own.add("paced p99", quantile(added, 0.99))


async def wait_on_dify(bench: Bench, own: Figures, bridge: Running) -> None:
    """A thousand conversations, and a Dify that answers none until all have asked, or 20 s have gone."""
    await bench.control(reset=True, dify_seconds=0.0, open_gate=False)
    first = bench.next
    sending = asyncio.create_task(bench.acks(bridge, WAITING, own.senders))
    for _ in range(200):
        if (await bench.told())["asking"] >= WAITING:
            break
        await asyncio.sleep(0.1)
    await bench.control(open_gate=True)
    sent = await sending
    await bench.until_answered(WAITING)
    own.add("waiting", bench.count(first, sent, await bench.told(whole=1)).most_asking)


async def remember(bench: Bench, own: Figures, bridge: Running, marks: Sequence[int]) -> None:
    """The bridge's memory after so many messages."""
    done = 0
    for mark in marks:
        while done < mark:
            count = min(2000, mark - done)
            await bench.burst(bridge, count, own.senders, dify=0.0)
            done += count
        own.add(f"rss {mark:,}", bridge.megabytes)


async def rounds(own: Figures, folder: Path, *, soak: bool) -> None:
    log = folder / "log"
    with ExitStack() as stack:

        def started(module: str, *options: str | Path) -> Running:
            return stack.enter_context(process(module, *options, log=log))

        fakes = started("bridge_fakes")
        url = fakes.url
        async with HttpxAiohttpClient(trust_env=False, timeout=60.0) as http:
            bench = Bench(fakes, http)
            bridge = started("bridge_served", url, folder / "bridge.sqlite", "0")
            seen = await bench.burst(bridge, 1, 1, dify=0.0)
            print(f"calls for an answered message: {', '.join(seen.sequence)}", flush=True)
            probe = started(
                "bridge_probe", url, folder / "probe.sqlite", ",".join(seen.sequence), str(WAITING)
            )
            bare = started("bridge_bare", folder / "bare.sqlite")
            for number in range(own.rounds):
                await compare(bench, own, bridge, probe, bare)
                await pace(bench, own, bridge)
                print(f"round {number + 1} of {own.rounds}", flush=True)
            await wait_on_dify(bench, own, bridge)
            shipped = started("bridge_served", url, folder / "shipped.sqlite", "shipped")
            for _ in range(own.rounds):
                burst = await bench.burst(shipped, 40, 40, dify=1.0, rate=20.0)
                own.add("first p95", quantile(burst.totals, 0.95))
            fresh = started("bridge_served", url, folder / "fresh.sqlite", "0")
            await remember(bench, own, fresh, (1_000, 10_000, 100_000) if soak else (1_000, 10_000))


def measure(given: argparse.Namespace) -> Finding:
    own = Figures(1, 64, 16) if given.short else Figures(given.rounds, given.messages, given.senders)
    with tempfile.TemporaryDirectory(prefix="kbtool-bench-") as folder:
        asyncio.run(rounds(own, Path(folder), soak=given.soak))
    return Finding(lines(own), table(own), "docs/benchmarks.md")


def more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--messages", type=int, default=640)
    parser.add_argument("--senders", type=int, default=64)
    parser.add_argument("--soak", action="store_true", help="memory up to 100,000 messages")


if __name__ == "__main__":
    told(__doc__, measure, rounds=7, more=more)
