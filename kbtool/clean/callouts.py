"""Notion's callouts: `<aside>` in its Markdown exports."""

from __future__ import annotations

import re

from kbtool.clean.code import BLOCK
from kbtool.clean.emoji import without_leading
from kbtool.clean.rule import with_text
from kbtool.model import Page

_OPEN = re.compile(r"(?P<indent>[ \t>]*)<aside>[ \t]*")
_CLOSE = "</aside>"
_ICON_TAG = re.compile(r"<img\b[^<>]*>[ \t]*")


def quote_callouts(page: Page) -> Page:
    """`<aside>` hides its first paragraph from Markdown parsers; a quote keeps it, without the icon.

    A callout inside a callout joins its quote. A tag without its partner stays as it is.
    """
    return with_text(page, _quoted(page.markdown))


def _quoted(text: str) -> str:
    lines = text.split("\n")
    ends = _ends(lines)
    out: list[str] = []
    row = 0
    for start, end in sorted(ends.items()):
        opening = _OPEN.match(lines[start])
        if start < row or opening is None:
            continue  # it is inside of one that was quoted
        out += lines[row:start]
        stop = end + 1
        body = _body(lines[start:stop], opening["indent"])
        if body and out and out[-1].strip():
            out.append("")
        out += [f"{opening['indent']}> {line}".rstrip() for line in body]
        if stop < len(lines) and lines[stop].strip():
            out.append("")  # or the next paragraph would be read as part of the quote
        row = stop
    return "\n".join(out + lines[row:])


def _ends(lines: list[str]) -> dict[int, int]:
    """For each line that opens a callout the line that closes it; both may be the same."""
    ends: dict[int, int] = {}
    unclosed: list[int] = []
    for row, line in enumerate(lines):
        if "aside>" not in line:
            continue
        if _OPEN.match(line):
            unclosed.append(row)
        if line.rstrip().endswith(_CLOSE) and unclosed:
            ends[unclosed.pop()] = row
    return ends


def _body(lines: list[str], indent: str) -> list[str]:
    """What a callout says, as lines: without its tags, those of callouts inside it, indent and icons."""
    body: list[str] = []
    begins = False
    for line in lines:
        bare = line.removeprefix(indent)
        if "<aside>" in bare and (opening := _OPEN.match(bare)):
            bare, begins = bare[opening.end() :], True
            if body and body[-1]:
                body.append("")
        closes = bare.rstrip().endswith(_CLOSE)
        if closes:
            bare = bare.rstrip()[: -len(_CLOSE)].rstrip()
        if begins and bare.strip():
            bare = bare if BLOCK.search(bare) else _without_icon(bare)
            begins = not bare.strip()  # an icon alone on its line: what follows is the callout's beginning
        if bare.strip() or (body and body[-1]):
            body.append(bare.rstrip())
        if closes and body and body[-1]:
            body.append("")
    while body and not body[-1]:
        body.pop()
    return body


def _without_icon(line: str) -> str:
    return without_leading(_ICON_TAG.sub("", line.lstrip(), count=1))
