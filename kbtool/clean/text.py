"""Rules for characters, titles and headings."""

from __future__ import annotations

import re
from dataclasses import replace

from kbtool.clean.emoji import strip_leading
from kbtool.clean.rule import with_text
from kbtool.model import Page

_UNUSUAL = re.compile(
    "[\u00a0\u2028\u2029\u202f\u2007\u0085\x0b\x0c"
    "\u200b\u2060\ufeff\ufffc\u00ad\u200e\u200f\u202a-\u202e\x00-\x08\x0e-\x1f\x7f]"
)
_SPACES = re.compile("[\u00a0\u2028\u2029\u202f\u2007\u0085\x0b\x0c]")
_MARK = r"[ \t>]*(?:[-*+][ \t]+)?#{1,6}[ \t]+"
_PICTURE = r"(?:[^\w\s!-~]|[0-9#*]\ufe0f?\u20e3)"
"""Something other than a word, a space or an ASCII sign."""
_PICTORIAL = re.compile(rf"(?m)^(?P<mark>{_MARK}(?:\*\*)?)(?P<text>{_PICTURE}[^\n]*)")
MAY_BE_PICTORIAL = re.compile(rf"#[ \t]+(?:\*\*)?{_PICTURE}")
"""Such a heading, found by its hash: few lines have one."""
_BOLD_HEADING = re.compile(rf"(?m)^(?P<mark>{_MARK})\*\*(?P<text>[^*\n]+)\*\*[ \t]*$")


def unify_newlines(page: Page) -> Page:
    r"""Line ends are `\n` everywhere, code included: which ones an exporter used is not content."""
    text = page.markdown.replace("\r\n", "\n").replace("\r", "\n")
    return with_text(page, text.removeprefix("\ufeff"))


def plain_spaces(page: Page) -> Page:
    """No-break spaces and line separators become spaces, invisible characters go; emoji joiners stay."""
    title = _plain(page.title).strip() if is_unusual(page.title) else page.title
    plain = page if title == page.title else replace(page, title=title)
    return with_text(plain, _plain(page.markdown))


def _plain(text: str) -> str:
    return _UNUSUAL.sub("", _SPACES.sub(" ", text))


def is_unusual(text: str) -> bool:
    """Whether `plain_spaces` finds something."""
    return not text.replace("\n", "").isprintable() and _UNUSUAL.search(text) is not None


def drop_title_emoji(page: Page) -> Page:
    """Icons at the start of a title or heading: they match no question and break the breadcrumb."""
    title = strip_leading(page.title)
    plain = page if title == page.title else replace(page, title=title)
    return with_text(plain, _PICTORIAL.sub(_bare_heading, page.markdown))


def _bare_heading(found: re.Match[str]) -> str:
    return found["mark"] + strip_leading(found["text"])


def plain_headings(page: Page) -> Page:
    """A heading is bold already: `## **Returns**`."""
    return with_text(page, _BOLD_HEADING.sub(lambda found: found[1] + found[2].strip(), page.markdown))
