"""Notion's HTML export: one page per file, as the Markdown that the other export would give.

What Markdown has no form for (icons, previews, equations as they are drawn, the table of contents) is left
out here, on record; links and images stay as they are for the cleaning rules, which know what they lead to.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote

from selectolax.lexbor import LexborNode

from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.html_blocks import markdown
from kbtool.exports.html_inline import Form, Walk
from kbtool.exports.html_nodes import attribute, classes, one_line, parse_html, text_of
from kbtool.exports.names import split_id
from kbtool.model import Kind, Skipped

LEFT_OUT: Mapping[str, str] = {
    "contents_block": "Notion's table of contents repeats every heading, and answers no question.",
    "page_icons": "Icons of pages, callouts, links, properties and people say nothing in a text.",
    "bookmark_previews": "A bookmark's description is the other site's text, and its address is its link.",
    "drawn_equations": "An equation stands in the page as drawn signs beside its TeX source, which stays.",
    "database_paths": "A full export writes an inline database as the path of its file, under its title.",
    "empty_properties": "The name of a property without a value.",
}
"""What this reader leaves out, and why; the names are those of `Removal.rule`."""

_ID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_FORMATTED = re.compile(r"<article\b[^>]*>\s*\n")
_ICONS = frozenset({"icon", "page-header-icon"})
_PREVIEWS = frozenset({"bookmark-description", "bookmark-href"})
_NOISY = frozenset({"span", "div", "img", "nav"})
_MENTION = re.compile(r"(?:^|(?<=, ))@")


def parse(file: File, text: str) -> Draft | Skipped | None:
    """The page in `file`; None for what is no Notion page. The workspace's index is skipped.

    Raises ExportError for a page that is nested deeper than any author nests.
    """
    if "<article" not in text:
        return Skipped(file.source, "index of the export") if _is_index(file, text) else None
    article = parse_html(text, file.source).css_first("article")
    if article is None:
        return None
    name, named_id = split_id(PurePosixPath(file.path).stem)
    key = attribute(article, "id").replace("-", "").casefold()
    if not _ID.fullmatch(key):
        if article.css_first("div.page-body") is None:
            return None
        key = named_id or key
    # Notion writes no line break that is not on the page; a formatter that ran over its file does.
    form = Form(_left_out, has_breaks=not _FORMATTED.search(text), has_pictures=False)
    head = Walk(form, has_marks=False)
    title, properties = _title(head, article), _properties(head, article)
    walk = Walk(form, head.removals, head.taken)
    body = markdown(walk, article)
    return Draft(
        file,
        Kind.NOTION_HTML,
        title or name or "Untitled",
        body,
        key=key,
        properties=properties,
        removals=tuple(walk.removals),
    )


def _is_index(file: File, text: str) -> bool:
    return PurePosixPath(file.path).name.lower() == "index.html" and 'id="id::' in text


def _left_out(node: LexborNode, tag: str) -> str:
    """The rule by which an element is no part of the text, or ""."""
    if tag == "a":
        return "database_paths" if _is_database_path(node) else ""
    if tag == "svg":
        return "page_icons"
    kind = classes(node) if tag in _NOISY else frozenset()
    if not kind:
        return ""
    if tag == "nav":
        return "contents_block" if "table_of_contents" in kind else ""
    if not kind.isdisjoint(_ICONS):
        return "page_icons"
    return "" if kind.isdisjoint(_PREVIEWS) else "bookmark_previews"


def _is_database_path(node: LexborNode) -> bool:
    target = attribute(node, "href")
    return target.lower().endswith(".csv") and text_of(node) == one_line(unquote(target))


def _title(walk: Walk, article: LexborNode) -> str:
    title = article.css_first("h1.page-title")
    if title is None:
        return ""
    walk.taken.add(title.mem_id)
    return one_line(walk.inline(walk.content(title)))


def _properties(walk: Walk, article: LexborNode) -> dict[str, str]:
    """Names and values; empty ones are left out, as in the Markdown export."""
    table = article.css_first("table.properties")
    if table is None:
        return {}
    walk.taken.add(table.mem_id)
    found: dict[str, str] = {}
    for row in table.css("tr"):
        cells = [cell for cell in walk.content(row) if cell and cell.tag in {"th", "td"}]
        key, *values = [one_line(walk.inline(walk.content(cell), listed=True)) for cell in cells] or [""]
        words = ", ".join(_MENTION.sub("", value) for value in values if value)
        if words:
            found[key] = f"{found[key]}, {words}" if key in found else words
        else:
            walk.leave_out("empty_properties", key)
    return found
