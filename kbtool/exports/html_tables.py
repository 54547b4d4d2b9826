"""Cells that span rows or columns, written out: a row is found alone, so it must say all that it means."""

from __future__ import annotations

from collections.abc import Sequence

_REPEATED = 200
_WIDEST = 200


def spread(grid: Sequence[Sequence[tuple[str, int, int]]]) -> list[list[str]]:
    """Rows of text from rows of (text, rows, columns).

    A cell's text is repeated in each row that it covers, and stands once in each of these rows. A long text
    is not repeated: a few marks would make pages out of it.
    """
    below: dict[int, tuple[str, int]] = {}
    rows: list[list[str]] = []
    for cells in grid:
        row: list[str] = []
        pending = list(cells)
        while pending or any(column >= len(row) for column in below):
            column = len(row)
            if column in below:
                text, left = below.pop(column)
                row.append(text)
                if left > 1:
                    below[column] = (text, left - 1)
            elif pending:
                text, high, wide = pending.pop(0)
                again = text if len(text) <= _REPEATED else ""
                for number in range(min(wide, max(1, _WIDEST - column))):
                    row.append("" if number else text)
                    if high > 1:
                        below[column + number] = ("" if number else again, high - 1)
            else:
                row.append("")
        rows.append(row)
    return rows
