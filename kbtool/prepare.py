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
from kbtool.codec import pack_cleaned, pack_document, pack_survey, unpack_cleaned, unpack_place
from kbtool.duplicates import sketch
from kbtool.exports.archive import File
from kbtool.exports.draft import decode
from kbtool.exports.reading import parse
from kbtool.exports.stored import Stored, Unreadable
from kbtool.exports.survey import survey
from kbtool.model import Kind, Skipped

KEY_BYTES = 16
STAGES = (
    "exports",
    "clean",
    "scan",
    "chunk",
    "breaking",
    "script",
    "model",
    "codec",
    "prepare",
    "errors",
    "dates",
    "duplicates",
)
_LIBRARIES = ("beautifulsoup4", "lxml", "markdown-it-py", "regex", "ruamel.yaml", "selectolax", "mammoth",
              "python-calamine")  # fmt: skip


class Part(StrEnum):
    """What can be asked for of a page, in the order in which it is given.

    Its source text is read again each time, and never cached.
    """

    CLEANED = "c"
    DOCUMENT = "d"
    SKETCH = "k"
    TEXT = "t"


CACHED = (Part.CLEANED, Part.DOCUMENT, Part.SKETCH)
_SURVEY = b"s"


FileTuple = tuple[str, str, str, str, tuple[str, int, int | None, int, int, int]]
Look = tuple[FileTuple, str]
"""A file to survey, and the kind that it is said to be or ""."""

Looked = tuple[bytes, bytes, bytes, bool] | tuple[str, bool]
"""Digest, key, packed survey, and whether it is new; or why there is none, and whether that is an error."""

Task = tuple[FileTuple, str, bytes, bytes]
"""A file to prepare, the kind that it is said to be or "", its digest and its packed place."""

Made = tuple[bytes, bool, tuple[bytes, ...]] | tuple[str, bool]
"""Key, whether it is new, and the parts that were asked for; or why there are none, and whether that is an
error."""


@dataclass(slots=True)
class Bench:
    """What every page is prepared with. `parts` are what is asked for."""

    bounds: Bounds
    parts: frozenset[Part]
    cache_path: Path | None = None
    cache: Cache = field(init=False)

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
    key = survey_key(digest, file.path, kind) + _SURVEY
    known = bench.cache.get(key)
    if known is not None:
        return digest, key, known, False
    draft = parse(file, data, Kind(kind) if kind else None)
    if isinstance(draft, Skipped):
        return draft.reason, draft.is_error
    return digest, key, pack_survey(survey(draft)), True


def prepare(bench: Bench, tasks: Sequence[Task]) -> Sequence[Made]:
    """The parts of each page that `bench` asks for."""
    return [_made(bench, *task) for task in tasks]


def _made(bench: Bench, packed: FileTuple, kind: str, digest: bytes, place: bytes) -> Made:
    key = page_key(digest, packed, kind, place, bench.bounds)
    kept = {part: bench.cache.get(key + part.encode()) for part in CACHED if part in bench.parts}
    known = [value for value in kept.values() if value is not None]
    is_new = len(known) < len(kept)
    if not is_new and Part.TEXT not in bench.parts:
        return key, False, tuple(known)
    file, data = _opened(packed)
    if isinstance(data, str):
        return data, True
    if is_new:
        # Cleaning takes most of the time, and another command may have done it.
        earlier = bench.cache.get(key + Part.CLEANED.encode())
        cleaned = unpack_cleaned(earlier) if earlier is not None else _cleaned(bench, file, data, kind, place)
        if isinstance(cleaned, Skipped):
            return cleaned.reason, cleaned.is_error
        known = _parts(bench, cleaned)
    if Part.TEXT in bench.parts:
        known.append(_source_text(data))
    return key, is_new, tuple(known)


def _cleaned(bench: Bench, file: File, data: bytes, kind: str, place: bytes) -> Cleaned | Skipped:
    """The clean page, and the record of what was taken out where somebody will look at it."""
    draft = parse(file, data, Kind(kind) if kind else None)
    if isinstance(draft, Skipped):
        return draft
    page = unpack_place(place).page(draft)
    return clean(page) if Part.CLEANED in bench.parts else Cleaned(tidied(page), ())


def _parts(bench: Bench, cleaned: Cleaned) -> list[bytes]:
    """The cached parts that are asked for."""
    packed = []
    if Part.CLEANED in bench.parts:
        packed.append(pack_cleaned(cleaned))
    if Part.DOCUMENT in bench.parts:
        packed.append(pack_document(split(cleaned.page, bench.bounds)))
    if Part.SKETCH in bench.parts:
        packed.append(sketch(cleaned.page.markdown))
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


def survey_key(digest: bytes, path: str, kind: str) -> bytes:
    """What a survey depends on: the file's content, its path (names hold keys), the kind it is said to be."""
    return _hashed(fingerprint(), digest, path.encode("utf-8", "surrogateescape"), kind.encode())


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
