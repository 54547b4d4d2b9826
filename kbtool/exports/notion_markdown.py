"""Notion's "Markdown & CSV" export: one `Title <id>.md` per page, the title as its first line."""

from __future__ import annotations

import posixpath
import re

from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.names import split_id, split_short_id
from kbtool.model import Kind

_TITLE = re.compile(r"\A\s*#[ \t]+(?P<title>\S[^\n]*?)[ \t]*(?:\n|\Z)")
_NO_TITLE = re.compile(r"\A\s*#[ \t]*(?:\n|\Z)")


def split_title(text: str) -> tuple[str, str]:
    """The title of a page whose first line is `# Title`, and the rest without the blank line after it.

    The title is "" when the page begins with something else.
    """
    found = _TITLE.match(text)
    if found:
        return found["title"], text[found.end() :].removeprefix("\n")
    empty = _NO_TITLE.match(text)
    return "", text[empty.end() :].removeprefix("\n") if empty else text


def parse(file: File, text: str) -> Draft | None:
    """The page in `file`, or None when its name carries no Notion id."""
    stem = posixpath.splitext(posixpath.basename(file.path))[0]
    title, body = split_title(text)
    name, page_id = split_id(stem)
    key = page_id or split_short_id(stem, title)
    if not key:
        return None
    return Draft(file, Kind.NOTION_MARKDOWN, title or name or "Untitled", body.rstrip("\n"), key=key)
