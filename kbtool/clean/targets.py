"""What a link target in an export is: a page of it, a private page, or something the reader can open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

LINK = re.compile(
    r"(?<![!\\])\[(?P<text>(?:[^\[\]\\\n]|\\.|\[[^\[\]\n]*\])*)\]"
    r"\(<?(?P<target>(?:[^()\s<>\\]|\\.|\([^()\s]*\))*)>?(?:[ \t]+\"[^\"\n]*\")?\)"
)
"""A Markdown link on one line; Notion leaves balanced parentheses in targets as they are."""

IMAGE = re.compile(
    r"!\[(?P<alt>(?:[^\[\]\\\n]|\\.|\[[^\[\]\n]*\])*)\]"
    r"\(<?(?P<target>(?:[^()\s<>\\]|\\.|\([^()\s]*\))*)>?(?:[ \t]+\"[^\"\n]*\")?\)"
)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_NOTION_PAGE = re.compile(
    r"https?://(?:www\.|app\.)?notion\.(?:so|com)/\S*[0-9a-f]{32}|notion://|https?://\S*soundefined"
)
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
    path = unquote(target.split("#", 1)[0])
    if not is_relative(target) or not path.lower().endswith((".md", ".csv", ".html")):
        return False
    return bool(links.get(target)) or has_id(path)


def has_id(path: str) -> bool:
    """Whether a file name ends in a Notion page id."""
    return bool(_ID.search(path))


def name_of(target: str) -> str:
    """The file name that a target ends in, without its id and suffix."""
    name = unquote(target.split("#", 1)[0]).rsplit("/", 1)[-1]
    return _ID.sub("", name).rsplit(".", 1)[0].strip()


def key(text: str) -> str:
    """A title as it is compared: letters and digits only, without case."""
    return "".join(character for character in text.casefold() if character.isalnum())
