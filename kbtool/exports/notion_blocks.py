"""Blocks of Notion's HTML pages as Markdown blocks.

Which tag closes which is up to the parser where Notion nests blocks in paragraphs, so nothing here looks
at a node's parent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby

from bs4 import PageElement, Tag

from kbtool.clean import gfm
from kbtool.exports.markdown import fenced, image, item, joined, link, quoted, safe_start
from kbtool.exports.notion_inline import classes, inline, is_checked, is_equation, plain, tex

_BLOCKS = frozenset(
    {"p", "h1", "h2", "h3", "h4", "ul", "ol", "pre", "figure", "blockquote", "details", "hr", "table", "div"}
    | {"nav", "section", "article", "header", "aside"}
)
_HEADINGS = frozenset({"h1", "h2", "h3"})
_SUMMARY_LEVELS = (("1.875em", 1), ("1.5em", 2), ("1.25em", 3))
_DEEPEST = 150


def blocks(container: Tag, depth: int = 0) -> list[str]:
    """The Markdown blocks in a container, in order; loose text between them is a paragraph."""
    found: list[str] = []
    if depth > _DEEPEST:
        return [safe_start(plain(container))]
    for is_block, nodes in groupby(container.children, key=_is_block):
        if not is_block:
            found += _paragraph(nodes)
            continue
        for node in nodes:
            if isinstance(node, Tag):
                found += _block(node, depth)
    return found


def _is_block(node: PageElement) -> bool:
    return isinstance(node, Tag) and node.name in _BLOCKS and not is_equation(node)


def _paragraph(nodes: Iterable[PageElement]) -> list[str]:
    text = inline(nodes).strip()
    return ["\n".join(safe_start(line.strip()) for line in text.split("\n"))] if text else []


def _block(node: Tag, depth: int) -> list[str]:
    if node.name in _HEADINGS:
        text = " ".join(inline(node.children).split())
        return [f"{'#' * int(node.name[1])} {text}"] if text else []
    make = _MAKERS.get(node.name)
    return list(make(node, depth)) if make else blocks(node, depth + 1)


def _list(node: Tag, depth: int) -> Iterator[str]:
    kind = classes(node)
    start = node.get("start")
    number = int(start) if isinstance(start, str) and start.isdigit() else 1
    for entry in node.find_all("li", recursive=False):
        mark = f"{number}. " if node.name == "ol" else "- "
        number += 1
        details = entry.find("details", recursive=False)
        if "toggle" in kind and isinstance(details, Tag):
            summary = details.find("summary", recursive=False)
            head = inline(summary.children).strip() if isinstance(summary, Tag) else ""
            yield from _item(mark, head, _inside(details, depth))
            continue
        box = entry.select_one("div.checkbox")
        if "to-do-list" in kind and box is not None:
            mark += "[x] " if is_checked(box) else "[ ] "
            box.decompose()
        yield from _item(mark, *_head(entry, depth))


def _item(mark: str, head: str, inner: list[str]) -> Iterator[str]:
    if head or inner:
        yield item(mark, head, inner)


def _head(entry: Tag, depth: int) -> tuple[str, list[str]]:
    """An entry's own text, and the blocks below it."""
    own = [node for node in entry.children if not _is_block(node)]
    inner = [
        block
        for node in entry.children
        if _is_block(node) and isinstance(node, Tag)
        for block in _block(node, depth + 1)
    ]
    return inline(own).strip(), inner


def _inside(details: Tag, depth: int) -> list[str]:
    for summary in details.find_all("summary", recursive=False):
        summary.decompose()
    return blocks(details, depth + 1)


def _toggle(node: Tag, depth: int) -> Iterator[str]:
    """A toggle heading is a heading with its content under it; a toggle of another form is a list item."""
    summary = node.find("summary", recursive=False)
    head = " ".join(inline(summary.children).split()) if isinstance(summary, Tag) else ""
    style = str(summary.get("style") or "") if isinstance(summary, Tag) else ""
    level = next((level for size, level in _SUMMARY_LEVELS if size in style), 0)
    inner = _inside(node, depth)
    if not level:
        yield from _item("- ", head, inner)
        return
    if head:
        yield f"{'#' * level} {head}"
    yield from inner


def _quote(node: Tag, depth: int) -> Iterator[str]:
    inner = joined(blocks(node, depth + 1))
    if inner:
        yield quoted(inner)


def _code(node: Tag, _depth: int) -> Iterator[str]:
    code = node.find("code")
    source = code if isinstance(code, Tag) else node
    language = next((name[9:].lower() for name in classes(source) if name.startswith("language-")), "")
    yield fenced(source.get_text(), re.sub(r"\s.*", "", language))


def _figure(node: Tag, depth: int) -> Iterator[str]:
    kind = classes(node)
    caption = node.find("figcaption")
    words = inline(caption.children).strip() if isinstance(caption, Tag) else ""
    address = node.find("a")
    target = str(address.get("href") or "") if isinstance(address, Tag) else ""
    if "equation" in kind:
        yield f"$$\n{tex(node)}\n$$"
    elif "callout" in kind:
        yield from _quote(node, depth)
    elif "image" in kind:
        picture = node.find("img")
        source = target or (str(picture.get("src") or "") if isinstance(picture, Tag) else "")
        yield image(re.sub(r"[\[\]]", "", plain(caption)) if isinstance(caption, Tag) else "", source)
    elif isinstance(address, Tag) and (
        "bookmark" in classes(address) or "link-to-page" in kind or node.select("div.source")
    ):
        heading = address.select_one(".bookmark-title")
        yield link((plain(heading) if heading else "") or plain(address) or target, target)
        if words:
            yield words
    else:
        yield from blocks(node, depth + 1)


def _table(node: Tag, _depth: int) -> Iterator[str]:
    """Simple tables and database views; a view's cells are reduced to their text."""
    grid = [
        [_cell(cell) for cell in row.find_all(["th", "td"], recursive=False)] for row in node.find_all("tr")
    ]
    grid = [row for row in grid if any(cell.strip() for cell in row)]
    if grid:
        yield gfm.table(grid)


def _cell(cell: Tag) -> str:
    box = cell.select_one("div.checkbox")
    if box is not None:
        return "Yes" if is_checked(box) else "No"
    values = [plain(value) for value in cell.select("span.selected-value")]
    return ", ".join(values) if values else inline(cell.children).strip()


def _collection_title(node: Tag, _depth: int) -> Iterator[str]:
    text = plain(node)
    if text:
        yield f"**{text}**"


def _divider(_node: Tag, _depth: int) -> Iterator[str]:
    yield "---"


_MAKERS: Mapping[str, Callable[[Tag, int], Iterable[str]]] = {
    "p": lambda node, depth: blocks(node, depth + 1),
    "h4": _collection_title,
    "ul": _list,
    "ol": _list,
    "details": _toggle,
    "blockquote": _quote,
    "aside": _quote,
    "pre": _code,
    "figure": _figure,
    "table": _table,
    "hr": _divider,
}
