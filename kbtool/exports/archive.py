"""The files of an export, by their path inside it, from folders and zips that nobody has vetted.

Nothing is ever extracted by name, and nothing is held: what comes out says where each file's bytes lie.
Notion wraps its zip in a second one, in parts for large workspaces; only names that end in `-Part-<n>.zip`
are opened so, since a customer's own attachment may be a zip too. Parts are one tree, because a page in one
links to files in another.
"""

from __future__ import annotations

import lzma
import os
import posixpath
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from kbtool.errors import ExportError
from kbtool.exports.stored import DEFLATED, STORED, Stored, Unreadable
from kbtool.model import Skipped

ENTRY_BYTES = 100 * 2**20
TOTAL_BYTES = 2 * 2**30
RATIO = 200
RATIO_FROM = 2**20  # small files of one repeated letter are no bombs
ENTRIES = 200_000
DEPTH = 2  # zips in zips
DEEPEST = 100  # folders in folders

READABLE = frozenset({".md", ".markdown", ".csv", ".html", ".htm", ".json", ".docx", ".xlsx"})
_PART = re.compile(r"-Part-\d+\.zip$", re.IGNORECASE)
_JUNK = re.compile(r"(?:^|/)(?:__MACOSX(?:/|$)|\.DS_Store$|\._|Thumbs\.db$|desktop\.ini$)")
_UTF8 = 0x800
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_ENCRYPTED = 0x1
_STEP = 2**16
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
"""What zipfile raises for damaged bytes; OSError is bz2's word for it, ValueError that of a garbled name."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of an export. `stored` is None for attachments, which are not read.

    `tree` is the export that it is part of: relative links are resolved inside it. `name` is the path
    that stands for the file for ever: inside a zip, or with a folder's own name before it, so that it
    does not depend on the machine. `source` is how messages call the file.
    """

    tree: str
    path: str
    name: str
    source: str
    stored: Stored | None = None

    @property
    def suffix(self) -> str:
        """The last suffix of the file's name, in small letters."""
        return suffix(self.path)


def suffix(path: str) -> str:
    """`.md` for `a/B.MD`; "" for none. Called some times for each file, where pathlib takes its time."""
    return posixpath.splitext(path)[1].lower()


class Spool:
    """A temporary folder for what cannot be read where it lies: zips in zips, and rare ways of packing.

    Its files have numbers for names, and are gone when the block ends.
    """

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="kbtool-", ignore_cleanup_errors=True)
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def add(self, pieces: Iterator[bytes]) -> Stored:
        """The bytes as a file of their own."""
        self._count += 1
        path = Path(self._folder.name, str(self._count))
        size = 0
        with path.open("wb") as copy:
            for piece in pieces:
                size += copy.write(piece)
        return Stored(str(path), size)


def files(source: Path, spool: Spool) -> Iterator[File | Skipped]:
    """Every file of a zip, a folder or a single file, and what was refused with its reason.

    Raises ExportError when `source` does not exist.
    """
    if source.is_dir():
        yield from _folder(source, spool)
    elif source.suffix.lower() == ".zip" and source.is_file():
        yield from Zip(source, spool).files()
    elif source.is_file():
        name = _shown(source.name)
        yield _on_disk(source, str(source.parent), name, name)
    else:
        raise ExportError(
            f"{source}: no such file or folder",
            hint="Check the path, or `sources` in kb.toml, and run it again.",
        )


def _folder(root: Path, spool: Spool) -> Iterator[File | Skipped]:
    unseen: list[OSError] = []
    for folder, below, names in os.walk(root, onerror=unseen.append):
        below[:] = sorted(name for name in below if not name.startswith(".") and name != "__MACOSX")
        for name in sorted([*names, *(name for name in below if Path(folder, name).is_symlink())]):
            path = Path(folder, name)
            inside = _shown(path.relative_to(root).as_posix())
            shown = f"{_shown(root.name)}/{_shown(inside)}"
            if name.startswith(".") or _JUNK.search(inside):
                continue
            if path.is_symlink():
                yield Skipped(shown, "symbolic link")
            elif not path.is_file():
                yield Skipped(shown, "not a regular file")
            elif path.suffix.lower() == ".zip" and Path(folder) == root:
                yield from Zip(path, spool).files()  # deeper ones are attachments of a page
            else:
                yield _on_disk(path, str(root), inside, shown)
    for error in unseen:
        where = _shown(Path(error.filename).relative_to(root).as_posix())
        yield Skipped(f"{_shown(root.name)}/{where}", f"cannot be opened: {error.strerror}", is_error=True)


def _on_disk(path: Path, tree: str, inside: str, shown: str) -> File | Skipped:
    if path.suffix.lower() not in READABLE:
        return File(tree, inside, shown, shown)
    try:
        size = path.stat().st_size
    except OSError as error:
        return Skipped(shown, f"cannot be read: {error.strerror}", is_error=True)
    if size > ENTRY_BYTES:
        return Skipped(shown, f"larger than {ENTRY_BYTES // 2**20} MB", is_error=True)
    return File(tree, inside, shown, shown, Stored(str(path), size))


