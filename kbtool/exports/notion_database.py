"""Notion databases: `Name <id>.csv` is the current view, `Name <id>_all.csv` every row and column.

A database becomes one page with one table, since a row answers questions best beside its header. Rows
whose pages have text of their own are pages too.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import PurePosixPath

from kbtool.clean import gfm
from kbtool.clean.properties import paths_of, titles_only
from kbtool.errors import ExportError
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.names import split_id
from kbtool.model import Kind, Removal

_ALL = "_all"


def is_view(file: File, paths: frozenset[tuple[str, str]]) -> bool:
    """Whether this CSV is only the current view of a database that is there as a whole."""
    path = PurePosixPath(file.path)
    return (
        not path.stem.endswith(_ALL) and (file.tree, str(path.with_name(f"{path.stem}{_ALL}.csv"))) in paths
    )


def folder_of(file: File) -> str:
    """The folder that holds the rows' pages."""
    path = PurePosixPath(file.path)
    return str(path.with_name(path.stem.removesuffix(_ALL)))


def parse(file: File, text: str) -> Draft | None:
    """The database in a CSV, or None when the file's name carries no Notion id or it has no header.

    The title is the file's name, which the links of other pages may correct.
    """
    name, page_id = split_id(PurePosixPath(file.path).stem.removesuffix(_ALL))
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ExportError(f"{file.source}: not a CSV ({error})", hint="Export the database again.") from error
    if not page_id or not rows:
        return None
    header = [cell.strip() for cell in rows[0]]
    table = [header, *(_padded(row, len(header)) for row in rows[1:])]
    markdown = gfm.table([[_cell(cell) for cell in row] for row in table]) if len(rows) > 1 else ""
    columns = frozenset(cell for cell in header[1:] if cell)  # the first is the row's title
    return Draft(
        file,
        Kind.NOTION_DATABASE,
        name or "Untitled",
        markdown,
        key=page_id,
        columns=columns,
        removals=tuple(
            Removal("relation_paths", path) for row in table for cell in row for path in paths_of(cell)
        ),
    )


def _padded(row: list[str], width: int) -> list[str]:
    return [*row[:width], *[""] * (width - len(row))]


def _cell(value: str) -> str:
    return re.sub(r"\s*\n\s*", " ", titles_only(value)).strip()
