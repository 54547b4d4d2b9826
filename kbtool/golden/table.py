"""Golden questions as a CSV, for people who keep them in a spreadsheet, and back.

One row a question; its further sources are rows of their own below it, with only the id filled in. What is
a list stands in one cell, an item a line; of what an answer must say, alternatives are separated by ` | `.
Writing and reading back gives the same questions. A cell that begins like a formula gets an apostrophe in
front, which reading takes off again (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kbtool.errors import GoldenError
from kbtool.evaluate.record import Golden, QuestionKind
from kbtool.golden.reading import Entry

ALTERNATIVE = " | "
_LISTS = ("tags", "history", "must_contain", "must_not_contain", "cite")
_FLAGS = ("critical", "answerable")
_SOURCE = ("doc", "section", "evidence")
COLUMNS = ("id", "question", "lang", "critical", "answerable", "kind", "inbox", *_SOURCE, *_LISTS)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def to_csv(questions: Iterable[Golden]) -> str:
    """The questions as CSV, with a byte order mark: without one Excel reads Chinese as Latin-1.

    Raises GoldenError for a list whose items cannot be told apart in a cell.
    """
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for golden in questions:
        for row in _rows(golden):
            writer.writerow({name: _guarded(row.get(name, "")) for name in COLUMNS})
    return out.getvalue()


def from_csv(text: str, *, file: str) -> list[Golden]:
    """The questions of a CSV. Raises GoldenError with file and line, as for a YAML file."""
    text = text.removeprefix("\ufeff")
    # A spreadsheet of a country that writes 6,50 separates cells by semicolons.
    separator = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    entries: dict[str, tuple[int, dict[str, Any]]] = {}
    line = 1
    try:
        names = reader.fieldnames or ()
        _require_columns(names, file)
        line = reader.line_num + 1
        for row in reader:
            if None in row or None in row.values():
                raise GoldenError(f"{file}:{line}: {len(names)} cells were expected, as in the first line")
            cells = {name: _bare(cell) for name, cell in row.items() if cell.strip()}
            if cells:
                _take(entries, cells, file, line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise GoldenError(f"{file}:{line}: not a CSV: {error}") from error
    return [Entry(file, line, entry).golden() for line, entry in entries.values()]


def _rows(golden: Golden) -> Iterator[dict[str, str]]:
    groups = [_joined(golden, group, ALTERNATIVE) for group in golden.expected.must_contain]
    row = {
        "id": golden.id,
        "question": golden.question,
        "lang": golden.lang,
        "critical": "true" if golden.critical else "",
        "answerable": "false" if golden.says_unanswerable else "",
        "kind": "" if golden.kind is QuestionKind.QUESTION else golden.kind.value,
        "inbox": golden.inbox,
        "tags": _joined(golden, golden.tags),
        "history": _joined(golden, golden.history),
        "must_contain": _joined(golden, groups),
        "must_not_contain": _joined(golden, golden.expected.must_not_contain),
        "cite": _joined(golden, golden.expected.cite),
    }
    if not golden.relevant:
        yield row
    for relevant in golden.relevant:
        section = _joined(golden, relevant.section)
        yield row | {"doc": relevant.doc, "section": section, "evidence": relevant.evidence}
        row = {"id": golden.id}


def _joined(golden: Golden, items: Sequence[str], separator: str = "\n") -> str:
    text = separator.join(items)
    if tuple(_split(text, separator)) != tuple(items):
        raise GoldenError(
            f"{golden.file}:{golden.line}: {golden.id}: no cell of a table can hold {list(items)!r}",
            hint="Keep that question in YAML.",
        )
    return text


def _split(cell: str, separator: str = "\n") -> list[str]:
    parts = cell.replace("\r\n", "\n").split(separator)
    return [part for part in parts if part.strip()]


def _guarded(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _bare(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def _require_columns(names: Sequence[str], file: str) -> None:
    for name in names:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(COLUMNS)}."
            raise GoldenError(f"{file}:1: unknown column {name!r}", hint=hint)
    missing = [name for name in ("id", "question") if name not in names]
    if missing:
        raise GoldenError(
            f"{file}:1: there is no column {missing[0]!r}", hint=f"Known: {', '.join(COLUMNS)}."
        )


def _take(
    entries: dict[str, tuple[int, dict[str, Any]]], cells: dict[str, str], file: str, line: int
) -> None:
    """A row as a question, or as one more source of the question with its id."""
    id_ = cells.get("id", "")
    source: dict[str, Any] = {name: cells.pop(name) for name in _SOURCE if name in cells}
    if "section" in source:
        source |= {"section": _split(source["section"])}
    if id_ in entries and set(cells) == {"id"} and source:
        entries[id_][1]["relevant"].append(source)
        return
    if id_ in entries:
        raise GoldenError(
            f"{file}:{line}: the id {id_} is used twice",
            hint=f"It stands first in line {entries[id_][0]}; a row for one more source has only id, doc, "
            "section and evidence.",
        )
    lists: dict[str, list[Any]] = {name: _split(cells.pop(name)) for name in _LISTS if name in cells}
    answer = {name: lists.pop(name) for name in ("must_contain", "must_not_contain", "cite") if name in lists}
    if "must_contain" in answer:
        answer["must_contain"] = [_split(group, ALTERNATIVE) for group in answer["must_contain"]]
    flags: dict[str, Any] = {
        name: cells[name].strip().lower() for name in ("critical", "answerable") if name in cells
    }
    entry: dict[str, Any] = {**cells, **flags, **lists, "relevant": [source] if source else []}
    entries[id_] = (line, entry | ({"answer": answer} if answer else {}))
