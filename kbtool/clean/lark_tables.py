"""Tables that Lark exports write as tags, as GFM tables.

A cell that spans rows or columns is repeated in each of them: a row, and a cell under its heading, can then
be read alone ("not for members, not for guests" must not become "not for members").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from kbtool.clean import gfm
from kbtool.clean.code import BLOCK

_TABLE = re.compile(r"<(lark-table|table)\b[^<>]*>((?:(?!<(?:lark-table|table)\b).)*?)</\1>[ \t]*", re.DOTALL)
_WIDEST = 50
_ROW = re.compile(r"<(?:lark-)?tr\b[^<>]*>((?:(?!<(?:lark-)?tr\b).)*?)</(?:lark-)?tr>", re.DOTALL)
_CELL = re.compile(r"<(?:lark-)?t[dh]\b([^<>]*)>((?:(?!<(?:lark-)?t[dh]\b).)*?)</(?:lark-)?t[dh]>", re.DOTALL)
_SPAN = {name: re.compile(rf"\b{name}=[\"'{{]*(\d{{1,3}})") for name in ("rowspan", "colspan")}
_TAG = re.compile(r"</?(?:lark-)?(?:table|tr|td|th|tbody|thead|colgroup|col)\b[^<>]*>")


def to_gfm(text: str) -> str:
    """`text` with every table of tags as a GFM table. One that holds a code block becomes its cells."""
    return _TABLE.sub(_table, text)


def _table(found: re.Match[str]) -> str:
    if BLOCK.search(found[2]):
        return _TAG.sub("\n\n", found[2])
    grid = _grid([[(cell[1], cell[2]) for cell in _CELL.finditer(row[1])] for row in _ROW.finditer(found[2])])
    return f"\n\n{gfm.table(grid)}\n\n" if grid else _TAG.sub(" ", found[2])


def _grid(rows: Sequence[Sequence[tuple[str, str]]]) -> list[list[str]]:
    """Cells by row and column, spans resolved."""
    filled: dict[tuple[int, int], str] = {}
    for number, row in enumerate(rows):
        column = 0
        for attributes, content in row:
            while (number, column) in filled:
                column += 1
            down, across = (_span(name, attributes) for name in ("rowspan", "colspan"))
            for below in range(min(down, len(rows) - number)):
                for right in range(across):
                    filled[number + below, column + right] = content
            column += across
    width = max((column for _, column in filled), default=-1) + 1
    return [[filled.get((number, column), "") for column in range(width)] for number in range(len(rows))]


def _span(name: str, attributes: str) -> int:
    found = _SPAN[name].search(attributes)
    return min(max(1, int(found[1])), _WIDEST) if found else 1
