"""Chunks as lines of JSON: what `kbtool chunk --json` prints.

The form is that of `json.dumps`, put together from parts that are each encoded once: the page's names stand
in every line, and the text of a parent is that of its children. That takes two fifths of the time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from pydantic_core import to_json

from kbtool.chunk import CHILD_SEPARATOR
from kbtool.model import Document

_SEPARATOR = CHILD_SEPARATOR.encode()
_ESCAPED_SEPARATOR = to_json(CHILD_SEPARATOR)[1:-1]


def json_lines(document: Document) -> bytes:
    """A line for each parent, followed by those of its children; nothing for a document without sections."""
    return b"".join(_lines(document))


def _lines(document: Document) -> Iterator[bytes]:
    head = b'{"document": %b, "title": %b, "heading_path": ' % (
        _string(document.slug),
        _string(document.title),
    )
    source = _string(document.source)
    paths: dict[tuple[str, ...], bytes] = {}

    def line(path: tuple[str, ...], level: bytes, escaped: bytes, text: bytes) -> bytes:
        if path not in paths:
            paths[path] = b", ".join(map(_string, path))
        digest = hashlib.sha256(text).hexdigest().encode()
        return b'%b[%b], "level": "%b", "text": "%b", "source": %b, "sha256": "%b"}\n' % (
            head, paths[path], level, escaped, source, digest,
        )  # fmt: skip

    for section in document.sections:
        texts = [_bytes(child.text) for child in section.children]
        escaped = [to_json(text)[1:-1] for text in texts]
        yield line(section.heading_path, b"parent", _ESCAPED_SEPARATOR.join(escaped), _SEPARATOR.join(texts))
        for child, text, shown in zip(section.children, texts, escaped, strict=True):
            yield line(child.heading_path, b"child", shown, text)


def _string(text: str) -> bytes:
    return to_json(_bytes(text))


def _bytes(text: str) -> bytes:
    """UTF-8; halves of characters, which some exports hold, have no form in it."""
    return text.encode("utf-8", "replace")
