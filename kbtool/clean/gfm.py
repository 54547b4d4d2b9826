"""GFM tables from cells."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BREAK = re.compile(r"<br[ \t]*/?>|\n")
_SPACES = re.compile(r"[ \t]{2,}")
_BULLET = re.compile(r"(?m)^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+(?=\S)")
_PIPE = re.compile(r"(?<!\\)\|")


def table(grid: Sequence[Sequence[str]]) -> str:
    """A GFM table; the first row is its header. Cells keep their inline Markdown, on one line."""
    width = max(map(len, grid))
    rows = [[*(_one_line(cell) for cell in row), *[""] * (width - len(row))] for row in grid]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def _one_line(cell: str) -> str:
    bare = cell.strip()
    if "\n" in bare:
        bare = _BULLET.sub("", bare)  # a list in a cell is its items, one after the other
    return _PIPE.sub(r"\\|", _SPACES.sub(" ", _BREAK.sub(" ", bare)))
