"""What there is to read, in a stable order, before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from kbtool.errors import ExportError
from kbtool.exports import notion_database
from kbtool.exports.archive import File, Spool, files
from kbtool.model import Skipped

REPORT = "clean-report.json"
"""What `kbtool clean` writes beside its pages."""

_HTML = frozenset({".html", ".htm"})

_ATTACHMENT = "attachment: only Markdown, HTML, CSV, JSON, .docx and .xlsx are read"


@dataclass(frozen=True, slots=True)
class Catalog:
    """`readable` are the files that may be pages; `files` are all, since links may lead to any of them."""

    files: tuple[File, ...]
    readable: tuple[File, ...]
    skipped: tuple[Skipped, ...]


def catalog(sources: Sequence[Path], spool: Spool, *, exclude: Sequence[str] = ()) -> Catalog:
    """The files in zips, folders and single files.

    `exclude` holds globs that are compared with a file's path inside its export and with the name that
    reports give it. Raises ExportError when a source does not exist or no source was given.
    """
    if not sources:
        raise ExportError("no export to read", hint="Name a zip, a folder or a file in `sources` of kb.toml.")
    skipped: list[Skipped] = []
    taken: list[File] = []
    for source in sources:
        for found in sorted(files(source, spool), key=_order):
            if isinstance(found, Skipped):
                skipped.append(found)
            elif pattern := matching(found, exclude):
                skipped.append(Skipped(found.source, f"excluded by {pattern!r}"))
            else:
                taken.append(found)
    readable: list[File] = []
    databases = frozenset((file.tree, file.path) for file in taken if file.suffix == ".csv")
    for file in taken:
        if file.stored is None:
            skipped.append(Skipped(file.source, _ATTACHMENT))
        elif file.path.rpartition("/")[2] == REPORT:
            skipped.append(Skipped(file.source, "report of kbtool clean"))
        elif file.suffix == ".csv" and notion_database.is_view(file, databases):
            skipped.append(Skipped(file.source, "current view only: the database's `_all.csv` is read"))
        else:
            readable.append(file)
    return Catalog(tuple(taken), tuple(readable), tuple(skipped))


def _order(found: File | Skipped) -> tuple[bool, str, str]:
    """By path; of a page that one source holds in both forms, Markdown comes first and is taken."""
    if isinstance(found, Skipped):
        return False, "", found.source
    return found.suffix in _HTML, found.path, found.source


def matching(file: File, patterns: Sequence[str]) -> str:
    """The first glob that a file's path or name fits, or ""."""
    return next((glob for glob in patterns if fnmatch(file.path, glob) or fnmatch(file.source, glob)), "")
