"""The folder that `kbtool clean` writes: a tidy Markdown tree and a report of everything that was taken out.

Nothing outside the folder is ever written, also not through a symbolic link inside it. Files are written
beside their place and then moved into it, so none is ever half there. A later run removes the files of the
former one whose pages are gone, unless somebody has changed them since; files of others are left alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from kbtool.clean import Cleaned
from kbtool.duplicates import Duplicate, Sketched, find
from kbtool.errors import ExportError
from kbtool.exports.archive import refused_name
from kbtool.exports.catalog import REPORT
from kbtool.exports.placing import tag
from kbtool.exports.tidy_markdown import write
from kbtool.model import Note, Page, Skipped

_SYMLINK = "is a symbolic link: nothing is written through it"


class TidyTree:
    """The folder, for the time of one run. The report is put in place when the run was complete."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.written = 0
        self.removed: Counter[str] = Counter()
        self.skipped: list[Skipped] = []
        self.notes: list[Note] = []
        self.duplicates: list[Duplicate] = []
        self._sketches: list[Sketched] = []
        self._names: set[str] = set()
        self._files: set[str] = set()
        self._safe: set[Path] = {root}

    def __enter__(self) -> Self:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ExportError(f"{self.root}: is a file, not a folder", hint="Name another --out.") from error
        self._former = dict(_former_files(self.root / REPORT))
        self._report = _Beside(self.root / REPORT)
        self._report.stream.write('{"format":1,"pages":[')
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        self._report.close(keep=kind is None)

    def add(self, cleaned: Cleaned, edited: str, sketch: bytes) -> None:
        """One page: its file, and its line in the report. What cannot be written is listed as skipped."""
        page = cleaned.page
        name = self._name(page)
        content = write(page, edited)
        try:
            self._write(name, content)
        except (_Unsafe, NotADirectoryError, IsADirectoryError, FileExistsError) as error:
            reason = str(error) if isinstance(error, _Unsafe) else f"cannot be written: {error.strerror}"
            self.skipped.append(Skipped(f"{self.root}/{name}", reason, is_error=True))
            return
        self.removed.update(removal.rule for removal in cleaned.removals)
        self._sketches.append(Sketched(name, sketch, edited))
        line = {
            "file": name,
            "sha256": hashlib.sha256(content.encode()).hexdigest(),
            "title": page.title,
            "key": page.key,
            "source": page.source,
            "kind": page.kind,
            "edited": edited,
            "removed": [asdict(removal) for removal in cleaned.removals],
        }
        self._report.stream.write(("," if self.written else "") + "\n" + _json(line))
        self._files.add(name)
        self.written += 1

    def _finish(self) -> None:
        self.duplicates = find(self._sketches)
        cleared, left = self._clear()
        rest: Mapping[str, object] = {
            "removed": dict(self.removed.most_common()),
            "skipped": [
                {"source": skip.source, "reason": skip.reason, "error": skip.is_error}
                for skip in self.skipped
            ],
            "notes": [asdict(note) for note in self.notes],
            "duplicates": [asdict(duplicate) for duplicate in self.duplicates],
            "deleted": cleared,
            "left": left,
        }
        self._report.stream.write("\n]," + _json(rest)[1:] + "\n")

    def _clear(self) -> tuple[list[str], list[str]]:
        """Remove what the former run wrote and this one did not; those that were changed since are left."""
        cleared: list[str] = []
        left: list[str] = []
        for name, sha256 in self._former.items():
            path = self.root / name
            if name in self._files or refused_name(name):
                continue
            try:
                self._require_safe(path.parent)
                if path.is_symlink() or not path.is_file():
                    continue
                if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
                    left.append(name)
                    continue
                path.unlink()
                cleared.append(name)
                for folder in [folder for folder in path.parents if folder.is_relative_to(self.root)][:-1]:
                    folder.rmdir()
            except (_Unsafe, OSError):
                continue  # gone already, or a folder that holds files of others
        return cleared, left

    def _write(self, name: str, content: str) -> None:
        path = self.root / name
        self._require_safe(path.parent)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = _Beside(path)
        is_whole = False
        try:
            beside.stream.write(content)
            is_whole = True
        finally:
            beside.close(keep=is_whole)

    def _require_safe(self, folder: Path) -> None:
        """Raises _Unsafe when a folder on the way down to `folder` is a symbolic link."""
        if folder in self._safe:
            return
        self._require_safe(folder.parent)
        if folder.is_symlink():
            raise _Unsafe(f"{folder} {_SYMLINK}")
        self._safe.add(folder)

    def _name(self, page: Page) -> str:
        """A file for the page, no two alike, also where capitals do not count.

        File systems allow 255 bytes a name. The tag of its key tells a page apart whose name was cut, or that
        another one has taken.
        """
        parts = [_cut(part) or "untitled" for part in page.slug.split("/")]
        name = "/".join(parts)
        if parts[-1] != (page.slug.split("/")[-1] or "untitled") or name.casefold() in self._names:
            name = f"{name} {tag(page.key)}"
        self._names.add(name.casefold())
        return f"{name}.md"


class _Unsafe(Exception):
    """A place that must not be written to."""


class _Beside:
    """A file that comes to be beside its place, and is moved there when it is whole."""

    def __init__(self, place: Path) -> None:
        self._place = place
        number, name = tempfile.mkstemp(prefix=".kbtool-", dir=place.parent)
        self._name = Path(name)
        self.stream: IO[str] = os.fdopen(number, "w", encoding="utf-8", newline="\n")

    def close(self, *, keep: bool) -> None:
        self.stream.close()
        try:
            if keep:
                self._name.chmod(0o644)
                self._name.replace(self._place)
        finally:
            self._name.unlink(missing_ok=True)


def _former_files(report: Path) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of each file that the former run wrote; nothing where the report is not ours."""
    try:
        with report.open(encoding="utf-8") as lines:
            for line in lines:
                if not line.startswith('{"file":'):
                    continue
                try:
                    page = json.loads(line.rstrip().removesuffix(","))
                except ValueError:
                    continue
                if isinstance(page.get("file"), str) and isinstance(page.get("sha256"), str):
                    yield page["file"], page["sha256"]
    except (OSError, UnicodeDecodeError):
        return


def _cut(part: str) -> str:
    return part[:80].encode()[:200].decode("utf-8", "ignore")


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