def _shown(name: str) -> str:
    """A name as it may be printed: a control character could move the cursor of a terminal."""
    readable = _readable(name)
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", readable)


def _readable(name: str) -> str:
    r"""A name of the file system as text.

    Names that are no UTF-8 come from a Chinese Windows, or are shown with their bytes as `\xff`.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        raw = os.fsencode(name)
        try:
            name = raw.decode("gb18030")
        except UnicodeDecodeError:
            name = raw.decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", name)


class Zip:
    """One zip with its parts. Counters run over all of them.

    They count the sizes that the zip declares: `Stored.read` unpacks no byte more.
    """

    def __init__(self, path: Path, spool: Spool) -> None:
        self._path = path
        self._shown = _shown(path.name)
        self._spool = spool
        self._tree = str(path.parent / _PART.sub("", path.name))  # loose parts in one folder are one export
        self._bytes = 0
        self._entries = 0
        self._seen: dict[str, tuple[int, int]] = {}

    def files(self) -> Iterator[File | Skipped]:
        """Its files, those of its parts included. A damaged zip ends with an error, not an exception."""
        try:
            yield from self._files(str(self._path), self._shown, depth=1)
        except _TooMuch as error:
            yield Skipped(self._shown, f"{error}; the rest of it was not read", is_error=True)

    def _files(self, container: str, shown: str, *, depth: int) -> Iterator[File | Skipped]:
        try:
            archive = zipfile.ZipFile(container)
        except PermissionError as error:
            yield Skipped(shown, f"cannot be read: {error.strerror}", is_error=True)
            return
        except (*_DAMAGED, NotImplementedError) as error:
            yield Skipped(shown, f"not a complete zip ({error}): download the export again", is_error=True)
            return
        with archive:
            for info in archive.infolist():
                self._entries += 1
                if self._entries > ENTRIES:
                    raise _TooMuch(f"more than {ENTRIES:,} entries")
                yield from self._entry(archive, info, container, depth=depth)

    def _entry(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, container: str, *, depth: int
    ) -> Iterator[File | Skipped]:
        path = unicodedata.normalize("NFC", entry_name(info)).replace("\\", "/")
        shown = f"{self._shown}:{_shown(path)}"
        if info.is_dir() or _JUNK.search(path):
            return
        if reason := refused_name(path):
            yield Skipped(shown, reason, is_error=True)
            return
        if stat.S_ISLNK(info.external_attr >> 16):
            yield Skipped(shown, "symbolic link")
            return
        try:
            if _PART.search(path) and depth < DEPTH:
                part = self._spooled(archive, info, limit=TOTAL_BYTES)
                yield from self._files(part.container, shown, depth=depth + 1)
            else:
                yield self._file(archive, info, container, path)
        except Unreadable as error:
            yield Skipped(shown, str(error), is_error=True)

    def _file(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, container: str, path: str
    ) -> File | Skipped:
        shown = f"{self._shown}:{_shown(path)}"
        content = (info.CRC, info.file_size)
        if path in self._seen:
            same = self._seen[path] == content
            reason = (
                "twice in the zip, with the same content" if same else "twice in the zip: the first was taken"
            )
            return Skipped(shown, reason, is_error=not same)
        self._seen[path] = content
        stored = None
        if suffix(path) in READABLE:
            if info.compress_type in {STORED, DEFLATED}:
                self._count(info, limit=ENTRY_BYTES)
                stored = Stored(
                    container, info.file_size, info.header_offset,
                    info.compress_size, info.CRC, info.compress_type,
                )  # fmt: skip
            else:
                stored = self._spooled(archive, info, limit=ENTRY_BYTES)
        return File(self._tree, path, path, shown, stored)

    def _count(self, info: zipfile.ZipInfo, *, limit: int) -> None:
        if info.flag_bits & _ENCRYPTED:
            raise Unreadable("cannot be unpacked (it has a password)")
        if info.file_size > limit:
            raise Unreadable(f"larger than {limit // 2**20} MB")
        if info.file_size > RATIO_FROM and info.file_size > RATIO * max(info.compress_size, 1):
            raise Unreadable(f"unpacks to more than {RATIO} times its size")
        self._bytes += info.file_size
        if self._bytes > TOTAL_BYTES:
            raise _TooMuch(f"unpacks to more than {TOTAL_BYTES // 2**30} GB")

    def _spooled(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, limit: int) -> Stored:
        """The entry as a file of its own; zipfile unpacks no more than what the entry declares."""
        self._count(info, limit=limit)
        try:
            with archive.open(info) as stream:
                return self._spool.add(iter(lambda: stream.read(_STEP), b""))
        except _DAMAGED as error:
            raise Unreadable(f"damaged ({error}): download the export again") from error
        except (RuntimeError, NotImplementedError) as error:  # zipfile's words for an odd method
            raise Unreadable(f"cannot be unpacked ({error})") from error


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
    if path.count("/") > DEEPEST:
        return f"more than {DEEPEST} folders deep"
    return ""
