"""How long reading, cleaning and chunking a large export takes, beside tools that only split or only convert.

    python -m benchmarks.ingest                        (or: make bench; about half an hour)
    python -m benchmarks.ingest --pages 300 --rounds 1
    python -m benchmarks.ingest --html-folder FOLDER   real HTML pages in place of generated ones

A Notion export of 10,000 pages is generated once (ingest_export.py); peers are installed from the package
index into environments of their own (peers/). Every round runs every tool once, so that a slow minute of the
machine meets all of them; figures are medians over the rounds, with the smallest and the largest. Before
anything is timed, each result is checked.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import ingest_html, ingest_table
from benchmarks.ingest_checks import CHECKS, passed
from benchmarks.ingest_export import plan, save, write
from benchmarks.ingest_measure import Cost, run
from benchmarks.ingest_words import count
from benchmarks.peers.install import Peer, install, peers
from benchmarks.result import ROOT, Finding, told

SEED = 1
CHANGED = 17  # the page that is edited between the first run and the second
LIMIT = 4.0  # seconds of splitting that a peer gets in each round; LangChain's header splitter has no limit
YARDSTICK = "langchain"
KBTOOL: tuple[str | Path, ...] = (sys.executable, "-m", "kbtool")


@dataclass
class Rounds:
    """What was measured, one entry a round."""

    first: list[Cost] = field(default_factory=list)
    second: list[Cost] = field(default_factory=list)
    splits: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    split_costs: dict[str, list[Cost]] = field(default_factory=dict)
    converts: dict[str, list[dict[str, float]]] = field(default_factory=dict)


class Workplace:
    """A folder with one export and kbtool's cache, so that a run can begin cold."""

    def __init__(self, folder: Path, exports: dict[str, Path]) -> None:
        self._folder = folder
        self._exports = exports
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "kb.toml").write_text('[corpus]\nsources = ["export.zip"]\n', encoding="utf-8")

    def chunk(self, export: str, *, cold: bool, output: Path = Path(os.devnull)) -> Cost:
        """`kbtool chunk --json` over the export, with or without what the last run left in the cache."""
        if cold:
            shutil.rmtree(self._folder / ".kbtool", ignore_errors=True)
        (self._folder / "export.zip").unlink(missing_ok=True)
        os.link(self._exports[export], self._folder / "export.zip")
        return run([*KBTOOL, "chunk", "--json"], cwd=self._folder, output=output)


def check_ours(chunks: Path, pages: int) -> None:
    """Every word that the generator wrote as prose stands in the chunks of its page."""
    texts: dict[str, list[str]] = {}
    with chunks.open(encoding="utf-8") as lines:
        for line in lines:
            chunk = json.loads(line)
            if chunk["level"] == "child":
                texts.setdefault(chunk["source"].rpartition(" ")[2], []).append(chunk["text"])
    planned = plan(pages, SEED)
    for page in planned:
        said = write(planned, page, SEED, as_html=False, changed=False).prose
        missing = count("\n".join(said)) - count("\n".join(texts[f"{page.identity}.md"]))
        if missing:
            raise SystemExit(f"kbtool lost words of page {page.number}: {missing}")


def check_scores(found: Sequence[Peer], cache: Path) -> dict[str, list[str]]:
    """The checks that each splitter passes, ours under "kbtool"."""
    asked = json.dumps([check.page for check in CHECKS]).encode()
    scores: dict[str, list[str]] = {}
    for peer in found:
        script = ROOT / "benchmarks" / "peers" / "splitters.py"
        command: list[str | Path] = [peer.python(cache), script, peer.splits, "check"]
        scores[peer.splits] = passed(json.loads(run(command, cwd=cache, give=asked).output))
    folder = cache / "checks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, check in enumerate(CHECKS):
        (folder / f"{number:02}.md").write_bytes(check.page.encode())
    ours: list[list[tuple[list[str], str]]] = [[] for _ in CHECKS]
    for line in run([*KBTOOL, "chunk", "--json", folder], cwd=cache).output.decode().split("\n"):
        if line and (chunk := json.loads(line))["level"] == "child":
            ours[int(Path(chunk["source"]).stem)].append((chunk["heading_path"], chunk["text"]))
    return scores | {"kbtool": passed(ours)}


