"""What a benchmark tells, the options that all have in common, and the places in the documents that it fills.

A benchmark is a module with a `measure`, which checks its own results before it tells any figure, and whose
main is `told(…)`. `python -m benchmarks` runs them, each in a process of its own, and reads what they found.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SUMMARY = "summary"
HEAD = ("| what | measured: median (spread) | bound | command |", "| --- | --- | --- | --- |")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the one table: what was measured, and the bound that it is held to, "" none."""

    what: str
    measured: str
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one benchmark found: its lines of the table, and the Markdown that stands between its markers in
    `document` (relative to the checkout), "" where it has none.
    """

    lines: tuple[Line, ...]
    text: str = ""
    document: str = ""

    @classmethod
    def read(cls, path: Path) -> Finding:
        """Raises OSError and ValueError where there is none."""
        content = json.loads(path.read_text(encoding="utf-8"))
        return cls(tuple(Line(**line) for line in content["lines"]), content["text"], content["document"])

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1), encoding="utf-8")


def told(
    description: str | None,
    measure: Callable[[argparse.Namespace], Finding],
    *,
    rounds: int,
    more: Callable[[argparse.ArgumentParser], object] = lambda parser: parser,
) -> None:
    """The main of a benchmark: read the options, measure, print, and write the result if that is wanted."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument(
        "--short", action="store_true", help="a small form: shows that it works, measures nothing"
    )
    parser.add_argument("--result", type=Path, help="also write the result there")
    more(parser)
    given = parser.parse_args()
    result = measure(given)
    if result.text:
        print(result.text)
    for line in result.lines:
        bound = f", bound {line.bound}" if line.bound else ""
        print(f"{line.what}: {line.measured}{bound}")
    if given.result:
        result.write(given.result)


def spread(values: Sequence[float], digits: int, unit: str = "") -> str:
    """Median with the smallest and the largest: `1.20 (1.10 to 1.31) ×`."""
    low, middle, high = min(values), statistics.median(values), max(values)
    if len(values) == 1:
        return f"{middle:,.{digits}f}{unit}"
    return f"{middle:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f}){unit}"


def rows(name: str, result: Finding) -> list[str]:
    """The benchmark's lines as rows of the one table."""
    command = f"`python -m benchmarks.{name}`"
    return [f"| {line.what} | {line.measured} | {line.bound} | {command} |" for line in result.lines]


def table(found: Iterable[tuple[str, Finding]], before: str = "") -> str:
    """The one table. A benchmark that is not among `found` keeps its rows of the table `before`."""
    new = {name: rows(name, result) for name, result in found}
    kept: dict[str, list[str]] = {}
    for row in before.splitlines():
        command = re.search(r"`python -m benchmarks\.(\w+)` \|$", row)
        if command:
            kept.setdefault(command[1], []).append(row)
    return "\n".join([*HEAD, *(row for some in (kept | new).values() for row in some)])


def between(document: Path, name: str) -> str:
    """What stands between the markers of `name`. Raises SystemExit where they are not."""
    found = _markers(name).search(document.read_text(encoding="utf-8"))
    if not found:
        raise SystemExit(f"{document} has no <!-- benchmark:{name} --> … <!-- /benchmark:{name} -->")
    return found[1]


def place(document: Path, name: str, text: str) -> None:
    """Put the text between the markers of `name`. Raises SystemExit where they are not."""
    between(document, name)
    whole = document.read_text(encoding="utf-8")
    filled = f"<!-- benchmark:{name} -->\n{text}\n<!-- /benchmark:{name} -->"
    document.write_text(_markers(name).sub(lambda _: filled, whole), encoding="utf-8")


def _markers(name: str) -> re.Pattern[str]:
    return re.compile(rf"<!-- benchmark:{name} -->\n(.*?)\n?<!-- /benchmark:{name} -->", re.DOTALL)
