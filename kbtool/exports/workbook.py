"""The sheets of an .xlsx as text, through calamine.

calamine holds a sheet as a full rectangle, however few cells are set, and a shared string as often as it is
used. Two cells at opposite corners would be 17 billion: the rectangle and the text are counted beforehand.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from kbtool.clean.grid import MOST_REPEATED
from kbtool.exports import number_format, office
from kbtool.exports.archive import File

MOST_CELLS = 10_000_000  # 100,000 rows of 100 columns
MOST_TEXT = 2**28  # bytes of all cells together

Value = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta
_N = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_CELL = re.compile(rb"<(?:\w+:)?c\b[^<>]*>")
_STYLE = re.compile(rb"""\bs\s*=\s*["'](\d{1,6})["']""")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,3})(\d{1,7})["']""", re.IGNORECASE)
_SHARED = re.compile(rb"<(?:\w+:)?si\b[^>]*>(.*?)</(?:\w+:)?si>", re.DOTALL)
_INDEX = re.compile(rb"<(?:\w+:)?v>\s*(\d{1,9})\s*</")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its cells by row, as they are shown; merged ones repeat their value."""

    name: str
    rows: Sequence[Sequence[str]]
    is_hidden: bool


def sheets(file: File, data: bytes) -> list[Sheet] | None:
    """The sheets in order; None where the file holds no workbook. Charts are no sheets.

    Raises ExportError for what cannot be opened or is too large.
    """
    parts = office.xml_parts(file, data)
    if not any(name.lower() == "xl/workbook.xml" for name in parts):
        return None
    _require_bounded(file, parts)
    formats = _formats(file, parts)
    try:
        with CalamineWorkbook.from_filelike(office.package_of(parts)) as book:
            return [
                Sheet(
                    known.name,
                    _rows(book.get_sheet_by_name(known.name), formats.get(known.name, {})),
                    known.visible is not SheetVisibleEnum.Visible,
                )
                for known in book.sheets_metadata
                if known.typ is SheetTypeEnum.WorkSheet
            ]
    except (CalamineError, ValueError, OSError) as error:
        raise office.refused(file, f"not a spreadsheet ({str(error)[:80]})") from error


def _formats(file: File, parts: Mapping[str, bytes]) -> Mapping[str, Mapping[tuple[int, int], str]]:
    """By sheet and place, the formats of numbers that have one of their own: calamine drops them."""
    codes = number_format.codes(office.parsed(file, parts, "xl/styles.xml"))
    if not codes:
        return {}
    relations = office.parsed(file, parts, "xl/_rels/workbook.xml.rels")
    targets = {relation.get("Id", ""): relation.get("Target", "") for relation in relations}
    found: dict[str, Mapping[tuple[int, int], str]] = {}
    for sheet in office.parsed(file, parts, "xl/workbook.xml").iter(f"{_N}sheet"):
        part = parts.get(_part_name(targets.get(sheet.get(_RELATION, ""), "")), b"")
        found[sheet.get("name", "")] = _styled(part, codes)
    return found


def _part_name(target: str) -> str:
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _styled(part: bytes, codes: Mapping[int, str]) -> Mapping[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    for cell in _CELL.finditer(part):
        place, style = _PLACE.search(cell[0]), _STYLE.search(cell[0])
        if place and style and int(style[1]) in codes:
            found[int(place[2]) - 1, _column(place[1]) - 1] = codes[int(style[1])]
    return found


def _rows(sheet: CalamineSheet, formats: Mapping[tuple[int, int], str]) -> list[list[str]]:
    values = sheet.to_python(skip_empty_area=False)
    rows = [[shown(value) for value in row] for row in values]
    for (number, column), code in formats.items():
        value = values[number][column] if number < len(values) and column < len(values[number]) else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            rows[number][column] = number_format.shown(float(value), code) or rows[number][column]
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if top >= len(rows) or left >= len(rows[top]):
            continue
        if len(rows[top][left]) * (bottom - top + 1) * (right - left + 1) > MOST_REPEATED:
            continue
        for row in rows[top : bottom + 1]:
            end = min(right + 1, len(row))
            row[left:end] = [rows[top][left]] * max(end - left, 0)
    return rows


def shown(value: Value) -> str:
    """A cell's value as the application shows it where no number format says otherwise."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, dt.datetime):
        is_day = value.time() == dt.time()
        return value.date().isoformat() if is_day else value.isoformat(" ", "minutes")
    if isinstance(value, dt.time):
        return value.isoformat("minutes" if value.second == 0 else "seconds")
    return str(value)


def _require_bounded(file: File, parts: Mapping[str, bytes]) -> None:
    texts = [len(found[1]) for found in _SHARED.finditer(parts.get("xl/sharedStrings.xml", b""))]
    longest = max(texts, default=0)
    for name, part in parts.items():
        if not _SHEET.fullmatch(name):
            continue
        rows, columns, cells = 0, 0, 0
        for place in _PLACE.finditer(part):
            rows, columns, cells = max(rows, int(place[2])), max(columns, _column(place[1])), cells + 1
        if rows * columns > MOST_CELLS:
            raise office.refused(file, f"a sheet of {rows:,} rows and {columns:,} columns")
        if cells * longest > MOST_TEXT:
            used = (int(found[1]) for found in _INDEX.finditer(part))
            if sum(texts[number] for number in used if number < len(texts)) > MOST_TEXT:
                raise office.refused(file, f"more than {MOST_TEXT // 2**20} MB of text in a sheet")


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
