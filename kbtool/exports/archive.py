"""The files of an export, by their path inside it, from folders and zips that nobody has vetted.

Nothing is ever extracted by name: pages are read into memory, attachments are only known by name. Notion
wraps its zip in a second one, in parts for large workspaces; only names that end in `-Part-<n>.zip` are
opened so, since a customer's own attachment may be a zip too. Parts are one tree, because a page in one
links to files in another.
"""

from __future__ import annotations

import lzma
import os
import re
import stat
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from kbtool.errors import ExportError
from kbtool.model import Skipped

ENTRY_BYTES = 100 * 2**20
TOTAL_BYTES = 2 * 2**30
RATIO = 200
RATIO_FROM = 2**20  # small files of one repeated letter are no bombs
ENTRIES = 200_000
DEPTH = 2

READABLE = frozenset({".md", ".markdown", ".csv", ".html", ".htm", ".json", ".docx", ".xlsx"})
_PART = re.compile(r"-Part-\d+\.zip$", re.IGNORECASE)
_JUNK = re.compile(r"(?:^|/)(?:__MACOSX(?:/|$)|\.DS_Store$|\._|Thumbs\.db$|desktop\.ini$)")
_UTF8 = 0x800
_STEP = 2**16
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
"""What zipfile raises for damaged bytes; OSError is bz2's word for it, ValueError that of a garbled name."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of an export. `data` is None for attachments, which are not read.

    `tree` is the export that it is part of: relative links are resolved inside it. `name` is the path
    that stands for the file for ever: inside a zip, or with a folder's own name before it, so that it
    does not depend on the machine. `source` is how messages call the file.
    """

    tree: str
    path: str
    name: str
    source: str
    data: bytes | None


def files(source: Path) -> Iterator[File | Skipped]:
    """Every file of a zip, a folder or a single file, and what was refused with its reason.

    Raises ExportError when `source` does not exist.
    """
    if source.is_dir():
        yield from _folder(source)
    elif source.suffix.lower() == ".zip" and source.is_file():
        yield from Zip(source).files()
    elif source.is_file():
        yield File(str(source.parent), source.name, source.name, source.name, _read(source))
    else:
        raise ExportError(
            f"{source}: no such file or folder",
            hint="Check the path, or `sources` in kb.toml, and run it again.",
        )


def _folder(root: Path) -> Iterator[File | Skipped]:
    unseen: list[OSError] = []
    for folder, below, names in os.walk(root, onerror=unseen.append):
        below[:] = sorted(name for name in below if not name.startswith(".") and name != "__MACOSX")
        for name in sorted(names):
            path = Path(folder, name)
            inside = unicodedata.normalize("NFC", path.relative_to(root).as_posix())
            shown = f"{root.name}/{inside}"
            if name.startswith(".") or _JUNK.search(inside):
                continue
            if path.is_symlink():
                yield Skipped(shown, "symbolic link")
            elif not path.is_file():
                yield Skipped(shown, "not a regular file")
            elif path.suffix.lower() == ".zip" and Path(folder) == root:
                yield from Zip(path).files()  # deeper ones are attachments of a page
            else:
                readable = path.suffix.lower() in READABLE
                if readable and path.stat().st_size > ENTRY_BYTES:
                    yield Skipped(shown, f"larger than {ENTRY_BYTES // 2**20} MB", is_error=True)
                else:
                    yield File(str(root), inside, shown, shown, _read(path) if readable else None)
    for error in unseen:
        where = Path(error.filename).relative_to(root).as_posix()
        yield Skipped(f"{root.name}/{where}", f"cannot be opened: {error.strerror}", is_error=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}", hint="Check the permissions of the file.") from error


