"""The benchmark's figures as one Markdown table, and those of them that stand in the table of all."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.ingest_checks import CHECKS
from benchmarks.ingest_html import Kept
from benchmarks.ingest_measure import Cost
from benchmarks.result import Line, spread

COMMAND = "python -m benchmarks.ingest"
MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that was measured. Times are in seconds, sizes in bytes, keys the adapters' names."""

    pages: int
    rounds: int
    first: Sequence[Cost]
    second: Sequence[Cost]
    small: Cost
    splits: dict[str, list[dict[str, float]]]
    split_costs: dict[str, list[Cost]]
    scores: dict[str, list[str]]
    converts: dict[str, list[dict[str, float]]]
    kept: dict[str, Kept]
    names: dict[str, str]
    left_out: Sequence[str]


def table(result: Result) -> str:
    """One table: kbtool whole, then each splitter, then the converters of HTML pages, then what follows."""
    yardstick = [told["seconds"] for told in result.splits["langchain"]]
    size = result.splits["langchain"][0]["bytes"]
    files = result.splits["langchain"][0]["pages"]
    ours = [cost.wall for cost in result.first]
    middle = statistics.median(ours)
    changed = spread([cost.wall for cost in result.second], 1)
    rows = [
        "| what | time, median (spread) | docs/s | MB/s | peak memory, largest process (sum) | checklist |",
        "| --- | --- | --- | --- | --- | --- |",
        (
            f"| **kbtool chunk**: unzip, clean, chunk | {spread(ours, 1)} s | {files / middle:,.0f} "
            f"| {size / MEGA / middle:.1f} | {memory(result.first)} "
            f"| **{len(result.scores['kbtool'])} of {len(CHECKS)}** |"
        ),
        f"| kbtool chunk again, one page changed | {changed} s | | | {memory(result.second)} | |",
        *(_splitter(result, name) for name in result.splits),
        *(_converter(result, name) for name in result.converts),
    ]
    ratios = [mine / theirs for mine, theirs in zip(ours, yardstick, strict=True)]
    again = [100 * cost.wall / first.wall for cost, first in zip(result.second, result.first, strict=True)]
    peak = statistics.median(cost.largest for cost in result.first) / MEGA
    told = [
        (
            f"- kbtool, all of it, takes {spread(ratios, 2)} times what LangChain's header splitter needs"
            " only to split the same pages, which it is handed in memory (paired by round)."
        ),
        f"- A second run with one page changed takes {spread(again, 1)} % of the first.",
        (
            f"- The largest process of kbtool took {peak:.0f} MB at {result.pages:,} pages and"
            f" {result.small.largest / MEGA:.0f} MB at {result.pages // 10:,}."
        ),
        *(f"- Not measured: {why}" for why in result.left_out),
    ]
    head = (
        f"{result.pages:,} generated Notion pages ({size / MEGA:.0f} MB of Markdown in en, zh and ja, zips"
        f" in a zip), {result.rounds} interleaved rounds, medians with smallest and largest. Splitters other"
        f" than LangChain's first are timed on as many pages as they split in four seconds. `{COMMAND}`"
    )
    return "\n".join([head, "", *rows, "", *told])


def lines(result: Result) -> tuple[Line, ...]:
    """What of it stands in the one table."""
    ours = [cost.wall for cost in result.first]
    yardstick = [told["seconds"] for told in result.splits["langchain"]]
    ratios = [mine / theirs for mine, theirs in zip(ours, yardstick, strict=True)]
    again = [100 * cost.wall / first.wall for cost, first in zip(result.second, result.first, strict=True)]
    best = max(len(passed) for name, passed in result.scores.items() if name != "kbtool")
    peak = statistics.median(cost.largest for cost in result.first) / MEGA
    pages = f"{result.pages:,} pages"
    return (
        Line(
            f"`kbtool chunk` on {pages}, all of it, beside LangChain's header splitter, only splitting",
            spread(ratios, 2, " ×"),
            "1.5 ×",
        ),
        Line("the same again with one page changed, beside the first time", spread(again, 1, " %")),
        Line(
            "splitting: points of the checklist (the best of the other splitters)",
            f"{len(result.scores['kbtool'])} of {len(CHECKS)} ({best})",
        ),
        Line(f"largest process on {pages}", f"{peak:.0f} MB"),
    )


def memory(costs: Sequence[Cost]) -> str:
    """The largest process and the sum over all, medians of the rounds."""
    largest = statistics.median(cost.largest for cost in costs)
    whole = statistics.median(sum(cost.peaks) for cost in costs)
    return f"{largest / MEGA:.0f} MB ({whole / MEGA:.0f})"


def _splitter(result: Result, name: str) -> str:
    told = result.splits[name]
    seconds = [one["seconds"] for one in told]
    whole = max(one["pages"] for one in told) == result.splits["langchain"][0]["pages"]
    time = f"{spread(seconds, 1)} s" if whole else "limited"
    docs = statistics.median(one["pages"] / one["seconds"] for one in told)
    rate = statistics.median(one["bytes"] / one["seconds"] for one in told) / MEGA
    score = f"{len(result.scores[name])} of {len(CHECKS)}"
    return (
        f"| {result.names[name]}: only split | {time} | {docs:,.0f} | {rate:.1f} "
        f"| {memory(result.split_costs[name])} | {score} |"
    )


def _converter(result: Result, name: str) -> str:
    told, kept = result.converts[name], result.kept[name]
    rates = [one["bytes"] / one["seconds"] / MEGA for one in told]
    lost = 100 * (1 - kept.words[0] / kept.words[1])
    points = (
        f"words lost {lost:.2f} %, contents links {kept.contents}, to-do states {_of(kept.boxes)}, "
        f"tables {_of(kept.tables)}, code {_of(kept.fences)}"
    )
    called = result.names.get(name, "kbtool's reader")
    return f"| HTML to Markdown: {called} | {spread(rates, 1)} MB/s | | | | {points} |"


def _of(pair: tuple[int, int]) -> str:
    return f"{pair[0]}/{pair[1]}"
