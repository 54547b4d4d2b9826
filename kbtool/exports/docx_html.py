"""The HTML that mammoth makes of a Word file, as Markdown blocks.

It is well-formed and of few tags, so the standard library's tree is enough. A footnote stands below the block
that refers to it, where it is read together with what it explains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from xml.etree.ElementTree import Element

from kbtool.clean import gfm
from kbtool.clean.grid import Cell, flat, spread
from kbtool.exports.markdown import code_span, fenced, image, item, joined, link, marked, quoted, safe_start
from kbtool.model import Removal

_MARKS = {"strong": "**", "em": "*", "s": "~~"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BACK = "\u2191"
_NOTE = re.compile(r"#((?:foot|end)note-.+)")


@dataclass(frozen=True, slots=True)
class Word:
    """A Word file's content: `title` is what stands in its style "Title", "" where nothing does."""

    title: str
    blocks: tuple[str, ...]
    removals: tuple[Removal, ...]


def read(body: Element) -> Word:
    """What stands in `body`, the element around mammoth's output."""
    reader = _Reader(dict(_notes(body)))
    blocks = list(reader.document(body))
    return Word(reader.title, tuple(blocks), tuple(reader.removals))


@dataclass(slots=True)
class _Reader:
    """One pass over a document; `referred` are the notes met since the last block that was finished."""

    notes: Mapping[str, str]
    title: str = ""
    referred: list[str] = field(default_factory=list)
    removals: list[Removal] = field(default_factory=list)

    def document(self, body: Element) -> Iterator[str]:
        for is_code, group in groupby(body, key=lambda node: node.tag == "pre"):
            if is_code:
                yield fenced("\n".join("".join(node.itertext()) for node in group))
                continue
            for node in group:
                if _is_notes(node):
                    continue
                yield from self.block(node)
                yield from self.referred
                self.referred.clear()

    def block(self, node: Element) -> list[str]:
        if node.tag == "dl":
            texts = [_plain(entry) for entry in node.iter("dd")]
            self.removals += (Removal("drop_comments", text) for text in texts if text)
            return []
        make = {"ul": self.items, "ol": self.items, "table": self.table, "p": self.paragraph}
        if node.tag in make:
            return make[node.tag](node)
        if node.tag == "pre":
            return [fenced("".join(node.itertext()))]
        text = " ".join(self.inline(node).split())
        return [f"{'#' * _HEADINGS[node.tag]} {text}"] if text else []

    def paragraph(self, node: Element) -> list[str]:
        kind = node.get("class", "")
        if kind == "contents":
            self.removals.append(Removal("drop_contents", _plain(node)))
            return []
        if kind == "title" and not self.title:
            self.title = _plain(node)
            return []
        text = self.inline(node).strip()
        return ["\n".join(safe_start(line.strip()) for line in text.split("\n"))] if text else []

    def items(self, node: Element) -> list[str]:
        found: list[str] = []
        for number, entry in enumerate(node, 1):
            inner = [block for child in entry if _is_block(child) for block in self.block(child)]
            text = self.inline(entry).strip()
            mark = f"{number}. " if node.tag == "ol" else "- "
            # Word lets a list begin at its second level: then there is no item to hang the inner one from.
            found += [item(mark, text, inner)] if text else inner
        return found

    def table(self, node: Element) -> list[str]:
        """A table of one cell is Lark's box around a callout or code; code has no form in a table's row."""
        rows = [
            [(entry, joined(list(self.cell(entry)))) for entry in row if entry.tag in {"td", "th"}]
            for row in _rows(node)
        ]
        texts = [text for row in rows for _, text in row]
        if len(texts) == 1 and not texts[0].startswith("```"):
            return [quoted(texts[0])]
        if any("```" in text for text in texts):
            return texts
        grid = spread(
            [
                [Cell(flat(text), _count(entry, "rowspan"), _count(entry, "colspan")) for entry, text in row]
                for row in rows
            ]
        )
        return [gfm.table(grid)] if any(cell.strip() for row in grid for cell in row) else []

    def cell(self, entry: Element) -> Iterator[str]:
        loose = self.inline(entry).strip()
        if loose:
            yield loose
        for is_code, group in groupby(filter(_is_block, entry), key=lambda node: node.tag == "pre"):
            if is_code:
                yield fenced("\n".join("".join(node.itertext()) for node in group))
            else:
                for node in group:
                    yield from self.block(node)

    def inline(self, node: Element) -> str:
        """The node's text with its marks; blocks inside it are left to their own turn."""
        parts = [node.text or ""]
        for child in node:
            if not _is_block(child):
                parts.append(self.one(child))
            parts.append(child.tail or "")
        return "".join(parts)

    def one(self, node: Element) -> str:
        if node.tag == "br":
            return "\n"
        if node.tag == "img":
            alt = re.sub(r"[\[\]\n]", " ", node.get("alt", "")).strip()
            return image(alt, "image") if alt else ""
        if node.tag == "input":
            return "[x] " if node.get("checked") else "[ ] "
        inner = self.inline(node) if node.get("class") != "comment" else ""
        if node.tag == "code":
            return code_span(inner) if inner.strip() else inner
        return self.anchor(node, inner) if node.tag == "a" else marked(inner, _MARKS.get(node.tag, ""))

    def anchor(self, node: Element, inner: str) -> str:
        """A link; one into the document is its text, and one to a note has the note follow its block."""
        target = node.get("href", "")
        note = _NOTE.fullmatch(target)
        if note and note[1] in self.notes:
            self.referred.append(f"{inner} {self.notes[note[1]]}")
        return link(inner, target) if target.startswith(("http://", "https://", "mailto:")) else inner


def _notes(body: Element) -> Iterator[tuple[str, str]]:
    for node in body:
        if _is_notes(node):
            yield from ((entry.get("id", ""), _plain(entry)) for entry in node)


def _is_notes(node: Element) -> bool:
    return node.tag == "ol" and bool(len(node)) and bool(_NOTE.fullmatch(f"#{node[0].get('id', '')}"))


def _rows(table: Element) -> Iterator[Element]:
    for part in table:
        if part.tag == "tr":
            yield part
        elif part.tag in {"thead", "tbody"}:
            yield from part.findall("tr")


def _is_block(node: Element) -> bool:
    return node.tag in {"p", "ul", "ol", "table", "pre", "dl", *_HEADINGS}


def _count(entry: Element, name: str) -> int:
    value = entry.get(name, "1")
    return int(value[:4]) if value.isascii() and value.isdigit() else 1


def _plain(node: Element) -> str:
    return " ".join("".join(node.itertext()).replace(_BACK, " ").split())