class Zip:
    """One zip, read once. Counters run over all its parts, and count what was really unpacked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tree = str(path.parent / _PART.sub("", path.name))  # loose parts in one folder are one export
        self._bytes = 0
        self._entries = 0
        self._seen: dict[str, bytes | None] = {}

    def files(self) -> Iterator[File | Skipped]:
        """Its files, those of its parts included. A damaged zip ends with an error, not an exception."""
        try:
            with self._path.open("rb") as stream:
                yield from self._files(stream, self._path.name, depth=1)
        except OSError as error:
            yield Skipped(self._path.name, f"cannot be read: {error.strerror or error}", is_error=True)
        except _TooMuch as error:
            yield Skipped(self._path.name, f"{error}; the rest of it was not read", is_error=True)

    def _files(self, stream: IO[bytes], shown: str, *, depth: int) -> Iterator[File | Skipped]:
        try:
            archive = zipfile.ZipFile(stream)
        except (*_DAMAGED, NotImplementedError) as error:
            yield Skipped(shown, f"not a complete zip ({error}): download the export again", is_error=True)
            return
        with archive:
            for info in archive.infolist():
                self._entries += 1
                if self._entries > ENTRIES:
                    raise _TooMuch(f"more than {ENTRIES:,} entries")
                yield from self._entry(archive, info, depth=depth)

    def _entry(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, depth: int
    ) -> Iterator[File | Skipped]:
        path = unicodedata.normalize("NFC", entry_name(info)).replace("\\", "/")
        shown = f"{self._path.name}:{path}"
        if info.is_dir() or _JUNK.search(path):
            return
        reason = refused_name(path)
        if reason:
            yield Skipped(shown, reason, is_error=True)
        elif stat.S_ISLNK(info.external_attr >> 16):
            yield Skipped(shown, "symbolic link")
        elif _PART.search(path) and depth < DEPTH:
            yield from self._part(archive, info, shown, depth=depth)
        else:
            yield from self._file(archive, info, path, shown)

    def _part(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, shown: str, *, depth: int
    ) -> Iterator[File | Skipped]:
        with tempfile.SpooledTemporaryFile(max_size=32 * 2**20) as copy:
            try:
                for piece in self._pieces(archive, info, limit=TOTAL_BYTES):
                    copy.write(piece)
            except _Refused as error:
                yield Skipped(shown, str(error), is_error=True)
                return
            yield from self._files(copy, shown, depth=depth + 1)

    def _file(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, shown: str
    ) -> Iterator[File | Skipped]:
        data: bytes | None = None
        if PurePosixPath(path).suffix.lower() in READABLE:
            try:
                data = b"".join(self._pieces(archive, info, limit=ENTRY_BYTES))
            except _Refused as error:
                yield Skipped(shown, str(error), is_error=True)
                return
        if path in self._seen:
            same = self._seen[path] == data
            reason = (
                "twice in the zip, with the same content" if same else "twice in the zip: the first was taken"
            )
            yield Skipped(shown, reason, is_error=not same)
            return
        self._seen[path] = data
        yield File(self._tree, path, path, shown, data)

    def _pieces(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, limit: int) -> Iterator[bytes]:
        """The entry's bytes, counted as they come: the sizes that a zip declares may be lies."""
        size = 0
        try:
            with archive.open(info) as stream:
                while piece := stream.read(_STEP):
                    size += len(piece)
                    self._bytes += len(piece)
                    if size > limit:
                        raise _Refused(f"larger than {limit // 2**20} MB")
                    if size > RATIO_FROM and size > RATIO * max(info.compress_size, 1):
                        raise _Refused(f"unpacks to more than {RATIO} times its size")
                    if self._bytes > TOTAL_BYTES:
                        raise _TooMuch(f"unpacks to more than {TOTAL_BYTES // 2**30} GB")
                    yield piece
        except _DAMAGED as error:
            raise _Refused(f"damaged ({error}): download the export again") from error
        except (RuntimeError, NotImplementedError) as error:  # zipfile's words for a password, an odd method
            raise _Refused(f"cannot be unpacked ({error})") from error


class _Refused(Exception):
    """One entry is not taken."""


class _TooMuch(Exception):
    """The whole zip is given up."""


def entry_name(info: zipfile.ZipInfo) -> str:
    """The entry's name. Without the UTF-8 flag zipfile guesses cp437; re-zippers write UTF-8 or GBK."""
    if info.flag_bits & _UTF8 or info.filename.isascii():
        return info.filename
    try:
        raw = info.filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename


def refused_name(path: str) -> str:
    """Why a path must not be used as it is, or "". Backslashes have become slashes before."""
    if path.startswith("/"):
        return "absolute path"
    if re.match(r"[A-Za-z]:", path):
        return "path with a drive letter"
    if ".." in path.split("/"):
        return "path that leads outside the export"
    if not path or "\x00" in path:
        return "unusable name"
    return ""
