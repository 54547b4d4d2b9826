"""Word files, which Lark's own export writes: through mammoth to HTML, and from there to Markdown.

What an author took back or wrote at the margin is not for customers: deleted text, comments, headers and
footers go on record. Equations are in a form of Office's own, which mammoth passes over; they are counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element

from kbtool.clean.targets import key
from kbtool.exports import docx_html, office
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.markdown import joined
from kbtool.model import Kind, Removal, Skipped

_BODY = "word/document.xml"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_TITLE = "{http://purl.org/dc/elements/1.1/}title"
_NO_TITLE = re.compile(
    r"(?:untitled|document|\u6587\u6863|\u672a\u547d\u540d|word \u6587\u6863)[ \d]*"  # and in Chinese
    r"|.*\.docx?|microsoft word - .*",
    re.IGNORECASE,
)
_MARGINS = re.compile(r"word/(?:header|footer)\d*\.xml")


def parse(file: File, data: bytes) -> Draft | Skipped:
    """The document in a .docx. Raises ExportError for what cannot be opened or is too large."""
    attached = office.attachment(file)
    if attached:
        return attached
    parts = office.xml_parts(file, data)
    if _BODY not in parts:
        return Skipped(file.source, "not a Word document: it has no text part")
    # mammoth takes 0.3 s to import, which only those pay who have a Word file.
    from kbtool.exports import docx_mammoth  # noqa: PLC0415

    word = docx_html.read(docx_mammoth.to_html(file, parts))
    source = office.parsed(file, parts, _BODY)
    heading, blocks = _heading(word.blocks)
    stem = PurePosixPath(file.path).stem
    title = _core_title(office.parsed(file, parts, "docProps/core.xml")) or word.title
    removals = [*word.removals, *_left_out(file, source, parts)]
    if not title and heading and (key(heading) == key(stem) or not any(b.startswith("# ") for b in blocks)):
        title = heading
    if heading and key(heading) != key(title):
        blocks = word.blocks
    elif heading and word.title:
        removals.append(Removal("repeated_titles", heading))
    if word.title and key(word.title) != key(title):
        blocks = (word.title, *blocks)
    markdown = joined(blocks)
    equations = sum(1 for _ in source.iter(f"{_M}oMath"))
    note = f"page taken without its equations: {equations}" if equations else ""
    return Draft(file, Kind.DOCX, title or stem, markdown, removals=tuple(removals), note=note)


def _core_title(core: Element) -> str:
    """The title in the file's properties, unless it is an application's default or a file's name."""
    title = " ".join((core.findtext(_TITLE) or "").split())
    return "" if _NO_TITLE.fullmatch(title) else title


def _heading(blocks: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The first block if it is a heading of the first level, without marks, and the blocks after it."""
    if not blocks or not blocks[0].startswith("# "):
        return "", blocks
    return re.sub(r"\*\*|`", "", blocks[0][2:]).strip(), blocks[1:]


def _left_out(file: File, source: Element, parts: Mapping[str, bytes]) -> Iterator[Removal]:
    for deleted in source.iter(f"{_W}del"):
        yield from _removal("drop_deleted_text", deleted, f"{_W}delText")
    for moved in source.iter(f"{_W}moveFrom"):
        yield from _removal("drop_moved_text", moved, f"{_W}t")
    for row in source.iter(f"{_W}tr"):
        if row.find(f"{_W}trPr/{_W}del") is not None:
            yield from _removal("drop_deleted_text", row, f"{_W}t")
    for equation in source.iter(f"{_M}oMath"):
        yield from _removal("drop_word_equations", equation, f"{_M}t")
    for name in parts:
        if _MARGINS.fullmatch(name):
            yield from _removal("drop_margins", office.parsed(file, parts, name), f"{_W}t")


def _removal(rule: str, element: Element, leaf: str) -> Iterator[Removal]:
    text = "".join(part.text or "" for part in element.iter(leaf)).strip()
    if text:
        yield Removal(rule, text)
