"""What is done to each page by itself, by whichever process has time: read, survey, clean, chunk.

Jobs and results are plain tuples and bytes, which cost little to hand over. The cache is only read here;
whoever asked writes what is new.
"""

from __future__ import annotations

import hashlib
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Self

from kbtool.cache import Cache
from kbtool.chunk import Bounds, split
from kbtool.clean import Cleaned, clean, tidied
from kbtool.codec import (
    pack_cleaned,
    pack_document,
    pack_survey,
    unpack_cleaned,
    unpack_document,
    unpack_place,
)
from kbtool.duplicates import sketch
from kbtool.exports.archive import File
from kbtool.exports.draft import decode
from kbtool.exports.reading import parse
from kbtool.exports.stored import Stored, Unreadable
from kbtool.exports.survey import survey
from kbtool.lines import json_lines
from kbtool.model import Document, Kind, Skipped

KEY_BYTES = 16
STAGES = (
    "exports",
    "clean",
    "scan",
    "chunk",
    "breaking",
    "script",
    "kind",
    "model",
    "codec",
    "lines",
    "prepare",
    "errors",
    "dates",
    "duplicates",
)
_LIBRARIES = ("beautifulsoup4", "lxml", "markdown-it-py", "regex", "ruamel.yaml", "selectolax", "mammoth",
              "python-calamine")  # fmt: skip


class Part(StrEnum):
    """What can be asked for of a page, in the order in which it is given.

    `LINES` is the document as `kbtool chunk --json` prints it. It is made of the cached document each time,
    and the source text is read again.
    """

    CLEANED = "c"
    DOCUMENT = "d"
    SKETCH = "k"
    LINES = "l"
    TEXT = "t"


CACHED = (Part.CLEANED, Part.DOCUMENT, Part.SKETCH)
_SURVEY = b"s"


FileTuple = tuple[str, str, str, str, tuple[str, int, int | None, int, int, int]]
Look = tuple[FileTuple, str]
"""A file to survey, and the kind that it is said to be or ""."""

Surveyed = tuple[bytes, bytes, bytes, bool]
"""Digest, key and packed survey of a file, and whether it is new. The cache holds digest and survey."""

Looked = Surveyed | tuple[str, bool]
"""A survey, or why there is none, and whether that is an error."""

Task = tuple[FileTuple, str, bytes, bytes]
"""A file to prepare, the kind that it is said to be or "", its digest and its packed place."""

Made = tuple[bytes, Sequence[tuple[bytes, bytes]], Sequence[bytes]] | tuple[str, bool]
"""Key, what is new for the cache, and the parts that were asked for; or why there are none, and whether that
is an error."""


@dataclass(slots=True)
class Bench:
    """What every page is prepared with. `parts` are what is asked for."""

    bounds: Bounds
    parts: frozenset[Part]
    cache_path: Path | None = None
    cache: Cache = field(init=False)

    @property
    def asked(self) -> Sequence[Part]:
        """The parts in the order in which they are given."""
        return sorted(self.parts)

    @property
    def kept(self) -> Sequence[Part]:
        """What the cache holds of the parts, or of what they are made of."""
        has_lines = Part.LINES in self.parts
        return [part for part in CACHED if part in self.parts or (part is Part.DOCUMENT and has_lines)]

    def __enter__(self) -> Self:
        self.cache = Cache(self.cache_path, writes=False).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.cache.__exit__()


def file_tuple(file: File) -> FileTuple:
    """A readable file as it is handed over."""
    stored = file.stored or Stored("", 0)
    place = (stored.container, stored.size, stored.offset, stored.packed, stored.crc, stored.method)
    return file.tree, file.path, file.name, file.source, place


def look(bench: Bench, looks: Sequence[Look]) -> Sequence[Looked]:
    """A survey of each file."""
    return [_looked(bench, packed, kind) for packed, kind in looks]


def _looked(bench: Bench, packed: FileTuple, kind: str) -> Looked:
    file, data = _opened(packed)
    if isinstance(data, str):
        return data, True
    digest = hashlib.blake2b(data, digest_size=KEY_BYTES).digest()
    mark = file.stored.mark if file.stored else b""
    key = survey_key(mark or digest, file.path, kind)
    known = known_survey(bench.cache, key) if not mark else None
    if known is not None:
        return known
    draft = parse(file, data, Kind(kind) if kind else None)
    if isinstance(draft, Skipped):
        return draft.reason, draft.is_error
    return digest, key, pack_survey(survey(draft)), True


def known_survey(cache: Cache, key: bytes) -> Surveyed | None:
    """What a former run found out."""
    known = cache.get(key)
    return (known[:KEY_BYTES], key, known[KEY_BYTES:], False) if known is not None else None


