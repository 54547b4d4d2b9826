"""Inline HTML as Markdown, and the walk through a page's content that leaves out what is no part of it.

A form of HTML (Notion's pages, plain ones) says through `Form` what it leaves out and how it treats white
space; all that it leaves out is on record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from kbtool.exports.html_nodes import (
    BLOCKS,
    CONTAINERS,
    NO_CONTENT,
    SILENT,
    attribute,
    classes,
    one_line,
    text_of,
    verbatim,
)
from kbtool.exports.markdown import code_span, image, link, marked
from kbtool.model import Removal

Nodes = Iterable[LexborNode | None]
"""A stretch of content, in which None is the edge of a container: what follows stands apart."""

DEEPEST = 60
"""Levels of blocks, and of marks in marks, beyond which only the text is taken: no editor makes as many."""

_MARKS = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "strike": "~~"}
_CODE = frozenset({"code", "kbd", "samp", "tt", "pre"})
_OWN = frozenset(_MARKS) | (_CODE - {"pre"}) | {"a", "br", "img", "input", "math"}
_EQUATED = frozenset({"span", "div", "p", "figure", "math"})
_SPECIAL = frozenset({"span", "div", "p"})
_TAKEN = frozenset({"h1", "table"})
_EQUATIONS = ("data-notion-equation", "data-notion-inline-equation")  # exports since 2026
_GAP = re.compile(r"(\n[ \t]*\n\s*)")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Form:
    """What sets one form of HTML apart.

    `left_out` gives the rule's name for an element that is no part of the text, else ""; it is asked for
    each element that is no text mark. `has_breaks` says that a line break in the source is one on the page,
    as in Notion's `white-space: pre-wrap`. `has_pictures` takes pictures that stand in text.
    """

    left_out: Callable[[LexborNode, str], str]
    has_breaks: bool
    has_pictures: bool


@dataclass(slots=True)
class Walk:
    """One pass over a page; `removals` grows by everything that the form leaves out.

    `taken` are the nodes that were read before, by their address; `has_marks` is off where links and
    emphasis are of no use, as in titles and properties.
    """

    form: Form
    removals: list[Removal] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    has_marks: bool = True

    def content(self, node: LexborNode) -> Iterator[LexborNode | None]:
        """What is in a node: texts, and the elements that mean something; others are dissolved."""
        levels = [(node.iter(include_text=True), False)]
        while levels:
            nodes, is_apart = levels[-1]
            for child in nodes:
                tag = child.tag or ""
                if tag == "-text" or tag in _MARKS:
                    yield child
                elif tag not in NO_CONTENT and not self._is_left_out(child, tag):
                    if tag in _OWN or not self._dissolves(child, tag):
                        yield child
                        continue
                    if tag in CONTAINERS:
                        yield None
                    levels.append((child.iter(include_text=True), tag in CONTAINERS))
                    break
            else:
                levels.pop()
                if is_apart:
                    yield None

    def _is_left_out(self, node: LexborNode, tag: str) -> bool:
        if tag in SILENT or (tag in _TAKEN and node.mem_id in self.taken):
            return True
        rule = self.form.left_out(node, tag)
        if rule:
            self.leave_out(rule, text_of(node))
        return bool(rule)

    def leave_out(self, rule: str, text: str) -> None:
        """Put what a rule leaves out on record; nothing where there are no words."""
        if text:
            self.removals.append(Removal(rule, text))

    def _dissolves(self, node: LexborNode, tag: str) -> bool:
        if tag in _SPECIAL and node.attributes:
            return not (is_box(node) or is_equation(node) or is_value(node))
        return tag in CONTAINERS or tag not in BLOCKS

    def inline(self, nodes: Nodes, depth: int = 0, *, listed: bool = False) -> str:
        """The nodes' text with emphasis, links, code and equations.

        `listed` is for table cells and values: neighbouring links and labels are apart, boxes are words.
        """
        parts: list[str] = []
        follows = False
        for node in nodes:
            if node is None:
                parts.append("\n")
                continue
            tag = node.tag or ""
            if tag == "-text":
                text = node.text_content or ""
                parts.append(text if self.form.has_breaks else _SPACES.sub(" ", text))
                follows = follows and not text.strip()
                continue
            is_item = listed and (tag == "a" or is_value(node))
            if is_item and follows:
                parts.append(", ")
            follows = is_item
            if is_box(node) and depth <= DEEPEST:
                yes, no = ("Yes", "No") if listed else ("[x] ", "[ ] ")
                parts += [yes if is_checked(node) else no, self.inline(self.content(node), depth + 1)]
            else:
                parts.append(self._element(node, tag, depth))
        return "".join(parts)

    def _element(self, node: LexborNode, tag: str, depth: int) -> str:
        if tag in {"br", "img"}:
            return "\n" if tag == "br" else self._picture(node)
        if tag in _EQUATED and is_equation(node):
            tex = one_line(self.tex(node))
            return f"${tex}$" if self.has_marks else tex
        if tag in _CODE:
            code = verbatim(node).replace("\n", " ")
            return code_span(code) if code.strip() and self.has_marks else code
        if depth > DEEPEST:
            return text_of(node)
        inner = self.inline(self.content(node), depth + 1)
        return self._marked(node, tag, inner) if self.has_marks else f" {inner} " if tag in BLOCKS else inner

    def _marked(self, node: LexborNode, tag: str, inner: str) -> str:
        """The text of an element in the form of its tag; emphasis never reaches over a blank line."""
        if tag == "a":
            return self._link(node, inner)
        if tag in _MARKS:
            parts = _GAP.split(inner)
            return "".join(marked(part, _MARKS[tag]) if part.strip() else part for part in parts)
        return f"\n{inner}\n" if tag in BLOCKS else inner

    def _link(self, node: LexborNode, inner: str) -> str:
        target = attribute(node, "href")
        if not target:
            return inner
        if "bookmark" in classes(node):
            inner = inner.strip() or target  # a page without a title
        lines = inner.strip("\n")
        return link(" ".join(lines.split("\n")) if "\n" in lines else lines, target)

    def _picture(self, node: LexborNode) -> str:
        if not self.form.has_pictures:
            return ""
        source = attribute(node, "src")
        caption = re.sub(r"[\[\]]", "", one_line(attribute(node, "alt")))
        return image(caption, source) if source and not source.startswith("data:") else caption

    def tex(self, node: LexborNode) -> str:
        """An equation's TeX source; its text stands in the page once or twice more, as it is drawn."""
        source = node.css_first("annotation")
        written = str(source.text()) if source else ""
        drawn = str(node.text(separator=" ")).replace(written, "", 1)
        found = next((value for name in _EQUATIONS if (value := attribute(node, name).strip())), "")
        if found or written.strip():
            self.leave_out("drawn_equations", one_line(drawn))
        return found or written.strip() or one_line(drawn)


def is_equation(node: LexborNode) -> bool:
    """Whether the node is an equation."""
    if node.tag == "math":
        return True
    kind = classes(node)
    if kind and ("notion-text-equation-token" in kind or "katex" in kind or "equation" in kind):
        return True
    return any(name in node.attributes for name in _EQUATIONS)


def is_box(node: LexborNode) -> bool:
    """Whether the node is a to-do's or property's check box: a styled `div`, since 2026 an `input`."""
    if node.tag == "input":
        return attribute(node, "type").lower() == "checkbox"
    return node.tag in {"div", "span"} and "checkbox" in classes(node)


def is_checked(box: LexborNode) -> bool:
    """The state of a check box."""
    return "checkbox-on" in classes(box) or (box.tag == "input" and "checked" in box.attributes)


def is_value(node: LexborNode) -> bool:
    """Whether the node is one of a property's values: a label, a status or a person."""
    return node.tag == "span" and not classes(node).isdisjoint({"selected-value", "status-value", "user"})
