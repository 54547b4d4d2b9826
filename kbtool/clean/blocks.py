"""Rules for blocks: callouts, lists, dividers, blank lines."""

from __future__ import annotations

import re
from dataclasses import replace

from kbtool.clean.code import BLOCK, outside_code
from kbtool.clean.emoji import without_leading
from kbtool.model import Page

_ASIDE_OPEN = re.compile(r"^(?P<indent>[ \t>]*)<aside>[ \t]*(?P<rest>.*)$")
_ASIDE_CLOSE = re.compile(r"^(?P<rest>.*?)[ \t]*</aside>[ \t]*$")
_ICON_TAG = re.compile(r"^<img\b[^<>]*>[ \t]*")
_EMPTY_ITEM = re.compile(r"^(?P<indent>[ \t>]*)(?:[-*+]|\d{1,9}[.)])(?:[ \t]+\[[ xX]?\])?[ \t]*$")
_TODO = re.compile(r"(?m)^([ \t>]*[-*+] \[[ xX]\])[ \t]{2,}(?=\S)")
_DIVIDER = re.compile(r"(?m)^([ \t>]*)(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_GAP = re.compile(
    r"(?<=[^\s>|*+.)\]-])[ \t]{2,}(?=\S)"
)  # not behind a list or quote mark: there it is indent


def quote_callouts(page: Page) -> Page:
    """`<aside>` hides its first paragraph from Markdown parsers; a quote keeps it, without the icon."""
    return replace(page, markdown=outside_code(page.markdown, _quoted))


def _quoted(text: str) -> str:
    lines = text.split("\n")
    out: list[str] = []
    row = 0
    while row < len(lines):
        opening = _ASIDE_OPEN.match(lines[row])
        stop = _end_of_aside(lines, row) if opening else None
        if opening is None or stop is None:
            out.append(lines[row])
            row += 1
            continue
        inner = [opening["rest"], *lines[row + 1 : stop + 1]] if stop > row else [opening["rest"]]
        closing = _ASIDE_CLOSE.match(inner[-1])
        inner[-1] = closing["rest"] if closing else inner[-1]
        out += _quote(inner, opening["indent"], out)
        row = stop + 1
        if row < len(lines) and lines[row].strip():
            out.append("")  # or the next paragraph would be read as part of the quote
    return "\n".join(out)


def _end_of_aside(lines: list[str], start: int) -> int | None:
    """The line that closes the callout; None for one that is never closed, or holds another."""
    for row in range(start, len(lines)):
        if row > start and _ASIDE_OPEN.match(lines[row]):
            return None
        if _ASIDE_CLOSE.match(lines[row]):
            return row
    return None


def _quote(inner: list[str], indent: str, before: list[str]) -> list[str]:
    body = [line.removeprefix(indent) for line in inner]
    while body and not body[0].strip():
        body.pop(0)
    while body and not body[-1].strip():
        body.pop()
    if not body:
        return []
    body[0] = without_leading(_ICON_TAG.sub("", body[0].lstrip())) if not BLOCK.search(body[0]) else body[0]
    if not body[0].strip():
        body.pop(0)  # the icon stood alone on its line
        return _quote([indent + line for line in body], indent, before)
    gap = [""] if before and before[-1].strip() else []
    return gap + [f"{indent}> {line}".rstrip() for line in body]


def drop_empty_items(page: Page) -> Page:
    """Bullets, numbers and to-dos without text; one that others hang from stays."""
    return replace(page, markdown=outside_code(page.markdown, _without_empty_items))


def _without_empty_items(text: str) -> str:
    lines = text.split("\n")
    kept: list[str] = []
    for row, line in enumerate(lines):
        empty = _EMPTY_ITEM.match(line)
        if not empty:
            kept.append(line)
            continue
        following = next((other for other in lines[row + 1 :] if other.strip()), "")
        deeper = len(following) - len(following.lstrip()) > len(empty["indent"])
        if deeper:
            kept.append(line)
    return "\n".join(kept)


def tidy_todos(page: Page) -> Page:
    """Notion writes two spaces after a to-do's box."""
    return replace(page, markdown=outside_code(page.markdown, lambda text: _TODO.sub(r"\1 ", text)))


def drop_dividers(page: Page) -> Page:
    """A divider says nothing, stands as a lone `---` at a chunk's end, and makes the line above a heading."""
    return replace(page, markdown=outside_code(page.markdown, lambda text: _DIVIDER.sub(r"\1", text)))


def tidy_lines(page: Page) -> Page:
    """Spaces at line ends and in runs, and blank lines in runs or, in toggles, with four spaces."""
    return replace(page, markdown=outside_code(page.markdown, _tidied).strip("\n"))


def _tidied(text: str) -> str:
    out: list[str] = []
    for line in text.split("\n"):
        bare = _GAP.sub(" ", line.rstrip(" \t"))
        if bare or (out and out[-1]):
            out.append(bare)
    return "\n".join(out)
