"""Spreadsheets, which Lark's own export writes: each sheet a table, the whole file a page.

A sheet's rows become one GFM table under the sheet's name; chunking cuts it between rows and repeats the
header. Title lines above the table are paragraphs. A hidden sheet is not for customers: it goes on record.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from kbtool.clean import gfm
from kbtool.errors import ExportError
from kbtool.exports import office, workbook
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.model import Kind, Removal, Skipped

Rows = Sequence[Sequence[str]]
_DELIMITERS = ",;\t|"
_NONE = "\x1f"  # of a table with one column: the csv module wants some delimiter
_SAMPLE = 50


def parse_workbook(file: File, data: bytes) -> Draft | Skipped:
    """The workbook in an .xlsx. Raises ExportError for what cannot be opened or is too large."""
    attached = office.attachment(file)
    if attached:
        return attached
    sheets = workbook.sheets(file, data)
    if sheets is None:
        return Skipped(file.source, "not a spreadsheet: it has no workbook part")
    shown = {
        sheet.name: blocks for sheet in sheets if not sheet.is_hidden and (blocks := _blocks(sheet.rows))
    }
    hidden = [sheet for sheet in sheets if sheet.is_hidden]
    removals = tuple(Removal("drop_hidden_sheets", f"{sheet.name}\n{_words(sheet.rows)}") for sheet in hidden)
    note = f"page taken without hidden sheets: {', '.join(sheet.name for sheet in hidden)}" if hidden else ""
    blocks = [part for name, table in shown.items() for part in (f"## {name}", *table)]
    return _draft(file, blocks[1:] if len(shown) == 1 else blocks, removals, note)


def parse_csv(file: File, text: str) -> Draft | Skipped:
    """The table in a CSV of any delimiter. Raises ExportError for a field beyond all bounds."""
    attached = office.attachment(file)
    if attached:
        return attached
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)))
    except csv.Error as error:
        raise ExportError(f"{file.source}: not a CSV ({error})", hint="Export the table again.") from error
    blocks = _blocks(rows)
    return _draft(file, blocks, (), "") if blocks else Skipped(file.source, "a CSV without rows")


def _draft(file: File, blocks: Sequence[str], removals: tuple[Removal, ...], note: str) -> Draft:
    stem = PurePosixPath(file.path).stem
    return Draft(file, Kind.SPREADSHEET, stem, "\n\n".join(blocks), removals=removals, note=note)


def _delimiter(text: str) -> str:
    """The sign that cuts the most of the first rows into one number of cells, which is more than one."""
    sample = "".join(_lines(text))
    best, most = _NONE, (0, 0)
    for sign in _DELIMITERS:
        try:
            widths = Counter(map(len, csv.reader(io.StringIO(sample, newline=""), delimiter=sign)))
        except csv.Error:
            continue
        width, count = max(widths.items(), key=lambda found: (found[1], found[0]), default=(0, 0))
        if width > 1 and (count, width) > most:
            best, most = sign, (count, width)
    return best


def _lines(text: str) -> Iterator[str]:
    for number, line in enumerate(io.StringIO(text, newline="")):
        if number == _SAMPLE:
            return
        yield line


def _blocks(rows: Rows) -> list[str]:
    """Title lines as paragraphs, then the table; nothing for a sheet without text."""
    bare = _dense([[cell.strip() for cell in row] for row in rows])
    width = max(map(len, bare), default=0)
    first = 0
    if width > 1:
        first = next((n for n, row in enumerate(bare) if len(set(row) - {""}) > 1), 0)
    titles = [next(cell for cell in row if cell) for row in bare[:first]]
    return [*titles, *([gfm.table(_dense(bare[first:]))] if bare else [])]


def _dense(rows: list[list[str]]) -> list[list[str]]:
    """The rows without those rows and columns that hold nothing."""
    rows = [row for row in rows if any(row)]
    used = sorted({column for row in rows for column, cell in enumerate(row) if cell})
    if used == list(range(len(used))) and all(len(row) == len(used) for row in rows):
        return rows
    return [[row[column] if column < len(row) else "" for column in used] for row in rows]


def _words(rows: Rows) -> str:
    return "\n".join(line for row in rows if (line := " ".join(cell for cell in row if cell).strip()))
