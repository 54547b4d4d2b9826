"""Markdown from anywhere: Lark's own export and folders that people wrote by hand."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import PurePosixPath

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from kbtool.exports import lark_markdown
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.notion_markdown import split_title
from kbtool.model import Kind

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<yaml>.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


def parse(file: File, text: str) -> Draft:
    """The page in a Markdown file: its title is the front matter's, else the first line's, else the name."""
    properties, body = split_front_matter(text)
    heading, rest = split_title(body)
    stem = PurePosixPath(file.path).stem
    kind = Kind.MARKDOWN
    if lark_markdown.is_lark(body):
        kind = Kind.LARK_MARKDOWN
        heading = lark_markdown.title_in(body, heading, stem)
    named = properties.pop("title", "").strip()
    if heading and named in {"", heading}:
        body = rest
    return Draft(file, kind, named or heading or stem, body.strip("\n"), properties=properties)


def split_front_matter(text: str) -> tuple[dict[str, str], str]:
    """Front matter as text values, and the body. Only a mapping counts: `---` may be a divider.

    Lists are joined by ", "; nested mappings are left out. What is no YAML stays in the body.
    """
    found = _FRONT_MATTER.match(text)
    if not found:
        return {}, text
    try:
        # The base loader keeps every value as it is written: `no`, `1.10` and dates stay text.
        loaded = YAML(typ="base", pure=True).load(StringIO(found["yaml"]))
    except (YAMLError, ValueError):
        return {}, text
    if not isinstance(loaded, dict):
        return {}, text
    properties = {str(key): words for key, value in loaded.items() if (words := _words(value))}
    return properties, text[found.end() :].lstrip("\n")


def _words(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return ", ".join(item.strip() for item in value if isinstance(item, str))
    return ""
