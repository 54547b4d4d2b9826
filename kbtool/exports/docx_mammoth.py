"""A Word file through mammoth, told what the file says by its looks alone.

Lark's export has come with and without Word's own heading and list styles, and people type lists by hand. So
a typed bullet is an item here, a paragraph in a typewriter's font code, and, where the document has no
headings of its own, a short bold line in larger type a heading.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element
from xml.parsers.expat import ExpatError

import mammoth  # type: ignore[import-untyped]  # mammoth has no types
from mammoth import documents, transforms

from kbtool.exports import office
from kbtool.exports.archive import File

MOST_TAGS = 1_000_000  # 70,000 paragraphs: mammoth's tree of them takes 0.35 GB
_CODE = "kbtool code"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(r"heading(?: ?\d)?$", re.IGNORECASE)
_BULLET = re.compile(
    "^[ \t\u00a0]*[\u2022\u25cf\u25cb\u25e6\u25aa\u25a0\u25ab\u2023\u00b7\uf0b7][ \t\u00a0]+(?=\\S)"
)
_STEP = 360  # twentieths of a point: Word indents each level of a list by a quarter of an inch
_DEEPEST = 4  # mammoth's own style map ends at the fifth level
_LONGEST_HEADING = 80
_USUAL_SIZE = 12.0  # points, where the text names none: no default of Word, WPS or Lark is larger
_SENTENCE_ENDS = tuple("。.;；，,：:")
_TYPEWRITERS = ("consolas", "courier", "menlo", "monaco", "mono", "sf mono", "lucida console", "fira code")


_STYLE_MAP = f"""
p[style-name='Title'] => p.title:fresh
p[style-name^='toc '] => p.contents:fresh
p[style-name='{_CODE}'] => pre:fresh
p[style-name='HTML Preformatted'] => pre:fresh
r[style-name='HTML Code'] => code
comment-reference => sup.comment
"""
_DAMAGED = (
    ET.ParseError, ExpatError, KeyError, IndexError, ValueError, TypeError, AttributeError, OSError,
)  # fmt: skip
"""What mammoth raises for parts that are damaged or no document: it trusts what Word has written."""


def to_html(file: File, parts: Mapping[str, bytes]) -> Element:
    """The HTML of mammoth in one `<body>`; pictures are their alternative texts. Raises ExportError.

    Paragraphs in Word's styles for a title and for a table of contents have the classes "title" and
    "contents"; comments are gathered in a `<dl>`, as mammoth does with them.
    """
    if sum(part.count(b"<") for part in parts.values()) > MOST_TAGS:
        raise office.refused(file, f"more than {MOST_TAGS:,} tags: split the document")
    levels = outline_levels(office.parsed(file, parts, "word/styles.xml"))
    named = "".join(f"p[style-name='{_quoted(name)}'] => h{level}:fresh\n" for name, level in levels.items())
    try:
        made = mammoth.convert_to_html(
            office.package_of(parts),
            style_map=_STYLE_MAP + named,
            include_embedded_style_map=False,
            convert_image=mammoth.images.img_element(lambda _: {}),
            transform_document=_named_by_looks(levels),
        )
        return ET.fromstring(f"<body>{made.value}</body>")  # noqa: S314  # mammoth has written it
    except RecursionError as error:
        raise office.refused(file, "nested deeper than any document") from error
    except _DAMAGED as error:
        raise office.refused(file, f"not a Word document ({str(error)[:80]})") from error


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace("'", "\\'")


def outline_levels(styles: Element) -> Mapping[str, int]:
    """The heading level, 1 to 6, of each paragraph style that has one, by the style's name.

    A style may have it from the style that it is based on.
    """
    found = {style.get(f"{_W}styleId", ""): style for style in styles.iter(f"{_W}style")}
    levels = ((_name(style), _outline(name, found)) for name, style in found.items())
    return {name: min(level + 1, 6) for name, level in levels if name and level is not None}


def _outline(name: str, styles: Mapping[str, Element]) -> int | None:
    for _ in range(len(styles)):  # styles that are based on each other end here
        style = styles.get(name)
        if style is None:
            return None
        level = style.find(f"{_W}pPr/{_W}outlineLvl")
        if level is not None:
            value = level.get(f"{_W}val", "")
            return int(value) if value in set("012345678") else None
        base = style.find(f"{_W}basedOn")
        name = base.get(f"{_W}val", "") if base is not None else ""
    return None


def _name(style: Element) -> str:
    name = style.find(f"{_W}name")
    return name.get(f"{_W}val", "") if name is not None else ""


def _named_by_looks(levels: Mapping[str, int]) -> Callable[[Any], Any]:
    """The transformation of mammoth's document; `levels` are the names of styles that are headings."""

    def transform(document: Any) -> Any:
        paragraphs = list(_of_type(document, documents.Paragraph))
        named = any(_is_heading(paragraph, levels) for paragraph in paragraphs)
        sizes = {} if named else _heading_sizes(paragraphs)
        return transforms.paragraph(lambda paragraph: _looked_at(paragraph, sizes))(document)

    return transform


