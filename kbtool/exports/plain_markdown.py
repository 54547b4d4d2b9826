"""Markdown from anywhere: Lark's own export, its exporters', and folders that people wrote by hand."""

from __future__ import annotations

from pathlib import PurePosixPath

from kbtool.clean.targets import key
from kbtool.exports import front_matter, lark_markdown
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.notion_markdown import split_title
from kbtool.model import Kind
from kbtool.scan import scan


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
    """The heading that a page begins with, or its only one of the first level, behind badges or a note.

    With it goes the rest of the page. Headings are those that the chunker sees, never a `#` in code; one
    with code in it stays where it is, since no cleaning rule would know it for code in a title.
    """
    heading, rest = split_title(body)
    if heading or rest != body:
        return heading, rest
    lines = body.split("\n")
    blocks = list(scan(lines))
    titles = [block for block in blocks if block.kind == "heading" and block.level == 1]
    if not titles or (len(titles) > 1 and titles[0] is not blocks[0]) or "`" in titles[0].text:
        return "", body
    first, last = titles[0].first, titles[0].last
    return titles[0].text, "\n".join([*lines[:first], *lines[last:]]).lstrip("\n")
