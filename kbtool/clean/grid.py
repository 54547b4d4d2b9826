"""Tables whose cells span rows or columns, as rows of equal length.

A cell that spans is repeated in each place: a row, and a cell under its heading, can then be read alone
("not for members, not for guests" must not become "not for members").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST_REPEATED = 2**20
"""Letters that a spanning cell may come to in all its places; a longer one stands in its first only."""
_WIDEST = 50
_RULER = re.compile(r"^[ \t]*\|(?:[ \t]*:?-{3,}:?[ \t]*\|)+[ \t]*$")
_ROW = re.compile(r"^[ \t]*\|(.*)\|[ \t]*$")
_BARS = re.compile(r"(?<!\\)\|")
_QUOTE = re.compile(r"^[ \t]*>[ \t]?")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's Markdown, and over how many rows and columns it stands."""

    text: str
    down: int = 1
    across: int = 1


def spread(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """The texts by row and column, spans resolved; rows that are short get empty cells."""
    filled: dict[tuple[int, int], str] = {}
    for number, row in enumerate(rows):
        column = 0
        for cell in row:
            while (number, column) in filled:
                column += 1
            across = min(max(cell.across, 1), _WIDEST)
            down = min(max(cell.down, 1), len(rows) - number)
            again = cell.text if len(cell.text) * across * down <= MOST_REPEATED else ""
            for below in range(down):
                for right in range(across):
                    filled[number + below, column + right] = again if below or right else cell.text
            column += across
    width = max((column for _, column in filled), default=-1) + 1
    return [[filled.get((number, column), "") for column in range(width)] for number in range(len(rows))]


def flat(markdown: str) -> str:
    """A cell's blocks as bare lines: a table inside it is its rows, a quote its words."""
    lines: list[str] = []
    row = None
    for line in markdown.split("\n"):
        bare = _QUOTE.sub("", line)
        if not bare.strip() or _RULER.match(bare):
            continue
        row = _ROW.match(bare)
        if row:
            bare = ", ".join(cell.strip() for cell in _BARS.split(row[1]) if cell.strip()) + ";"
        lines.append(bare)
    return "\n".join(lines).removesuffix(";") if row else "\n".join(lines)
