"""Inline HTML of Notion pages as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bs4 import Comment, NavigableString, PageElement, Tag

from kbtool.exports.markdown import code_span, link, marked

_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~"}
_EQUATION = "notion-text-equation-token"


def inline(nodes: Iterable[PageElement]) -> str:
    """The nodes' text with emphasis, links, code and equations."""
    return "".join(_one(node) for node in nodes)


def _one(node: PageElement) -> str:
    if isinstance(node, Tag):
        return _element(node)
    return str(node) if isinstance(node, NavigableString) and not isinstance(node, Comment) else ""


def _element(node: Tag) -> str:
    if node.name == "br":
        return "\n"
    if is_equation(node):
        return f"${tex(node)}$"
    if node.name == "code":
        return code_span(node.get_text()) if node.get_text().strip() else ""
    inner = inline(node.children)
    target = node.get("href")
    if node.name == "a" and isinstance(target, str):
        return link(inner, target)
    return marked(inner, _MARKS[node.name]) if node.name in _MARKS else inner


def is_equation(node: Tag) -> bool:
    """Whether the node is an equation; its text stands in it three times."""
    return _EQUATION in classes(node) or "katex" in classes(node)


def tex(node: Tag) -> str:
    """An equation's TeX source."""
    source = node.find("annotation")
    return (source or node).get_text().strip()


def is_checked(box: Tag) -> bool:
    """The state of a to-do or of a checkbox property."""
    return "checkbox-on" in classes(box)


def classes(node: Tag) -> frozenset[str]:
    """The node's CSS classes."""
    found = node.get("class")
    return frozenset(found if isinstance(found, list) else str(found or "").split())


def plain(node: Tag) -> str:
    """A node's text on one line, without marks."""
    return re.sub(r"\s+", " ", node.get_text()).strip()
