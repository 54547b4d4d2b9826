"""All comparisons that the documents name, one after the other, and one table of what they found.

    make bench                                      (python -m benchmarks)
    python -m benchmarks --only startup --only bridge
    python -m benchmarks --short                    a few minutes: shows that each works, measures nothing
    python -m benchmarks --readme                   and put the figures into README.md and docs/

Each runs in a process of its own and checks its results before it tells a figure; peers are installed from
the package index into environments of their own. What is finished is kept, by the state of the code, so that
an interrupted run goes on where it was (`--fresh` begins anew).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.result import ROOT, SUMMARY, Finding, between, place, table

SHORT = 0.08
"""How long the small forms take together, beside the whole."""
FOLDER = ROOT / ".kbtool" / "benchmarks" / "results"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module of this folder, what it shows, and how many minutes it took when it was last looked at."""

    name: str
    shows: str
    minutes: float


BENCHMARKS = (
    Benchmark("startup", "`kbtool --help` beside a bare typer application", 0.5),
    Benchmark("size", "the installed environment", 1.5),
    Benchmark("sync", "what an ingest of 1,000 documents asks of Dify", 1.0),
    Benchmark("engine", "the embedded engine's searches", 2.0),
    Benchmark(
        "evaluate", "asking golden questions beside a bare HTTPX loop, and judging with a year of runs", 4.0
    ),
    Benchmark("threshold", "the handoff threshold beside other ways to one", 6.0),
    Benchmark("bridge", "the bridge beside a bare endpoint and a probe that makes its calls", 8.0),
    Benchmark("review", "what the review page adds to sending a reply", 0.5),
    Benchmark("ingest", "reading, cleaning and chunking beside tools that only split or only convert", 30.0),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a benchmark's result lies, and by what code and options it was measured. `share` is how much of
    its usual time it takes.
    """

    folder: Path
    state: str
    share: float = 1.0

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def is_there(self, name: str) -> bool:
        return self.path(name).exists() and self._about(name).get("state") == self.state

    def seconds(self, benchmark: Benchmark) -> float:
        """How long it will take: as long as the last time, whatever the code was."""
        return float(self._about(benchmark.name).get("seconds", 60 * benchmark.minutes * self.share))

    def note(self, name: str, seconds: float) -> None:
        about = json.dumps({"state": self.state, "seconds": round(seconds, 1)})
        (self.folder / f"{name}.about.json").write_text(about, encoding="utf-8")

    def _about(self, name: str) -> dict[str, str | float]:
        try:
            about: dict[str, str | float] = json.loads(
                (self.folder / f"{name}.about.json").read_text("utf-8")
            )
        except (OSError, ValueError):
            return {}
        return about


def state_of_the_code(rounds: int | None) -> str:
    """Changes with whatever could change a figure."""
    mark = hashlib.sha256(repr(rounds).encode())
    for path in _sources():
        mark.update(path.read_bytes())
    return mark.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    yield ROOT / "pyproject.toml"
    for folder in ("kbtool", "bridge", "benchmarks"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def run(benchmark: Benchmark, kept: Kept, options: list[str]) -> str:
    """Measure it and keep the result. Returns what is wrong, "" where nothing is."""
    log = kept.folder / f"{benchmark.name}.log"
    path = kept.path(benchmark.name)
    path.unlink(missing_ok=True)
    command = [sys.executable, "-m", f"benchmarks.{benchmark.name}", "--result", str(path), *options]
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode or not path.exists():
        last = (log.read_text(encoding="utf-8").strip().splitlines() or ["it said nothing"])[-1]
        return f"{benchmark.name} failed: {last}  (all of it: {log})"
    kept.note(benchmark.name, time.monotonic() - began)
    return ""


def minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def publish(found: list[tuple[str, Finding]]) -> None:
    """The one table goes into the README, what a benchmark has to say besides into its document."""
    readme = ROOT / "README.md"
    place(readme, SUMMARY, table(found, between(readme, SUMMARY)))
    for name, result in found:
        if result.text:
            place(ROOT / result.document, name, result.text)


def main() -> int:
    given = arguments()
    chosen = [one for one in BENCHMARKS if not given.only or one.name in given.only]
    folder = FOLDER / "short" if given.short else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    kept = Kept(folder, state_of_the_code(given.rounds), SHORT if given.short else 1.0)
    options = [
        *(["--rounds", str(given.rounds)] if given.rounds else []),
        *(["--short"] if given.short else []),
    ]
    ahead = [one for one in chosen if given.fresh or not kept.is_there(one.name)]
    wrong = []
    for number, one in enumerate(ahead, start=1):
        left = sum(kept.seconds(other) for other in ahead[number - 1 :])
        print(f"{number} of {len(ahead)}  {one.name}: {one.shows}; about {minutes(left)} left", flush=True)
        problem = run(one, kept, options)
        if problem:
            wrong.append(problem)
            print(f"  {problem}", flush=True)
    found = [(one.name, Finding.read(kept.path(one.name))) for one in chosen if kept.is_there(one.name)]
    print(f"\n{table(found)}")
    if given.readme:
        publish(found)
        print(f"\nPut into the documents: {', '.join(name for name, _ in found)}")
    return 1 if wrong else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [one.name for one in BENCHMARKS]
    parser.add_argument("--only", action="append", choices=names, help="this one; repeatable")
    parser.add_argument("--rounds", type=int, help="rounds of each, in place of its own number")
    parser.add_argument("--short", action="store_true", help="small forms, which show that all work")
    parser.add_argument("--fresh", action="store_true", help="measure again what is finished")
    parser.add_argument("--readme", action="store_true", help="put the figures into README.md and docs/")
    given = parser.parse_args()
    if given.short and given.readme:
        parser.error("--short measures nothing that belongs into the documents")
    return given


if __name__ == "__main__":
    sys.exit(main())
