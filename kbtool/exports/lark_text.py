"""The inline elements of a Lark block as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import unquote

from kbtool.exports.markdown import code_span, link, marked
from kbtool.model import Removal

_MARKS = (("bold", "**"), ("italic", "*"), ("strikethrough", "~~"))
_WORDED = ("text_run", "mention_doc", "equation", "link_preview")
_Run = tuple[str, tuple[str, ...], str]


def text_of(elements: Sequence[Any], files: Mapping[str, str]) -> str:
    """The elements' text. Neighbours of one style are one run, or `**a****b**` would show its stars.

    `files` holds the names of the document's file blocks by id: an attachment inside a sentence names one.
    """
    runs = [_run(element, files) for element in elements if isinstance(element, dict)]
    return "".join(
        _styled("".join(text for text, _, _ in group), style, url)
        for (style, url), group in groupby(runs, key=lambda run: (run[1], run[2]))
    )


def plain_text(elements: Sequence[Any]) -> str:
    """The elements' text without any marks, as code is written. Documents are mentioned in code too."""
    parts = (element.get(name) for element in elements if isinstance(element, dict) for name in _WORDED)
    words = (part.get("content") or part.get("title") for part in parts if isinstance(part, dict))
    return "".join(str(text or "") for text in words)


def left_out(elements: Sequence[Any]) -> Iterator[Removal]:
    """What `text_of` has no words for: members' ids, mentioned documents' addresses, reminders' times.

    A reminder's time is a moment without a time zone, which may be another day for the reader.
    """
    for element in elements:
        if not isinstance(element, dict):
            continue
        for name, rule, field in (
            ("mention_user", "name_members", "user_id"),
            ("mention_doc", "unlink_documents", "url"),
            ("reminder", "drop_reminders", "expire_time"),
        ):
            part = element.get(name)
            if isinstance(part, dict) and part.get(field):
                yield Removal(rule, unquote(str(part[field])))


def _run(element: Mapping[str, Any], files: Mapping[str, str]) -> _Run:
    """Text, style names and link address of one element.

    A mentioned document is its title; a mentioned person is an id without a name: cleaning puts a word.
    """
    if "mention_user" in element:
        return "<mention-user/>", (), ""
    for name in ("text_run", "mention_doc", "equation", "link_preview", "file"):
        part = element.get(name)
        if not isinstance(part, dict):
            continue
        if name == "text_run":
            return _text_run(part)
        if name == "equation":
            content = str(part.get("content") or "").strip()
            return f"${content}$" if content else "", (), ""
        if name == "file":
            return files.get(str(part.get("source_block_id")), ""), (), ""
        address = unquote(str(part.get("url") or "")) if name == "link_preview" else ""
        return str(part.get("title") or address), (), address
    return "", (), ""


def _text_run(run: Mapping[str, Any]) -> _Run:
    content = str(run.get("content") or "").replace("\x0b", "\n")
    style = run.get("text_element_style")
    style = style if isinstance(style, dict) else {}
    target = style.get("link")
    url = unquote(str(target.get("url") or "")) if isinstance(target, dict) else ""
    return content, tuple(key for key in ("inline_code", *dict(_MARKS)) if style.get(key) is True), url


def _styled(text: str, style: tuple[str, ...], url: str) -> str:
    if not text.strip():
        return text
    out = code_span(text) if "inline_code" in style else text
    for name, mark in _MARKS:
        if name in style:
            out = marked(out, mark)
    return link(out, url) if url else out
