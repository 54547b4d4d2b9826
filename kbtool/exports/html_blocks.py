"""HTML blocks as Markdown blocks, as the Markdown export of the same Notion page would write them.

Which tag closes which is up to the parser where Notion nests blocks in paragraphs, so nothing here looks
at a node's parent. Every word is taken: what a maker does not know becomes a paragraph. A divider has no
words, and would go in cleaning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from selectolax.lexbor import LexborNode

from kbtool.clean import gfm
from kbtool.exports.html_inline import DEEPEST, Nodes, Walk, is_box, is_checked, is_equation
from kbtool.exports.html_nodes import BLOCKS, attribute, classes, one_line, text_of, verbatim
from kbtool.exports.html_tables import spread
from kbtool.exports.markdown import fenced, image, item, joined, quoted, safe_start

_SUMMARY_LEVELS = (("1.875em", 1), ("1.5em", 2), ("1.25em", 3))
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang)-(?P<name>\S.*)$")


def markdown(walk: Walk, node: LexborNode) -> str:
    """The content of a node as Markdown."""
    return joined(blocks(walk, walk.content(node)))


def blocks(walk: Walk, nodes: Nodes, depth: int = 0) -> list[str]:
    """The Markdown blocks in a stretch of content, in order; loose text between them is a paragraph."""
    found: list[str] = []
    run: list[LexborNode] = []
    for node in nodes:
        if node is not None and not _is_block(node):
            run.append(node)
            continue
        found += _paragraph(walk, run)
        run = []
        if node is not None:
            found += _block(walk, node, depth)
    return found + _paragraph(walk, run)


def _is_block(node: LexborNode) -> bool:
    return node.tag in BLOCKS and not is_box(node)


def _paragraph(walk: Walk, nodes: list[LexborNode]) -> list[str]:
    text = walk.inline(nodes).strip() if nodes else ""
    return ["\n".join(safe_start(line.strip()) for line in text.split("\n"))] if text else []


def _block(walk: Walk, node: LexborNode, depth: int) -> Iterable[str]:
    if depth > DEEPEST:
        return [safe_start(text_of(node))]
    if node.tag in {"figure", "div", "p"} and is_equation(node):
        return [f"$$\n{walk.tex(node)}\n$$"]
    make = _MAKERS.get(node.tag or "")
    return make(walk, node, depth) if make else blocks(walk, walk.content(node), depth + 1)


def _heading(walk: Walk, node: LexborNode, _depth: int) -> Iterator[str]:
    text = one_line(walk.inline(walk.content(node)))
    if not text:
        return
    if "collection-title" in classes(node):
        yield f"**{text}**"
    else:
        yield f"{'#' * int((node.tag or 'h1')[1])} {text}"


def _list(walk: Walk, node: LexborNode, depth: int) -> Iterator[str]:
    kind = classes(node)
    start = attribute(node, "start")
    number = int(start) if start.isascii() and start.isdigit() and len(start) < 9 else 1
    for entry in walk.content(node):
        if entry is None:
            continue
        if entry.tag != "li":
            yield from blocks(walk, (entry,), depth + 1)
        elif "toggle" in kind:
            yield from blocks(walk, walk.content(entry), depth + 1)
        else:
            mark = f"{number}. " if node.tag == "ol" else "- "
            number += 1
            yield from _entry(walk, entry, mark, depth)


def _entry(walk: Walk, entry: LexborNode, mark: str, depth: int) -> Iterator[str]:
    """A list item: the text that it begins with, and the blocks below it."""
    nodes = walk.content(entry)
    own: list[LexborNode] = []
    rest: Nodes = ()
    for node in nodes:
        if node is None:
            if not own:
                continue
            rest = nodes
            break
        if _is_block(node):
            rest = chain((node,), nodes)
            break
        if not own and is_box(node):
            mark = f"- [{'x' if is_checked(node) else ' '}] "
            own += [inside for inside in walk.content(node) if inside is not None]
        elif own or node.tag != "-text" or (node.text_content or "").strip():
            own.append(node)
    head = walk.inline(own).strip()
    inner = blocks(walk, rest, depth + 1)
    if head or inner:
        yield item(mark, head, inner)


def _toggle(walk: Walk, node: LexborNode, depth: int) -> Iterator[str]:
    """A list item; the summary of a toggle heading is a heading in it, as in the Markdown export."""
    head, level = "", 0
    rest: list[LexborNode | None] = []
    for child in walk.content(node):
        if child is not None and child.tag == "summary" and not head:
            head, level = _summary(walk, child)
        else:
            rest.append(child)
    inner = blocks(walk, rest, depth + 1)
    if head or inner:
        yield item("- ", f"{'#' * level} {head}" if level and head else head, inner)


def _summary(walk: Walk, node: LexborNode) -> tuple[str, int]:
    style = attribute(node, "style")
    level = next((level for size, level in _SUMMARY_LEVELS if size in style), 0)
    if not level and (inside := node.css_first("h1, h2, h3, h4")):
        level = int((inside.tag or "h1")[1])
    text = walk.inline(walk.content(node)).strip()
    return one_line(text) if level else text, level


def _quote(walk: Walk, node: LexborNode, depth: int) -> Iterator[str]:
    inner = joined(blocks(walk, walk.content(node), depth + 1))
    if inner:
        yield quoted(inner)


def _code(_walk: Walk, node: LexborNode, _depth: int) -> Iterator[str]:
    found = node.css_first("code")
    source = found if found and one_line(str(found.text())) == one_line(str(node.text())) else node
    named = _LANGUAGE.search(attribute(source, "class")) or _LANGUAGE.search(attribute(node, "class"))
    language = named["name"] if named else attribute(node, "data-notion-code-syntax")
    yield fenced(verbatim(source), re.sub("[`\n]", "", language).lower())


def _figure(walk: Walk, node: LexborNode, depth: int) -> Iterable[str]:
    kind = classes(node)
    if "callout" in kind:
        yield from _quote(walk, node, depth)
    elif "image" in kind:
        yield from _picture(walk, node, depth)
    else:
        yield from blocks(walk, walk.content(node), depth + 1)


def _picture(walk: Walk, node: LexborNode, depth: int) -> Iterator[str]:
    """A picture with its caption, then whatever else there is."""
    caption, address, picture = (node.css_first(tag) for tag in ("figcaption", "a", "img"))
    source = (attribute(address, "href") if address else "") or (attribute(picture, "src") if picture else "")
    words = text_of(caption) if caption else ""
    yield image(re.sub(r"[\[\]]", "", words), source)
    rest = [n for n in walk.content(node) if n is None or caption is None or n.mem_id != caption.mem_id]
    yield from blocks(walk, [n for n in rest if n is None or n.tag != "a" or text_of(n)], depth + 1)


def _table(walk: Walk, node: LexborNode, depth: int) -> Iterator[str]:
    """Rows of cells, each on one line; what stands in a table outside its rows comes before it."""
    grid: list[list[tuple[str, int, int]]] = []
    loose: list[LexborNode | None] = []
    for row in walk.content(node):
        if row is None or row.tag != "tr":
            loose.append(row)
            continue
        cells = [_cell(walk, cell) for cell in walk.content(row) if cell and cell.tag in {"td", "th"}]
        if any(text for text, _, _ in cells):
            grid.append(cells)
    yield from blocks(walk, loose, depth + 1)
    if grid:
        yield gfm.table(spread(grid))


def _cell(walk: Walk, cell: LexborNode) -> tuple[str, int, int]:
    """A cell's text, and how many rows and columns it covers."""
    text = walk.inline(walk.content(cell), listed=True).replace("\n", " ").strip()
    rows, columns = (attribute(cell, name) for name in ("rowspan", "colspan"))
    return text, _count(rows), _count(columns)


def _count(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 4 and int(value) else 1


def _term(walk: Walk, node: LexborNode, _depth: int) -> Iterator[str]:
    text = one_line(walk.inline(walk.content(node)))
    if text:
        yield f"**{text.replace('**', '')}**"


_MAKERS: Mapping[str, Callable[[Walk, LexborNode, int], Iterable[str]]] = {
    **{f"h{level}": _heading for level in range(1, 7)},
    **dict.fromkeys(("ul", "ol", "menu"), _list),
    **dict.fromkeys(("blockquote", "aside"), _quote),
    "details": _toggle,
    "pre": _code,
    "figure": _figure,
    "table": _table,
    "dt": _term,
}
