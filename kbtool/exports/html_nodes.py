"""HTML as a tree, with the few looks into it that the readers of HTML pages share.

The parser is lexbor (selectolax): it builds the tree that a browser builds, so tags that nobody closed or
that stand where they may not are where a reader of the page saw them. Nothing here changes the tree, and
nothing here recurses: a page that is nested ten thousand deep is as good as any other until it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from kbtool.errors import ExportError

SILENT = frozenset({"style", "script", "link", "meta", "template", "base", "head"})
"""Elements whose content is no text."""

NO_CONTENT = frozenset({"-comment", "!doctype", "-undef"})
"""What the parser keeps as nodes besides elements and texts."""

CONTAINERS = frozenset(
    {"p", "div", "section", "article", "main", "header", "footer", "body", "html", "center", "address"}
    | {"thead", "tbody", "tfoot", "hgroup", "form", "fieldset", "dl", "search", "nav"}
)
"""Elements that only group their content: what is in them stands apart from what is around them."""

BLOCKS = CONTAINERS | frozenset(
    {"h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "figure", "figcaption", "blockquote"}
    | {"details", "summary", "hr", "table", "tr", "td", "th", "caption", "aside", "dt", "dd", "menu"}
)

_NESTING = 1000
_COPIES = 20_000_000
_TAG = re.compile(
    r"<(/?)(?:(a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)"
    r"|div|section|article|main|ul|ol|dl|blockquote|figure|details|table|aside|header|footer|form|center"
    r"|fieldset|nav|pre|h[1-6])(?=[\s/>])",
    re.IGNORECASE,
)
_SPACES = re.compile(r"\s+")


def parse_html(text: str, source: str) -> LexborHTMLParser:
    """The page's tree. Raises ExportError for a page whose tags are nested as no author nests them.

    HTML's own rules make such pages expensive: each open block is looked through for each new one, and each
    unclosed mark is opened anew in every paragraph that follows.
    """
    tags = text.count("<")
    deepest, marks = _depths(text) if tags > _NESTING else (0, 0)
    if deepest > _NESTING or marks * tags > _COPIES:
        raise ExportError(
            f"{source}: tags are nested more than {max(deepest, marks) - 1} deep",
            hint="Export the page again, or leave it out with `exclude` in kb.toml.",
        )
    return LexborHTMLParser(text)


def _depths(text: str) -> tuple[int, int]:
    """How deep blocks are nested, and how many emphasis tags are open at once, at most."""
    depth = deepest = marks = most_marks = 0
    for close, mark in _TAG.findall(text):
        if mark:
            marks = max(0, marks - 1) if close else marks + 1
            most_marks = max(most_marks, marks)
        else:
            depth = max(0, depth - 1) if close else depth + 1
            deepest = max(deepest, depth)
    return deepest, most_marks


def classes(node: LexborNode) -> frozenset[str]:
    """The node's CSS classes."""
    return frozenset(attribute(node, "class").split())


def attribute(node: LexborNode, name: str) -> str:
    """An attribute's value; "" where there is none, and for one without a value."""
    return node.attributes.get(name) or ""


def children(node: LexborNode) -> Iterator[LexborNode]:
    """Elements and texts in a node, without comments."""
    for child in node.iter(include_text=True):
        if child.tag not in NO_CONTENT:
            yield child


def text_of(node: LexborNode) -> str:
    """All text in a node on one line, without marks; the edges of blocks and line breaks are spaces."""
    parts: list[str] = []
    levels = [(iter((node,)), "")]
    while levels:
        for child in levels[-1][0]:
            tag = child.tag or ""
            if tag == "-text":
                parts.append(child.text_content or "")
            elif tag == "br":
                parts.append(" ")
            elif tag not in SILENT:
                edge = " " if tag in BLOCKS else ""
                parts.append(edge)
                levels.append((children(child), edge))
                break
        else:
            parts.append(levels.pop()[1])
    return one_line("".join(parts))


def verbatim(node: LexborNode) -> str:
    """The text in a node as it is, for code."""
    if node.css_first("br") is None:
        return str(node.text())
    parts: list[str] = []
    levels = [children(node)]
    while levels:
        for child in levels[-1]:
            if child.tag == "-text":
                parts.append(child.text_content or "")
            elif child.tag == "br":
                parts.append("\n")
            else:
                levels.append(children(child))
                break
        else:
            levels.pop()
    return "".join(parts)


def one_line(text: str) -> str:
    """Text with every run of white space one space."""
    return _SPACES.sub(" ", text).strip()
