"""Lark's official Markdown form (`docs/v1/content`, `lark-cli docs +fetch`): recognised here, cleaned later.

Such a file holds no token: its path is its key.
"""

from __future__ import annotations

import re

from kbtool.clean.lark import strip_attributes
from kbtool.clean.targets import key

_SIGNS = re.compile(
    r"<(?:lark-table|callout|quote-container|grid|whiteboard|bitable|mention-doc|mention-user|add-ons)\b"
    r"|<(?:image|sheet|file|view)\b[^<>]*\b(?:token|type)="
    r"|<text\b[^<>]*\b(?:color|background-color|bgcolor)="
    r"|</?h[7-9]\b"
    r"|(?m:^#{1,6} .*\{(?:color|align|background-color)=)"
    r"|internal-api-drive-stream\."
    r"|<img\b[^<>]*\bsrc-width=|<div class=\"callout ",  # feishu-pages, a common exporter
)
_HEADING = re.compile(r"(?m)^# ")
_TOKEN = re.compile(r"[A-Za-z0-9]{27}")
_BOLD = re.compile(r"^\*\*([^*]+)\*\*$")


def is_lark(text: str) -> bool:
    """Whether the Markdown holds a tag or attribute that only Lark or a Lark exporter writes."""
    return bool(_SIGNS.search(text))


def title_in(text: str, heading: str, stem: str) -> str:
    """The title in the first line's `heading`, without Lark's attributes; "" when the line is a section.

    Some ways of export write the title as the first `#`, some only as the file's name, and sections are
    `#` too. So a first heading of several is the title if it is the file's name, or that is a bare token.
    """
    bare = strip_attributes(heading).strip()
    found = _BOLD.match(bare)
    bare = (found[1] if found else bare).strip()
    several = len(_HEADING.findall(text)) > 1
    return "" if several and key(bare) != key(stem) and not _TOKEN.fullmatch(stem) else bare
