"""Markdown that comes from Lark: the official form (`docs/v1/content`, `lark-cli docs +fetch`), and what
feishu2md, feishu-pages, feishu-docx and feishu-vitepress write. Recognised here, cleaned later.

No file of these holds its document's token but in its name, which people change: its path is its key.
"""

from __future__ import annotations

import re

from kbtool.clean.code import outside_code
from kbtool.clean.lark import strip_attributes
from kbtool.clean.targets import key
from kbtool.exports import notion_markdown
from kbtool.model import Removal

_TOKEN = r"[A-Za-z0-9]{27}"
_SIGNS = re.compile(
    r"<(?:lark-table|callout|quote-container|grid|whiteboard|bitable|mention-doc|mention-user|add-ons)\b"
    r"|<(?:image|sheet|file|view)\b[^<>]*\b(?:token|type)="
    r"|<text\b[^<>]*\b(?:color|background-color|bgcolor)="
    r"|</?h[7-9]\b"
    r"|(?m:^#{1,6} .*\{(?:color|align|background-color)=)"
    r"|internal-api-drive-stream\."
    # feishu-pages and feishu-vitepress
    r"|<img\b[^<>]*\bsrc-width="
    r"|<div class=[\"'](?:callout[ -]|flex gap-3 columns-)"
    r"|<table\b[^<>]*\bheader_(?:row|column)="
    # feishu2md: pictures by token, callouts that are always tips, levels that Markdown has not
    rf"|!\[\]\((?:(?:\./)?(?:static|img|images)/)?{_TOKEN}(?:\.\w{{3,4}})?\)"
    r"|(?m:^>\[!\w+\])"
    r"|(?m:^#{7,9} \S)"
    r"|\bou_[0-9a-f]{32}\b"
    # feishu-docx
    r"|<!-- *block:"
)
_HINTS = ("<", "{", "![](", ">[!", "#######", "ou_", "internal-api-")  # no sign is without one of these
_UNSUPPORTED = re.compile(
    r"(?m)^(?P<fence>`{3,})[^\n`]*\n(?P<text>// \[Unsupport\] [^\n]*\n(?:(?!```).*\n)*?)(?P=fence)[ \t]*$\n*"
)
_TAGGED = re.compile(r"\A\s*<title\b[^<>]*>(?P<title>[^<>\n]+)</title>[ \t]*\n*")
_HEADING = re.compile(r"(?m)^# ")
_BARE_TOKEN = re.compile(_TOKEN)
_BOLD = re.compile(r"^\*\*([^*]+)\*\*$")


def is_lark(text: str) -> bool:
    """Whether the Markdown holds what only Lark or its exporters write, and not merely as a code sample."""
    if "// [Unsupport] " in text and _UNSUPPORTED.search(text):
        return True
    if not any(hint in text for hint in _HINTS) or not _SIGNS.search(text):
        return False
    shown: list[str] = []

    def collect(outside: str) -> str:
        shown.append(outside)
        return outside

    outside_code(text, collect, indented=False)
    return any(_SIGNS.search(outside) for outside in shown)


def split_unsupported(text: str) -> tuple[str, tuple[Removal, ...]]:
    """The page without the fences in which feishu-pages puts the JSON of blocks that it cannot write."""
    found = [match["text"].rstrip("\n") for match in _UNSUPPORTED.finditer(text)]
    return _UNSUPPORTED.sub("", text), tuple(Removal("drop_unsupported_blocks", block) for block in found)


def split_title(text: str, stem: str) -> tuple[str, str]:
    """The title that the page begins with, without Lark's attributes, and the rest; "" where none is.

    Newer versions of `lark-cli` write it as a tag, other ways of export as the first `#` or only as the
    file's name, and sections are `#` too. So a first heading of several is the title if it is the file's
    name, or that is a bare token.
    """
    tagged = _TAGGED.match(text)
    if tagged:
        return tagged["title"].strip(), text[tagged.end() :]
    heading, rest = notion_markdown.split_title(text)
    bare = strip_attributes(heading).strip()
    found = _BOLD.match(bare)
    bare = (found[1] if found else bare).strip()
    several = len(_HEADING.findall(text)) > 1
    if several and key(bare) != key(stem) and not _BARE_TOKEN.fullmatch(stem):
        return "", text
    return bare, rest
