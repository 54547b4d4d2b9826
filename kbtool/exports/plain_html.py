"""HTML from anywhere: a help centre that was saved page by page, or a folder that people wrote by hand.

The page is what its `main` or `article` holds. What a site puts around that (navigation, footers, buttons)
is left out, on record, since it stands on every page and would be found for every question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from selectolax.lexbor import LexborHTMLParser, LexborNode

from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.html_blocks import markdown
from kbtool.exports.html_inline import Form, Walk
from kbtool.exports.html_nodes import (
    BLOCKS,
    SILENT,
    attribute,
    children,
    classes,
    one_line,
    parse_html,
    text_of,
)
from kbtool.model import Kind, Skipped

LEFT_OUT: Mapping[str, str] = {
    "site_navigation": "Menus, breadcrumbs and lists of related pages stand on every page of a site.",
    "site_footers": "Footers stand on every page of a site.",
    "site_frame": "What stands around the page's own content belongs to the site.",
    "page_controls": "Buttons and forms do nothing in a text.",
    "heading_anchors": "A heading's link to itself is a sign to click on.",
    "hidden_text": "What the page does not show.",
    "window_titles": "The window's title repeats the page's, with the site's name.",
}
"""What this reader leaves out, and why; the names are those of `Removal.rule`."""

_ROOTS = ("main article", "main", "[role=main]", "article", "body")
_RULES = {
    **dict.fromkeys(("button", "select", "textarea", "datalist", "noscript", "dialog"), "page_controls"),
    "nav": "site_navigation",
    "footer": "site_footers",
}
_NAVIGATION = frozenset({"breadcrumb", "breadcrumbs", "pagination", "toc", "table-of-contents", "sidebar"})
_ANCHORS = frozenset({"headerlink", "heading-anchor", "hash-link", "anchor-link"})
_SITE = re.compile(r"\s+[|\u2013\u2014\u00b7-]\s+")


def parse(file: File, text: str) -> Draft | Skipped:
    """The page in `file`: its title is its first heading, else the window's, else the file's name.

    Raises ExportError for a page that is nested deeper than any author nests.
    """
    tree = parse_html(text, file.source)
    root = _root(tree)
    if root is None:
        return Skipped(file.source, "no HTML page")
    walk = Walk(Form(_left_out, has_breaks=False, has_pictures=True))
    window = tree.css_first("head title")
    named = text_of(window) if window else ""
    heading = root.css_first("h1")
    title = ""
    if heading is not None and text_of(heading):
        walk.taken.add(heading.mem_id)
        title = one_line(Walk(walk.form, walk.removals, has_marks=False).inline(walk.content(heading)))
    if tree.body is not None and root.mem_id != tree.body.mem_id:
        _frame(walk, tree.body, root)
    body = markdown(walk, root)
    title = title or (_SITE.split(named)[0] if named else "") or PurePosixPath(file.path).stem
    if named != title:
        walk.leave_out("window_titles", named)
    return Draft(file, Kind.HTML, title, body, removals=tuple(walk.removals))


def _root(tree: LexborHTMLParser) -> LexborNode | None:
    """The element that holds the page's own content: the only one of its kind, or the whole body."""
    for selector in _ROOTS:
        found = [node for node in tree.css(selector) if text_of(node)]
        if len(found) == 1:
            return found[0]
    return tree.body


def _left_out(node: LexborNode, tag: str) -> str:
    """The rule by which an element is no part of the text, or ""."""
    if tag in _RULES:
        return _RULES[tag]
    found = node.attributes
    if "hidden" in found or found.get("aria-hidden") == "true":
        return "hidden_text"
    kind = classes(node) if found else frozenset()
    if found.get("role") == "navigation" or not kind.isdisjoint(_NAVIGATION):
        return "site_navigation"
    is_anchor = tag == "a" and (not kind.isdisjoint(_ANCHORS) or _is_pilcrow(node))
    return "heading_anchors" if is_anchor else ""


def _is_pilcrow(node: LexborNode) -> bool:
    return attribute(node, "href").startswith("#") and text_of(node) in {"#", "\u00b6", "\u00a7"}


def _frame(walk: Walk, body: LexborNode, root: LexborNode) -> None:
    """Put on record what stands around the page's content, a line for each stretch."""
    for stretch, rule in _stretches(body, root):
        walk.leave_out(rule, one_line(stretch))


def _stretches(body: LexborNode, root: LexborNode) -> Iterator[tuple[str, str]]:
    levels = [children(body)]
    run = ""
    while levels:
        for child in levels[-1]:
            tag = child.tag or ""
            if tag == "-text":
                run += child.text_content or ""
            elif tag in SILENT:
                continue
            elif child.mem_id == root.mem_id:
                run += "\n"
            elif rule := _left_out(child, tag):
                yield run, "site_frame"
                yield text_of(child), rule
                run = ""
            else:
                if tag in BLOCKS:
                    yield run, "site_frame"
                    run = ""
                levels.append(children(child))
                break
        else:
            levels.pop()
    yield run, "site_frame"