def time_split(peer: Peer, export: Path, cache: Path) -> tuple[dict[str, float], Cost]:
    """Seconds inside the peer's splitter, and the cost of its whole process."""
    limit = [] if peer.splits == YARDSTICK else [str(LIMIT)]
    script = ROOT / "benchmarks" / "peers" / "splitters.py"
    cost = run([peer.python(cache), script, peer.splits, "time", export, *limit], cwd=cache)
    told: dict[str, float] = json.loads(cost.output)
    if told["chunks"] < told["pages"]:
        raise SystemExit(f"{peer.name} gave {told['chunks']} chunks of {told['pages']} pages")
    return told, cost


def time_convert(peer: Peer | None, folder: Path, cache: Path) -> dict[str, float]:
    """Seconds inside a converter, ours where `peer` is None; what it made lies in the cache."""
    out = cache / "converted" / (peer.converts if peer else "kbtool")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    script = ROOT / "benchmarks" / "peers" / "converters.py"
    command: list[str | Path] = (
        [peer.python(cache), script, peer.converts, folder, out]
        if peer
        else [sys.executable, "-m", "benchmarks.ingest_html", folder, out]
    )
    told: dict[str, float] = json.loads(run(command, cwd=cache if peer else ROOT).output)
    return told


def judged(folder: Path, out: Path) -> ingest_html.Kept:
    sources = sorted(folder.glob("*.html"))
    texts = [(out / f"{path.stem}.md").read_text(encoding="utf-8") for path in sources]
    if not all(text.strip() for text in texts):
        raise SystemExit(f"{out.name} made nothing of a page")
    return ingest_html.judge(
        (path.read_text(encoding="utf-8"), text) for path, text in zip(sources, texts, strict=True)
    )


def measure(given: argparse.Namespace) -> Finding:
    if given.short:
        given.pages, given.html_pages, given.rounds = 100, 5, 1
    cache: Path = given.cache.absolute()
    cache.mkdir(parents=True, exist_ok=True)
    installed, left_out = [], []
    for peer in peers():
        complaint = install(peer, cache)
        if complaint:
            left_out.append(f"{peer.name}: {complaint}")
        else:
            installed.append(peer)
    exports = {
        "first": cache / f"export-{given.pages}.zip",
        "changed": cache / f"export-{given.pages}-changed.zip",
        "small": cache / f"export-{given.pages // 10}.zip",
    }
    for name, path in exports.items():
        if not path.exists():
            pages = given.pages // 10 if name == "small" else given.pages
            save(path, pages, SEED, changed=CHANGED if name == "changed" else None)
    html = cache / f"html-{given.html_pages}"
    if given.html_folder:
        html = cache / "html-real"
        shutil.rmtree(html, ignore_errors=True)
        ingest_html.flatten(given.html_folder, html)
    ingest_html.unpack(html, given.html_pages, SEED)

    work = Workplace(cache / "work", exports)
    say("checking results")
    work.chunk("first", cold=True, output=cache / "chunks.jsonl")
    check_ours(cache / "chunks.jsonl", given.pages)
    splitters = [peer for peer in installed if peer.splits]
    converters: list[Peer | None] = [None, *(peer for peer in installed if peer.converts)]
    scores = check_scores(splitters, cache)
    small = work.chunk("small", cold=True)

    rounds = Rounds()
    for number in range(given.rounds):
        say(f"round {number + 1} of {given.rounds}")
        rounds.first.append(work.chunk("first", cold=True))
        for peer in splitters:
            told, cost = time_split(peer, exports["first"], cache)
            rounds.splits.setdefault(peer.splits, []).append(told)
            rounds.split_costs.setdefault(peer.splits, []).append(cost)
        rounds.second.append(work.chunk("changed", cold=False))
        for converter in converters:
            name = converter.converts if converter else "kbtool"
            rounds.converts.setdefault(name, []).append(time_convert(converter, html, cache))
    kept = {name: judged(html, cache / "converted" / name) for name in rounds.converts}
    result = ingest_table.Result(
        pages=given.pages,
        rounds=given.rounds,
        first=rounds.first,
        second=rounds.second,
        small=small,
        splits=rounds.splits,
        split_costs=rounds.split_costs,
        scores=scores,
        converts=rounds.converts,
        kept=kept,
        names={peer.splits or peer.converts: f"{peer.name} {peer.version}" for peer in installed},
        left_out=left_out,
    )
    return Finding(ingest_table.lines(result), ingest_table.table(result), "docs/benchmarks.md")


def say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


def more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--html-pages", type=int, default=100)
    parser.add_argument("--html-folder", type=Path, help="a folder of real Notion HTML pages")
    parser.add_argument("--cache", type=Path, default=ROOT / ".kbtool" / "benchmarks")


if __name__ == "__main__":
    told(__doc__, measure, rounds=7, more=more)
