"""Tables that Lark exports write as tags, as GFM tables.

What stands in a cell is brought to one line: a table or a callout inside it is its words.
"""

from __future__ import annotations

import re

from kbtool.clean import gfm
from kbtool.clean.code import BLOCK
from kbtool.clean.grid import Cell, flat, spread

_TABLE = re.compile(r"<(lark-table|table)\b[^<>]*>((?:(?!<(?:lark-table|table)\b).)*?)</\1>[ \t]*", re.DOTALL)
_INSIDE = re.compile(r"</?(?:p|div|callout|quote-container|grid|column|view)\b[^<>]*>")
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
    rows = [[_cell(cell[1], cell[2]) for cell in _CELL.finditer(row[1])] for row in _ROW.finditer(found[2])]
    grid = spread([row for row in rows if row])
    return f"\n\n{gfm.table(grid)}\n\n" if grid else _TAG.sub(" ", found[2])


def _cell(attributes: str, content: str) -> Cell:
    """A cell; boxes and paragraphs inside it have no form in a table's row."""
    text = flat(_INSIDE.sub("\n", content))
    return Cell("\n".join(line for line in text.split("\n") if line.strip()), *_spans(attributes))


def _spans(attributes: str) -> tuple[int, int]:
    found = (_SPAN[name].search(attributes) for name in ("rowspan", "colspan"))
    down, across = (int(span[1]) if span else 1 for span in found)
    return down, across