def prepare(bench: Bench, tasks: Sequence[Task]) -> Sequence[Made]:
    """The parts of each page that `bench` asks for."""
    return [_made(bench, *task) for task in tasks]


def _made(bench: Bench, packed: FileTuple, kind: str, digest: bytes, place: bytes) -> Made:
    key = page_key(digest, packed, kind, place, bench.bounds)
    parts: dict[Part, bytes] = {}
    for part in bench.kept:
        if (known := bench.cache.get(key + part.encode())) is not None:
            parts[part] = known
    fresh: dict[Part, bytes] = {}
    document: Document | None = None
    is_whole = len(parts) == len(bench.kept)
    if not is_whole or Part.TEXT in bench.parts:
        file, data = _opened(packed)
        if isinstance(data, str):
            return data, True
        if Part.TEXT in bench.parts:
            parts[Part.TEXT] = _source_text(data)
        if not is_whole:
            # Cleaning takes most of the time, and another command may have done it.
            earlier = bench.cache.get(key + Part.CLEANED.encode())
            cleaned = _cleaned(bench, file, data, kind, place) if earlier is None else unpack_cleaned(earlier)
            if isinstance(cleaned, Skipped):
                return cleaned.reason, cleaned.is_error
            document = split(cleaned.page, bench.bounds) if Part.DOCUMENT in bench.kept else None
            fresh = _packed(bench, cleaned, document)
    parts |= fresh
    if Part.LINES in bench.parts:
        parts[Part.LINES] = json_lines(document or unpack_document(parts[Part.DOCUMENT]))
    news = [(key + part.encode(), value) for part, value in fresh.items()]
    return key, news, [parts[part] for part in bench.asked]


def _cleaned(bench: Bench, file: File, data: bytes, kind: str, place: bytes) -> Cleaned | Skipped:
    """The clean page, and the record of what was taken out where somebody will look at it."""
    draft = parse(file, data, Kind(kind) if kind else None)
    if isinstance(draft, Skipped):
        return draft
    page = unpack_place(place).page(draft)
    return clean(page) if Part.CLEANED in bench.parts else Cleaned(tidied(page), ())


def _packed(bench: Bench, cleaned: Cleaned, document: Document | None) -> dict[Part, bytes]:
    """The parts for the cache."""
    packed: dict[Part, bytes] = {}
    if Part.CLEANED in bench.kept:
        packed[Part.CLEANED] = pack_cleaned(cleaned)
    if document:
        packed[Part.DOCUMENT] = pack_document(document)
    if Part.SKETCH in bench.kept:
        packed[Part.SKETCH] = sketch(cleaned.page.markdown)
    return packed


def _source_text(data: bytes) -> bytes:
    """The file's text as it was read, for a person to compare; "" for formats that are no text."""
    try:
        return decode(data).encode()
    except UnicodeDecodeError:
        return b""


def _opened(packed: FileTuple) -> tuple[File, bytes | str]:
    """The file with its bytes, or why they cannot be had."""
    tree, path, name, source, place = packed
    stored = Stored(*place)
    file = File(tree, path, name, source, stored)
    try:
        return file, stored.read()
    except Unreadable as error:
        return file, str(error)


def survey_key(content: bytes, path: str, kind: str) -> bytes:
    """What a survey depends on: the file's content (its digest or mark), its path, since names hold keys, and
    the kind that it is said to be.
    """
    return _hashed(fingerprint(), content, path.encode("utf-8", "surrogateescape"), kind.encode()) + _SURVEY


def page_key(digest: bytes, packed: FileTuple, kind: str, place: bytes, bounds: Bounds) -> bytes:
    """What a prepared page depends on: content, place in the export, bounds, and the code of the stages."""
    named = "\0".join(packed[1:4]).encode("utf-8", "replace")
    limits = f"{bounds.child} {bounds.child_cjk} {bounds.parent}".encode()
    return _hashed(fingerprint(), digest, named, kind.encode(), place, limits)


def _hashed(*parts: bytes) -> bytes:
    state = hashlib.blake2b(digest_size=KEY_BYTES)
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


@cache
def fingerprint() -> bytes:
    """Changes with the code of the stages and their libraries, so that no upgrade serves old chunks."""
    home = Path(__file__).parent
    sources = sorted(
        path
        for stage in STAGES
        for path in [*(home / stage).rglob("*.py"), home / f"{stage}.py"]
        if path.is_file()
    )
    return _hashed(
        sys.version.encode(),
        unicodedata.unidata_version.encode(),
        *(_version(library).encode() for library in _LIBRARIES),
        *(path.read_bytes() for path in sources),
    )


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
