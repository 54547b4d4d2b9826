"""Markdown from anywhere: Lark's own export, its exporters', and folders that people wrote by hand."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from kbtool.clean.code import outside_code
from kbtool.clean.targets import key
from kbtool.exports import front_matter, lark_markdown
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.notion_markdown import split_title
from kbtool.model import Kind

_TITLE = re.compile(r"(?m)^#[ \t]+(?P<title>\S.*?)(?:[ \t]+#+)?[ \t]*$\n*")
_MASKED = re.compile("[\U000f0000-\U0010ffff]")  # code, as `outside_code` shows it
_UNDERLINED = re.compile(r"\A\s*(?P<title>[^\s>#|`~*+-].*?)[ \t]*\n=+[ \t]*(?:\n+|\Z)")


def parse(file: File, text: str) -> Draft:
    """The page in a Markdown file: its title is the front matter's, else the first `#`, else the name."""
    properties, body, removals = front_matter.split(text)
    stem = PurePosixPath(file.path).stem
    kind = Kind.LARK_MARKDOWN if lark_markdown.is_lark(body) else Kind.MARKDOWN
    if kind is Kind.LARK_MARKDOWN:
        body, unsupported = lark_markdown.split_unsupported(body)
        removals += unsupported
        heading, rest = lark_markdown.split_title(body, stem)
    else:
        heading, rest = _title(body)
    named = properties.pop("title", "").strip()
    if heading and key(named or heading) == key(heading):
        body = rest
    title = named or heading or stem
    return Draft(file, kind, title, body.strip("\n"), properties=properties, removals=removals)


def _title(body: str) -> tuple[str, str]:
    """The first line's `#`, or the page's only one further down, behind badges or a note; and the rest."""
    heading, rest = split_title(body)
    if heading or rest != body:
        return heading, rest
    underlined = _UNDERLINED.match(body)
    if underlined:
        return underlined["title"], body[underlined.end() :]
    return _only_heading(body)


def _only_heading(body: str) -> tuple[str, str]:
    found: list[str] = []

    def without(outside: str) -> str:
        titles = [match["title"] for match in _TITLE.finditer(outside)]
        found.extend(titles)
        return _TITLE.sub("", outside) if len(titles) == 1 else outside

    rest = outside_code(body, without)
    is_one = len(found) == 1 and not _MASKED.search(found[0])
    return (found[0], rest) if is_one else ("", body)