def _is_heading(paragraph: Any, levels: Mapping[str, int]) -> bool:
    name = str(paragraph.style_name or "")
    return name in levels or bool(_HEADING.match(name))


def _looked_at(paragraph: Any, sizes: Mapping[float, int]) -> Any:
    numbering = paragraph.numbering
    if numbering is not None:
        level = str(min(int(numbering.level_index), _DEEPEST))
        return paragraph.copy(numbering=documents.numbering_level(level, numbering.is_ordered))
    if _is_code(paragraph):
        return paragraph.copy(style_id=_CODE, style_name=_CODE)
    size = _size_of_heading(paragraph)
    if size in sizes:
        return paragraph.copy(style_id=f"Heading{sizes[size]}", style_name=f"heading {sizes[size]}")
    bullet = _BULLET.match(_text(paragraph))
    if bullet:
        level = str(min(_indent(paragraph) // _STEP, _DEEPEST))
        bare = _without_bullet(paragraph, bullet.group())
        return bare.copy(numbering=documents.numbering_level(level, is_ordered=False))
    return paragraph


def _heading_sizes(paragraphs: list[Any]) -> Mapping[float, int]:
    """The level of each size of type that only headings have, largest first."""
    letters: Counter[float] = Counter()
    for paragraph in paragraphs:
        for run in _of_type(paragraph, documents.Run):
            letters[run.font_size or 0.0] += len(_text(run))
    if not letters:
        return {}
    body = letters.most_common(1)[0][0] or _USUAL_SIZE
    found = {size for paragraph in paragraphs if (size := _size_of_heading(paragraph)) > body}
    return {size: min(level, 6) for level, size in enumerate(sorted(found, reverse=True), 1)}


def _size_of_heading(paragraph: Any) -> float:
    """The size of a paragraph that is short, bold and of one size; 0 for any other."""
    runs = [run for run in _of_type(paragraph, documents.Run) if _text(run).strip()]
    text = _text(paragraph).strip()
    if not runs or len(text) > _LONGEST_HEADING or text.endswith(_SENTENCE_ENDS):
        return 0.0
    sizes = {run.font_size for run in runs}
    return (sizes.pop() or 0.0) if len(sizes) == 1 and all(run.is_bold for run in runs) else 0.0


def _is_code(paragraph: Any) -> bool:
    runs = [run for run in _of_type(paragraph, documents.Run) if _text(run).strip()]
    return bool(runs) and all(
        any(name in str(run.font or "").lower() for name in _TYPEWRITERS) for run in runs
    )


def _indent(paragraph: Any) -> int:
    start = str(paragraph.indent.start or "0")
    return int(start) if start.isascii() and start.isdigit() else 0


def _without_bullet(paragraph: Any, bullet: str) -> Any:
    """The paragraph without the sign that it begins with, which may be a run of its own, with a tab."""
    rest = len(bullet)

    def shortened(part: Any) -> Any:
        nonlocal rest
        value = part.value if isinstance(part, documents.Text) else "\t"
        cut = min(rest, len(value))
        rest -= cut
        return documents.text(value[cut:]) if cut else part

    return transforms.element_of_type((documents.Text, documents.Tab), shortened)(paragraph)


def _text(element: Any) -> str:
    parts = (part.value if isinstance(part, documents.Text) else "\t" for part in _leaves(element))
    return "".join(parts)


def _leaves(element: Any) -> Iterator[Any]:
    for part in transforms.get_descendants(element):
        if isinstance(part, documents.Text | documents.Tab):
            yield part


def _of_type(element: Any, kind: type) -> Iterator[Any]:
    yield from transforms.get_descendants_of_type(element, kind)
