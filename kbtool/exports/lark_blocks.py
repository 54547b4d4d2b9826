"""Lark documents as `GET /docx/v1/documents/:id/blocks` gives them: a flat list of blocks, as Markdown.

The order is that of each block's `children`. Cells that span rows or columns are repeated in each. Sheets,
boards, synced blocks and the like are not in the list: they leave nothing, and are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kbtool.clean import gfm
from kbtool.errors import ExportError
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.lark_text import text_of
from kbtool.exports.markdown import fenced, item, joined, quoted, safe_start
from kbtool.model import Kind, Skipped

_TEXT = {2: "text", 12: "bullet", 13: "ordered", 14: "code", 15: "quote", 16: "equation", 17: "todo"}
_HEADINGS = {kind: f"heading{kind - 2}" for kind in range(3, 12)}
_CONTAINERS = frozenset({1, 24, 25, 33})  # page, grid, grid column, view
_QUOTES = frozenset({19, 34})  # callout, quote container
_NAMES = {
    18: "bitable", 20: "chat card", 21: "diagram", 23: "file", 26: "embedded page", 28: "widget",
    29: "mind map", 30: "sheet", 35: "task", 36: "OKR", 40: "add-on", 43: "board",
}  # fmt: skip
_DEEPEST = 60


def parse(file: File, body: Any) -> Draft | Skipped:
    """The document in a blocks answer, with or without the API's envelope.

    Raises ExportError for blocks that hold each other, or are nested deeper than any editor allows.
    """
    envelope = _mapping(body)
    data = _mapping(envelope.get("data")) or envelope
    blocks = [_mapping(block) for block in _list(data.get("blocks")) or _list(data.get("items"))]
    root = next((block for block in blocks if _kind(block) == 1), None)
    if root is None:
        return Skipped(file.source, "not a Lark document: no page block")
    document = _mapping(data.get("document"))
    walk = _Walk(file, {str(block.get("block_id")): block for block in blocks})
    markdown = joined(walk.children(root))
    title = str(document.get("title") or "").strip() or text_of(_elements(root, "page")).strip()
    key = str(document.get("document_id") or root.get("block_id") or "")
    counted = ", ".join(f"{count} {name}" for name, count in sorted(walk.unsupported.items()))
    note = f"page taken without {counted}: not in Lark's block list" if counted else ""
    return Draft(file, Kind.LARK_BLOCKS, title or "Untitled", markdown, key=key, note=note)


@dataclass(slots=True)
class _Walk:
    """One pass over a document; `open` are the blocks from the root to here."""

    file: File
    blocks: Mapping[str, Mapping[str, Any]]
    unsupported: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)
    depth: int = 0

    def children(self, block: Mapping[str, Any]) -> list[str]:
        """The Markdown of each child, in order; items of lists end without a blank line."""
        number = 0
        found: list[str] = []
        for child in self._open(block):
            number = number + 1 if _kind(child) == 13 else 0
            found += self._block(child, number)
        return found

    def _open(self, block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._error(block, f"is nested more than {_DEEPEST} deep")
        for name in map(str, _list(block.get("children"))):
            child = self.blocks.get(name)
            if child is None:
                self.unsupported["missing block"] += 1
                continue
            if name in self.seen:
                raise self._error(child, "is its own ancestor or has two parents")
            self.seen.add(name)
            yield child
        self.depth -= 1

    def _error(self, block: Mapping[str, Any], what: str) -> ExportError:
        return ExportError(
            f"{self.file.source}: block {block.get('block_id')} {what}", hint="Export the document again."
        )

    def _block(self, block: Mapping[str, Any], number: int) -> list[str]:
        kind = _kind(block)
        if kind in _HEADINGS:
            found = [*_heading(block, kind), *self.children(block)]
        elif kind in _CONTAINERS:
            found = self.children(block)
        elif kind in _QUOTES:
            found = [quoted(joined(self.children(block)))]
        elif kind in _TEXT:
            found = self._text(block, _TEXT[kind], number)
        elif kind == 22:
            found = ["---"]
        elif kind == 27:
            found = [str(_mapping(_mapping(block.get("image")).get("caption")).get("content") or "").strip()]
        elif kind == 31:
            found = self._table(block)
        else:
            self.unsupported[
                _NAMES.get(kind, f"block of type {kind}") if isinstance(kind, int) else "block"
            ] += 1
            found = []
        return found

    def _text(self, block: Mapping[str, Any], name: str, number: int) -> list[str]:
        elements = _elements(block, name)
        if name == "code":
            return [
                fenced(
                    "".join(str(_mapping(_mapping(e).get("text_run")).get("content", "")) for e in elements)
                )
            ]
        text = text_of(elements).strip()
        inner = self.children(block)
        if name in {"bullet", "ordered", "todo"}:
            mark = {"bullet": "- ", "ordered": f"{number}. ", "todo": _box(block)}[name]
            return [item(mark, text, inner)] if text or inner else []
        if name == "quote":
            return [quoted(joined([text, *inner]))]
        if name == "equation":
            return [f"$$\n{text.strip('$ ')}\n$$", *inner] if text else inner
        return [*([safe_start(text)] if text else []), *inner]

    def _table(self, block: Mapping[str, Any]) -> list[str]:
        table = _mapping(block.get("table"))
        shape = _mapping(table.get("property"))
        width = shape.get("column_size")
        names = [str(name) for name in _list(table.get("cells")) or _list(block.get("children"))]
        if not isinstance(width, int) or width < 1 or not names:
            return []
        cells = [self._cell(name) for name in names]
        for index, span in enumerate(_list(shape.get("merge_info"))[: len(cells)]):
            rows, columns = (_count(_mapping(span).get(name)) for name in ("row_span", "col_span"))
            for below in range(min(rows, len(cells) // width + 1)):
                for right in range(min(columns, width - index % width)):
                    if index + below * width + right < len(cells):
                        cells[index + below * width + right] = cells[index]
        return [gfm.table([cells[start : start + width] for start in range(0, len(cells), width)])]

    def _cell(self, name: str) -> str:
        cell = self.blocks.get(name)
        if cell is None:
            return ""
        if name in self.seen:
            raise self._error(cell, "is its own ancestor or has two parents")
        self.seen.add(name)
        return "\n".join(self.children(cell))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 1


def _kind(block: Mapping[str, Any]) -> int:
    kind = block.get("block_type")
    return kind if isinstance(kind, int) else 0


def _heading(block: Mapping[str, Any], kind: int) -> list[str]:
    text = " ".join(text_of(_elements(block, _HEADINGS[kind])).split())
    level = kind - 2
    if not text:
        return []
    return [f"{'#' * level} {text}" if level <= 6 else f"**{text.replace('**', '')}**"]


def _box(block: Mapping[str, Any]) -> str:
    done = _mapping(_mapping(block.get("todo")).get("style")).get("done")
    return "- [x] " if done else "- [ ] "


def _elements(block: Mapping[str, Any], name: str) -> Sequence[Any]:
    return _list(_mapping(block.get(name)).get("elements"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []
