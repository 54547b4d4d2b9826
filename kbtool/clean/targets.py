"""What a link target in an export is: a page of it, a private page, or something the reader can open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

_TEXT = r"(?:[^\[\]\\\n]++|\\.|\[[^\[\]\n]*+\])*+"
_TARGET = r"(?:[^()\s<>\\]++|\\.|\([^()\s]*+\))*+"
_IN_BRACKETS = rf"\(<?(?P<target>{_TARGET})>?(?:[ \t]+\"[^\"\n]*\")?\)"

LINK = re.compile(rf"\[(?<!!\[)(?<!\\\[)(?P<text>{_TEXT})\]{_IN_BRACKETS}")
"""A Markdown link on one line; Notion leaves balanced parentheses in targets as they are.

It begins with its bracket, and only then looks back at what stands before: so a search can skip to brackets.
"""

IMAGE = re.compile(rf"!\[(?P<alt>{_TEXT})\]{_IN_BRACKETS}")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_NOTION_PAGE = re.compile(
    r"https?://(?:www\.|app\.)?notion\.(?:so|com)/\S*[0-9a-f]{32}|notion://|https?://[^\s()]*soundefined"
)
_SUFFIX = re.compile(r"[^/]\.[A-Za-z0-9]{1,5}$")
_ID = re.compile(
    r"[ -]?(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=(?:_all)?(?:\.[a-z]+)?$)"
)


def is_relative(target: str) -> bool:
    """Whether the target leads to another file of the export (or to a heading of the page)."""
    return not _SCHEME.match(target)


def is_private(target: str) -> bool:
    """Whether the target is a page inside somebody's Notion workspace, which customers cannot open."""
    return bool(_NOTION_PAGE.match(target))


def is_page(target: str, links: Mapping[str, str]) -> bool:
    """Whether a relative target is a page or database: in the export, or by its name in some other."""
    path = _path(target)
    if not is_relative(target) or not path.lower().endswith((".md", ".csv", ".html")):
        return False
    return bool(links.get(target)) or has_id(path)


def _path(target: str) -> str:
    """A relative target as the path that it means."""
    return unquote(target.partition("#")[0].replace("%20", " "))  # nearly all there is to decode


def has_id(path: str) -> bool:
    """Whether a file name ends in a Notion page id."""
    return bool(_ID.search(path))


def is_file(target: str, links: Mapping[str, str]) -> bool:
    """Whether a relative target is an attachment: a file of the export that is no page."""
    path = _path(target)
    return is_relative(target) and bool(_SUFFIX.search(path)) and not is_page(target, links)


def file_name(target: str) -> str:
    """The file name that a target ends in."""
    return _path(target).rsplit("/", 1)[-1]


def name_of(target: str) -> str:
    """The file name that a target ends in, without its id and suffix."""
    return _ID.sub("", file_name(target)).rsplit(".", 1)[0].strip()


def label(text: str) -> str:
    """Text as a reader sees its links."""
    return LINK.sub(lambda link: link["text"], text) if "](" in text else text


def key(text: str) -> str:
    """A title as it is compared: letters and digits only, without case."""
    return "".join(filter(str.isalnum, text.casefold()))
