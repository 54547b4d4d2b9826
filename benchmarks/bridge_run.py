"""Processes of the bridge's benchmark, and one burst of messages through one of them."""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
ACK_LIMIT = 5.0
"""Seconds after which Chatwoot opens the conversation."""
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Running:
    """A process that listens; `pid` is its own."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def megabytes(self) -> float:
        """What it holds in memory now (VmRSS, Linux)."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))

    @property
    def cpu(self) -> float:
        """Seconds of processor time that it has had (Linux)."""
        after_name = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def process(module: str, *options: str | Path, log: Path) -> Iterator[Running]:
    """`python -m benchmarks.<module>` until the block ends; it says its port when it listens."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *map(str, options)]
    with (
        log.open("ab") as file,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=file) as own,
    ):
        try:
            assert own.stdout is not None
            line = own.stdout.readline()
            if not line:
                sys.exit(f"benchmarks.{module} did not start:\n{log.read_text(encoding='utf-8')}")
            yield Running(json.loads(line)["port"], own.pid)
        finally:
            own.kill()


@dataclass(frozen=True, slots=True)
class Burst:
    """What came of one burst. Times are seconds; `totals` are from sending to the first reply, `cpu` is the
    processor time of the process that answered.
    """

    acks: Sequence[float]
    totals: Sequence[float]
    seconds: float
    calls: dict[str, int]
    sequence: Sequence[str]
    most_asking: int
    cpu: float = 0.0

    @property
    def a_second(self) -> float:
        return len(self.totals) / self.seconds


class Bench:
    """Bursts against one set of fakes. Customers' numbers are never used twice."""

    def __init__(self, fakes: Running, http: httpx.AsyncClient) -> None:
        self._fakes, self._http = fakes, http
        self.next = 1

    async def control(self, **told: Any) -> None:
        (await self._http.post(f"{self._fakes.url}/control", json=told)).raise_for_status()

    async def told(self, **query: int) -> dict[str, Any]:
        answer = await self._http.get(f"{self._fakes.url}/control", params=query)
        said: dict[str, Any] = answer.json()
        return said

    async def acks(self, to: Running, count: int, senders: int, *, rate: float = 0.0) -> list[list[float]]:
        """Send, and wait for the acknowledgements only."""
        command = [sys.executable, "-m", "benchmarks.bridge_load", str(to.port), str(self.next), str(count),
                   str(senders), str(rate)]  # fmt: skip
        self.next += count
        load = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
        output, _ = await load.communicate()
        sent: list[list[float]] = json.loads(output)
        return sent

    async def burst(self, to: Running, count: int, senders: int, *, dify: float, rate: float = 0.0) -> Burst:
        """Send, and wait until every message is answered. Exits where one is not, or not once."""
        await self.control(reset=True, dify_seconds=dify)
        first, cpu = self.next, to.cpu
        sent = await self.acks(to, count, senders, rate=rate)
        await self.until_answered(count)
        cpu = to.cpu - cpu
        return replace(self.count(first, sent, await self.told(whole=1)), cpu=cpu)

    async def until_answered(self, count: int) -> None:
        answered = 0
        for _ in range(int(10 * PATIENCE) + count):
            answered = (await self.told())["answered"]
            if answered >= count:
                return
            await asyncio.sleep(0.1)
        sys.exit(f"only {answered} of {count} messages were answered")

    def count(self, first: int, sent: list[list[float]], told: dict[str, Any]) -> Burst:
        """Each message was taken and answered once, or the benchmark says nothing."""
        posts = {int(number): own for number, own in told["posts"].items()}
        wrong = [
            number
            for number in range(first, first + len(sent))
            if sum(not private for _, _, private in posts.get(number, ())) != 1
        ]
        refused = [status for _, _, status in sent if status != 200]
        if wrong or refused:
            sys.exit(
                f"{len(wrong)} messages were not answered once (first: {wrong[:3]}), refused: {refused[:3]}"
            )
        totals = [posts[first + place][0][0] - at for place, (at, _, _) in enumerate(sent)]
        begun, ended = min(at for at, _, _ in sent), max(own[0][0] for own in posts.values())
        return Burst(
            [seconds for _, seconds, _ in sent],
            totals,
            ended - begun,
            told["calls"],
            told["sequence"],
            told["most_asking"],
        )


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
