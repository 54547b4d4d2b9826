"""Lark documents as `GET /docx/v1/documents/:id/blocks` gives them: a flat list of blocks, as Markdown.

The order is that of each block's `children`. Sheets, boards, widgets and the like are not in the list: they
leave nothing, and are counted. What no block's children name is not lost: it goes on record. Block types are
those of Lark's "Block data structure" (docx v1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from kbtool.clean import gfm
from kbtool.clean.grid import MOST_REPEATED, flat
from kbtool.errors import ExportError
from kbtool.exports import lark_languages
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.lark_json import LarkDocument, elements_in, flag, kind_of, listed, mapping
from kbtool.exports.lark_text import left_out, plain_text, text_of
from kbtool.exports.markdown import fenced, item, joined, quoted, safe_start
from kbtool.model import Kind, Removal, Skipped

_TEXT = {2: "text", 12: "bullet", 13: "ordered", 14: "code", 15: "quote", 16: "equation", 17: "todo"}
_HEADINGS = {kind: f"heading{kind - 2}" for kind in range(3, 12)}
_CONTAINERS = frozenset({1, 24, 25, 32, 33, 44, 45, 47, 49, 50})
"""Page, grid, grid column, stray table cell, view, agenda, its items and their contents, synced blocks."""
_QUOTES = frozenset({19, 34})  # callout, quote container
_NAMES = {
    18: "bitable", 20: "chat card", 21: "diagram", 26: "embedded page", 28: "widget", 29: "mind map",
    30: "sheet", 35: "task", 36: "OKR", 39: "OKR progress", 40: "add-on", 41: "Jira issue",
    42: "wiki catalog", 43: "board", 48: "link preview", 51: "sub-page list", 52: "AI template",
}  # fmt: skip
_DEEPEST = 60


def parse(file: File, body: Any) -> Draft | Skipped:
    """The document in a blocks answer, with or without the API's envelope, or in a list of such answers.

    Raises ExportError for blocks that hold each other, or are nested deeper than any editor allows.
    """
    document = LarkDocument.from_answer(body)
    root = document.root
    if root is None:
        return Skipped(file.source, "not a Lark document: no page block")
    walk = _Walk(file, document.blocks, document.file_names)
    markdown = joined(walk.children(root))
    own = walk.text(elements_in(root, "page")).strip()
    title = document.title or own
    if own not in {"", title}:
        walk.removals.append(Removal("drop_second_title", own))
    walk.record_unreached(root)
    return Draft(
        file,
        Kind.LARK_BLOCKS,
        title or "Untitled",
        markdown,
        key=document.token,
        removals=tuple(walk.removals),
        note=walk.note(is_cut=document.is_cut),
    )


@dataclass(slots=True)
class _Walk:
    """One pass over a document; `seen` are the blocks that were met, `depth` how many are open."""

    file: File
    blocks: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, str]
    unsupported: Counter[str] = field(default_factory=Counter)
    removals: list[Removal] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    depth: int = 0

    def children(self, block: Mapping[str, Any]) -> list[str]:
        """The Markdown of each child, in order; items of lists end without a blank line."""
        number = 0
        follows = False
        found: list[str] = []
        for child in self._open(block):
            is_item = kind_of(child) == 13
            if is_item:
                number = _number(child, number, follows=follows)
            found += self._block(child, number)
            follows = is_item
        return found

    def text(self, elements: Sequence[Any]) -> str:
        """The elements as Markdown; what they hold besides words goes on record."""
        self.removals += left_out(elements)
        return text_of(elements, self.files)

    def note(self, *, is_cut: bool) -> str:
        """What the page lacks, in a sentence for the report; "" when it is whole."""
        counted = ", ".join(f"{count} {name}" for name, count in sorted(self.unsupported.items()))
        cut = "the answer says has_more: ask for its other pages" if is_cut else ""
        lacks = f"page taken without {counted}: not in Lark's block list" if counted else ""
        return "; ".join(part for part in (lacks, cut) if part)

    def record_unreached(self, root: Mapping[str, Any]) -> None:
        """Text of blocks that no block names as its child, such as what is left of a deleted one."""
        for name, block in self.blocks.items():
            if name in self.seen or block is root:
                continue
            words = [plain_text(elements) for elements in _any_elements(block)]
            self.removals += [Removal("drop_unreached_blocks", text) for text in words if text.strip()]

    def _open(self, block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._error(block, f"is nested more than {_DEEPEST} deep")
        for name in map(str, listed(block.get("children"))):
            child = self._take(name)
            if child is not None:
                yield child
        self.depth -= 1

    def _take(self, name: str) -> Mapping[str, Any] | None:
        child = self.blocks.get(name)
        if child is None:
            self.unsupported["missing block"] += 1
            return None
        if name in self.seen:
            raise self._error(child, "is its own ancestor or has two parents")
        self.seen.add(name)
        return child

    def _error(self, block: Mapping[str, Any], what: str) -> ExportError:
        return ExportError(
            f"{self.file.source}: block {block.get('block_id')} {what}", hint="Export the document again."
        )

    def _block(self, block: Mapping[str, Any], number: int) -> list[str]:
        kind = kind_of(block)
        if kind in _HEADINGS:
            found = [*self._heading(block, kind), *self.children(block)]
        elif kind in _CONTAINERS:
            found = self.children(block)
        elif kind in _QUOTES:
            found = [quoted(joined(self.children(block)))]
        elif kind in _TEXT:
            found = self._text(block, _TEXT[kind], number)
        elif kind == 22:
            found = ["---"]
        elif kind == 23:
            found = self._attachment(block)
        elif kind in {26, 48}:
            found = self._embedded(block, kind)
        elif kind == 27:
            found = [str(mapping(mapping(block.get("image")).get("caption")).get("content") or "").strip()]
        elif kind == 31:
            found = self._table(block)
        else:
            found = self._unknown(block, kind)
        return found

    def _heading(self, block: Mapping[str, Any], kind: int) -> list[str]:
        text = " ".join(self.text(elements_in(block, _HEADINGS[kind])).split())
        level = kind - 2
        if not text:
            return []
        return [f"{'#' * level} {text}" if level <= 6 else f"**{text.replace('**', '')}**"]

    def _text(self, block: Mapping[str, Any], name: str, number: int) -> list[str]:
        elements = elements_in(block, name)
        if name == "code":
            caption = str(mapping(mapping(block.get("code")).get("caption")).get("content") or "").strip()
            self.removals += left_out(elements)
            language = mapping(mapping(block.get("code")).get("style")).get("language")
            code = fenced(plain_text(elements), lark_languages.fence_name(language))
            return [code, caption, *self.children(block)]
        text = self.text(elements).strip()
        inner = self.children(block)
        if name in {"bullet", "ordered", "todo"}:
            mark = {"bullet": "- ", "ordered": f"{number}. ", "todo": _box(block)}[name]
            return [item(mark, text, inner)] if text or inner else []
        if name == "quote":
            return [quoted(joined([text, *inner]))]
        if name == "equation":
            return [f"$$\n{text.strip('$ ')}\n$$", *inner] if text else inner
        return [*([safe_start(text)] if text else []), *inner]

    def _attachment(self, block: Mapping[str, Any]) -> list[str]:
        """A file is not in the answer: a name without it answers nothing."""
        name = str(mapping(block.get("file")).get("name") or "").strip()
        self.unsupported["file"] += 1
        if name:
            self.removals.append(Removal("drop_attachments", name))
        return self.children(block)

    def _embedded(self, block: Mapping[str, Any], kind: int) -> list[str]:
        """An embedded video or page, and a link's preview, are their addresses."""
        body = mapping(block.get("iframe" if kind == 26 else "link_preview"))
        address = unquote(str(mapping(body.get("component")).get("url") or body.get("url") or "")).strip()
        if address.startswith(("http://", "https://")) and not any(map(str.isspace, address)):
            return [address, *self.children(block)]
        return self._unknown(block, kind)

    def _unknown(self, block: Mapping[str, Any], kind: int) -> list[str]:
        """What Lark gives no content for is counted; text and children that it has all the same are kept."""
        texts = [
            safe_start(text) for elements in _any_elements(block) if (text := self.text(elements).strip())
        ]
        inner = self.children(block)
        if not texts and not inner:
            self.unsupported[_NAMES.get(kind, f"block of type {kind}" if kind else "block")] += 1
        record = mapping(block.get("add_ons")).get("record")
        if isinstance(record, str) and record.strip():
            self.removals.append(Removal("drop_widgets", record))
        return [*texts, *inner]

    def _table(self, block: Mapping[str, Any]) -> list[str]:
        """Cells that span rows or columns are repeated in each. Code in a cell has no form in a table row."""
        table = mapping(block.get("table"))
        shape = mapping(table.get("property"))
        width = shape.get("column_size")
        names = [str(name) for name in listed(table.get("cells")) or listed(block.get("children"))]
        cells = [self._cell(name) for name in names]
        if not isinstance(width, int) or width < 1 or not cells or any("```" in cell for cell in cells):
            return cells
        cells = [flat(cell) for cell in cells]
        for index, span in enumerate(listed(shape.get("merge_info"))[: len(cells)]):
            rows, columns = (_count(mapping(span).get(name)) for name in ("row_span", "col_span"))
            if len(cells[index]) * rows * columns > MOST_REPEATED:
                continue
            for below in range(min(rows, len(cells) // width + 1)):
                for right in range(min(columns, width - index % width)):
                    if index + below * width + right < len(cells):
                        cells[index + below * width + right] = cells[index]
        return [gfm.table([cells[start : start + width] for start in range(0, len(cells), width)])]

    def _cell(self, name: str) -> str:
        cell = self._take(name)
        return joined(self.children(cell)) if cell is not None else ""


def _number(block: Mapping[str, Any], last: int, *, follows: bool) -> int:
    """An ordered item's number. `sequence` begins anew or, "auto", goes on behind other blocks too.

    Without it, as in older answers, only neighbours are counted on.
    """
    sequence = mapping(mapping(block.get("ordered")).get("style")).get("sequence")
    if isinstance(sequence, str) and sequence.isascii() and sequence.isdigit():
        return int(sequence[:9])
    return last + 1 if follows or sequence == "auto" else 1


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 1


def _box(block: Mapping[str, Any]) -> str:
    return "- [x] " if flag(mapping(block.get("todo")).get("style"), "done") else "- [ ] "


def _any_elements(block: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """The lists of elements in a block of any type, such as an objective's or an agenda item's title."""
    for body in block.values():
        for part in (body, mapping(body).get("content")):
            elements = listed(mapping(part).get("elements"))
            if elements:
                yield elements
