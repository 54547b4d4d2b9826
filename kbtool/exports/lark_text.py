"""The inline elements of a Lark block as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any
from urllib.parse import unquote

from kbtool.exports.markdown import code_span, link, marked

_MARKS = (("bold", "**"), ("italic", "*"), ("strikethrough", "~~"))


def text_of(elements: Sequence[Any]) -> str:
    """The elements' text. Neighbours of one style are one run, or `**a****b**` would show its stars."""
    runs = [_run(element) for element in elements if isinstance(element, dict)]
    return "".join(
        _styled("".join(text for text, _, _ in group), style, url)
        for (style, url), group in groupby(runs, key=lambda run: (run[1], run[2]))
    )


def _run(element: dict[str, Any]) -> tuple[str, tuple[str, ...], str]:
    """Text, style names and link address of one element.

    A mentioned document is its title; a mentioned person is an id without a name: cleaning puts a word.
    """
    for name in ("text_run", "mention_doc", "equation"):
        part = element.get(name)
        if not isinstance(part, dict):
            continue
        if name == "mention_doc":
            return str(part.get("title") or ""), (), ""
        content = str(part.get("content") or "").replace("\x0b", "\n")
        if name == "equation":
            return f"${content.strip()}$" if content.strip() else "", (), ""
        style = part.get("text_element_style")
        style = style if isinstance(style, dict) else {}
        target = style.get("link")
        url = unquote(str(target.get("url") or "")) if isinstance(target, dict) else ""
        return content, tuple(key for key in ("inline_code", *dict(_MARKS)) if style.get(key) is True), url
    return ("<mention-user/>" if "mention_user" in element else ""), (), ""


def _styled(text: str, style: tuple[str, ...], url: str) -> str:
    if not text.strip():
        return text
    out = code_span(text) if "inline_code" in style else text
    for name, mark in _MARKS:
        if name in style:
            out = marked(out, mark)
    return link(out, url) if url else out
