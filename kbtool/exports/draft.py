"""A page as one file tells it, before the export as a whole has said where it belongs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kbtool.exports.archive import File
from kbtool.model import Kind, Removal


@dataclass(frozen=True, slots=True)
class Draft:
    """`key` is "" where the form has no identity of its own: the path will be the key.

    `columns` are the header of the database that this draft is, if it is one. `removals` are what the reader
    left out, so that no word of the source vanishes unseen.
    """

    file: File
    kind: Kind
    title: str
    markdown: str
    key: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    removals: tuple[Removal, ...] = ()
    note: str = ""


def decode(data: bytes) -> str:
    r"""Text of an exported file: BOM, then strict UTF-8, then GB18030; raises UnicodeDecodeError.

    Line ends become `\n`.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("gb18030")
    return text.replace("\r\n", "\n").replace("\r", "\n")
