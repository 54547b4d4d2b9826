"""Which reader a file is for: by its suffix, and by what the reader finds in it.

A reader is one row. It gives a draft, or None where the file is not of its form and the next one of that
suffix may try, or Skipped with the reason why nobody should.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

from kbtool.errors import ExportError
from kbtool.exports import (
    lark_blocks,
    lark_docx,
    notion_database,
    notion_html,
    notion_markdown,
    plain_html,
    plain_markdown,
    spreadsheet,
    tidy_markdown,
)
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft, decode
from kbtool.model import Kind, Skipped

Parsed = Draft | Skipped | None


class Content:
    """A file's bytes, and its text where a reader asks for it: the readers of one suffix look in turn."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def text(self) -> str:
        """Raises UnicodeDecodeError, and _NoText for bytes of a picture, which are often valid GB18030."""
        text = decode(self.data)
        start = text[:4096].encode("utf-8", "replace")
        if (len(start) - len(start.translate(None, _CONTROLS))) * 50 > len(start):
            raise _NoText  # no text is full of control characters
        return text


Parse = Callable[[File, Content], Parsed]


@dataclass(frozen=True, slots=True)
class Reader:
    """`kinds` are the kinds that it can give, or that a person may say its files are."""

    suffixes: frozenset[str]
    kinds: frozenset[Kind]
    parse: Parse


def _text(parse: Callable[[File, str], Parsed]) -> Parse:
    return lambda file, content: parse(file, content.text)


def _bytes(parse: Callable[[File, bytes], Parsed]) -> Parse:
    return lambda file, content: parse(file, content.data)


class _NoText(Exception):
    """The bytes are a text by chance only."""


def _blocks(file: File, text: str) -> Parsed:
    r"""Lark's blocks. JSON can hold halves of characters (`"\ud83d"`), which no file can be written with."""
    draft = lark_blocks.parse(file, json.loads(text))
    if isinstance(draft, Skipped):
        return draft
    return replace(draft, title=_whole(draft.title), markdown=_whole(draft.markdown), key=_whole(draft.key))


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_NO_TEXT = "not text in UTF-8, UTF-16 or GB18030"
_MARKDOWN = frozenset({".md", ".markdown"})
_HTML = frozenset({".html", ".htm"})
_JSON = frozenset({".json"})
_CSV = frozenset({".csv"})

READERS = (
    Reader(_MARKDOWN, frozenset(), _text(tidy_markdown.parse)),
    Reader(_MARKDOWN, frozenset({Kind.NOTION_MARKDOWN}), _text(notion_markdown.parse)),
    Reader(_MARKDOWN, frozenset({Kind.LARK_MARKDOWN, Kind.MARKDOWN}), _text(plain_markdown.parse)),
    Reader(_HTML, frozenset({Kind.NOTION_HTML}), _text(notion_html.parse)),
    Reader(_HTML, frozenset({Kind.HTML}), _text(plain_html.parse)),
    Reader(_JSON, frozenset({Kind.LARK_BLOCKS}), _text(_blocks)),
    Reader(_CSV, frozenset({Kind.NOTION_DATABASE}), _text(notion_database.parse)),
    Reader(_CSV, frozenset({Kind.SPREADSHEET}), _text(spreadsheet.parse_csv)),
    Reader(frozenset({".xlsx"}), frozenset({Kind.SPREADSHEET}), _bytes(spreadsheet.parse_workbook)),
    Reader(frozenset({".docx"}), frozenset({Kind.DOCX}), _bytes(lark_docx.parse)),
)


@cache
def _readers(suffix: str) -> Sequence[Reader]:
    return [reader for reader in READERS if suffix in reader.suffixes]


def parse(file: File, data: bytes, forced: Kind | None = None) -> Draft | Skipped:
    """The draft in a file's bytes, or why there is none.

    `forced` is the kind that a person says it is; it counts for files of a suffix that can be of it.
    """
    try:
        return _parse(file, data, forced)
    except (UnicodeDecodeError, _NoText):
        return Skipped(file.source, _NO_TEXT, is_error=True)
    except ValueError as error:  # JSON that is none, or that holds a number of thousands of digits
        return Skipped(file.source, f"not JSON: {str(error)[:120]}", is_error=True)
    except RecursionError:
        return Skipped(file.source, "nested deeper than any document", is_error=True)
    except ExportError as error:
        return Skipped(file.source, error.message, is_error=True)


def _parse(file: File, data: bytes, forced: Kind | None) -> Draft | Skipped:
    if not data or data.isspace():
        return Skipped(file.source, "empty file")
    content = Content(data)
    readers = _readers(file.suffix)
    fitting = [reader for reader in readers if forced in reader.kinds]
    for reader in [*fitting, *(reader for reader in readers if reader not in fitting)]:
        found = reader.parse(file, content)
        if isinstance(found, Draft):
            return replace(found, kind=forced) if forced and fitting and found.kind is not forced else found
        if found is not None:
            return found
    return Skipped(file.source, "not a page of a known form")
