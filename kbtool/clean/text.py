"""Rules for characters, titles and emphasis."""

from __future__ import annotations

import re
from dataclasses import replace

from kbtool.clean.code import outside_code
from kbtool.clean.emoji import strip_leading
from kbtool.model import Page

_SPACES = re.compile("[\u00a0\u2028\u2029\u202f\u2007\u0085\x0b\x0c]")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\x00-\x08\x0e-\x1f\x7f]")
_HEADING = re.compile(r"^(?P<mark>[ \t>]*(?:[-*+][ \t]+)?#{1,6}[ \t]+)(?P<bold>\*\*)?(?P<text>.*)$")
_BOLD_HEADING = re.compile(r"^(?P<mark>[ \t>]*(?:[-*+][ \t]+)?#{1,6}[ \t]+)\*\*(?P<text>[^*]+)\*\*[ \t]*$")
_STARS = re.compile(r"(?<![\\*])\*\*(?!\*)")
_DOUBLED = re.compile(r"(?<![\\*])\*{4}(?!\*)")
_RULE = re.compile(r"^[ \t>]*(?:\*[ \t]*){3,}$")
_LOOSE_POINT = re.compile(r"\*\*[ \t]+(?=[，。；：、！？）])")
_POINTS = frozenset(" \t-–—:;.,·•|/")


def unify_newlines(page: Page) -> Page:
    r"""Line ends are `\n` everywhere, code included: which ones an exporter used is not content."""
    text = page.markdown.replace("\r\n", "\n").replace("\r", "\n")
    return replace(page, markdown=text.removeprefix("\ufeff"))


def plain_spaces(page: Page) -> Page:
    """No-break spaces and line separators become spaces, invisible characters go; emoji joiners stay."""
    return replace(page, title=_plain(page.title).strip(), markdown=outside_code(page.markdown, _plain))


def _plain(text: str) -> str:
    return _INVISIBLE.sub("", _SPACES.sub(" ", text))


def drop_title_emoji(page: Page) -> Page:
    """Icons at the start of a title or heading: they match no question and break the breadcrumb."""
    return replace(
        page, title=strip_leading(page.title), markdown=outside_code(page.markdown, _bare_headings)
    )


def _bare_headings(text: str) -> str:
    return "\n".join(_bare_heading(line) for line in text.split("\n"))


def _bare_heading(line: str) -> str:
    found = _HEADING.match(line)
    if not found:
        return line
    return f"{found['mark']}{found['bold'] or ''}{strip_leading(found['text'])}"


def plain_headings(page: Page) -> Page:
    """A heading is bold already: `## **Returns**`."""
    return replace(page, markdown=outside_code(page.markdown, _plain_headings))


def _plain_headings(text: str) -> str:
    return "\n".join(
        f"{found['mark']}{found['text'].strip()}" if (found := _BOLD_HEADING.match(line)) else line
        for line in text.split("\n")
    )


def mend_bold(page: Page) -> Page:
    """Editors leave bold that is empty, around a dash alone, or with a space inside, which shows as stars."""
    return replace(page, markdown=outside_code(page.markdown, _mended))


def _mended(text: str) -> str:
    return "\n".join(_mended_line(line) for line in text.split("\n"))


def _mended_line(line: str) -> str:
    if "**" not in line or _RULE.match(line):
        return line
    parts = _STARS.split(_DOUBLED.sub("", line))
    if len(parts) % 2 == 0:
        return line  # an odd number of marks: which of them belong together is anybody's guess
    line = "".join(part if number % 2 == 0 else _bold(part) for number, part in enumerate(parts))
    return _LOOSE_POINT.sub("**", line)


def _bold(inner: str) -> str:
    """What stood between two marks, in bold where that shows."""
    if not set(inner) - _POINTS:
        return inner
    if inner[0].isspace() and inner[-1].isspace():
        return f"**{inner}**"  # stars with space on both sides are no emphasis but somebody's text
    bare = inner.strip()
    before = inner[: len(inner) - len(inner.lstrip())]
    after = inner[len(inner.rstrip()) :]
    return f"{before}**{bare}**{after}"
