"""Pages that `kbtool clean` wrote: read back, they keep the key and the title that they had.

Their front matter is strict YAML of our own writing; a page that a person has edited since is read as well,
as long as `kbtool_key` is still there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from io import StringIO

from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.notion_markdown import split_title
from kbtool.model import Kind, Page

_FRONT = re.compile(r"\A---\n(?P<yaml>(?:(?!---\n).*\n)*?kbtool_key:.*\n(?:(?!---\n).*\n)*)---\n")


def write(page: Page, edited: str = "") -> str:
    """The page as a file: front matter, the title as heading, the body.

    What a person wants who keeps the tree in git: the title, where the page comes from, when it was last
    edited, and its properties, all readable, none of it in the text that is chunked.
    """
    title = " ".join(page.title.split())
    lines = [
        "---",
        f"title: {_quoted(title)}",
        f"kbtool_key: {_quoted(page.key)}",
        f"kbtool_source: {_quoted(page.source)}",
        *([f"edited: {_quoted(edited)}"] if edited else []),
        *(["properties:"] if page.properties else []),
        *(f"  {_quoted(name)}: {_quoted(value)}" for name, value in page.properties.items()),
        "---",
        "",
        f"# {title}",
        "",
        page.markdown.strip("\n"),
    ]
    return ("\n".join(lines).rstrip("\n") + "\n").encode("utf-8", "replace").decode()


def _quoted(text: str) -> str:
    """A double-quoted YAML scalar, which is a JSON string with whatever cannot be printed escaped."""
    bare = json.dumps(text, ensure_ascii=False)
    return bare if bare.isprintable() else "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in bare)


def parse(file: File, text: str) -> Draft | None:
    """The page in a file that `write` made, or None for any other."""
    found = _FRONT.match(text)
    if not found:
        return None
    from ruamel.yaml import YAML  # noqa: PLC0415  # see front_matter
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        front = YAML(typ="base", pure=True).load(StringIO(found["yaml"]))
    except (YAMLError, ValueError):
        return None
    if not isinstance(front, Mapping) or not isinstance(front.get("kbtool_key"), str):
        return None
    heading, body = split_title(text[found.end() :])
    title = str(front.get("title") or heading or "Untitled")
    if heading != title:  # a person has changed one of them: what stands in the text is text
        body = text[found.end() :]
    properties = front.get("properties")
    kept = dict(properties) if isinstance(properties, Mapping) else {}
    if isinstance(front.get("edited"), str):
        kept.setdefault("Last edited", front["edited"])
    return Draft(
        file,
        Kind.MARKDOWN,
        title,
        body.strip("\n"),
        key=front["kbtool_key"],
        properties={str(name): str(value) for name, value in kept.items()},
    )
