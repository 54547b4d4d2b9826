"""Break a stretch of Markdown that is too long into pieces, where it hurts least.

Between blocks first, then list items, table rows (header repeated), code lines (fence repeated), lines,
sentences, words; anywhere only inside one unbroken run of characters. A heading never ends a piece.
Nothing is lost: but for repeated headers and fences, the pieces put together are the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

_BLOCKS = MarkdownIt("commonmark").enable("table").disable("inline", ignoreInvalid=True)
_SENTENCE_END = regex.compile(r"(?<=[.!?;:][\"')\]]?)\s+|(?<=[。！？；：”」])")
_WORD_END = regex.compile(r"(?<=\s)|(?<=[，、,/])")
_GRAPHEME = regex.compile(r"\X")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the text; `first` and `last` (exclusive) are the lines that it comes from."""

    text: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is not cut further. `glue` stood between it and the unit before."""

    text: str
    first: int
    last: int
    glue: str = "\n"
    is_heading: bool = False


def pieces(lines: Sequence[str], bound: int) -> list[Piece]:
    """`lines` as pieces of at most `bound` characters, as few as greedy packing gives."""
    if len("\n".join(lines).strip("\n")) <= bound:
        units = [_Unit("\n".join(lines), 0, len(lines))]
    else:
        tokens = _BLOCKS.parse("\n".join(lines))
        units = list(_units(lines, tokens, 0, 0, len(lines), bound))
    return [piece for piece in _pack(units, bound) if piece.text]


def _pack(units: Sequence[_Unit], bound: int) -> Iterator[Piece]:
    waiting: list[_Unit] = []
    for unit in units:
        if waiting and len(_joined([*waiting, unit])) > bound:
            keep = len(waiting)
            while keep > 1 and waiting[keep - 1].is_heading:
                keep -= 1
            carried = waiting[keep:]
            if len(_joined([*carried, unit])) > bound:
                keep, carried = len(waiting), []
            yield _piece(waiting[:keep])
            waiting = carried
        waiting = [*waiting, unit]
    if waiting:
        yield _piece(waiting)


def _piece(units: Sequence[_Unit]) -> Piece:
    return Piece(_joined(units), units[0].first, units[-1].last)


def _joined(units: Sequence[_Unit]) -> str:
    text = units[0].text + "".join(unit.glue + unit.text for unit in units[1:])
    return text.strip("\n").rstrip()


def _units(
    lines: Sequence[str], tokens: Sequence[Token], level: int, first: int, last: int, bound: int
) -> Iterator[_Unit]:
    """Units of the lines `first` to `last`, whose blocks are the tokens of this nesting `level`."""
    blocks = [t for t in tokens if t.level == level and t.map and t.nesting >= 0 and first <= t.map[0] < last]
    if not blocks:
        yield from _by_line(lines, first, last, bound)
        return
    starts = [first] + [block.map[0] for block in blocks[1:] if block.map]
    for block, start, end in zip(blocks, starts, [*starts[1:], last], strict=True):
        whole = "\n".join(lines[start:end])
        if len(whole.strip("\n").rstrip()) <= bound:
            yield _Unit(whole, start, end, is_heading=block.type == "heading_open")
        elif block.type == "table_open":
            yield from _by_row(lines, start, end, bound)
        elif block.type == "fence":
            yield from _by_code_line(lines, block, start, end, bound)
        else:
            inside = [t for t in tokens if t.level > level and t.map and start <= t.map[0] < end]
            yield from _units(lines, inside, level + 1, start, end, bound)


def _by_row(lines: Sequence[str], first: int, last: int, bound: int) -> Iterator[_Unit]:
    """A table between its rows; each piece begins with the header and its rule."""
    header = list(lines[first : first + 2])
    room = bound - len("\n".join(header)) - 1
    rows: list[str] = []
    start = first
    for number in range(first + 2, last):
        row = lines[number]
        if rows and len("\n".join([*rows, row])) > room:
            yield _Unit("\n".join(header + rows), start, number)
            rows, start = [], number
        if len(row) > room:
            # One row longer than a chunk: its own lines would no longer be a table.
            yield from _by_line(lines, number, number + 1, bound)
            start = number + 1
        else:
            rows.append(row)
    if any(row.strip() for row in rows):
        yield _Unit("\n".join(header + rows), start, last)


def _by_code_line(lines: Sequence[str], fence: Token, first: int, last: int, bound: int) -> Iterator[_Unit]:
    """A code block between its lines; each piece is fenced again, at the same indentation."""
    opening = lines[first]
    at = max(opening.find(fence.markup), 0)
    again = " " * at + fence.markup + fence.info
    closing = " " * at + fence.markup
    end = fence.map[1] if fence.map else last
    is_closed = end - 1 > first and lines[end - 1].strip(" >") == fence.markup
    body_end = end - 1 if is_closed else end
    room = bound - max(len(opening), len(again)) - len(closing) - 2
    body: list[str] = []
    start, opener = first, opening
    for number in range(first + 1, body_end):
        for part in _cut(lines[number], room):
            if body and len("\n".join([*body, part])) > room:
                yield _Unit("\n".join([opener, *body, closing]), start, number)
                body, start, opener = [], number, again
            body.append(part)
    yield _Unit("\n".join([opener, *body, closing]), start, end)
    if end < last:
        yield from _by_line(lines, end, last, bound)


def _by_line(lines: Sequence[str], first: int, last: int, bound: int) -> Iterator[_Unit]:
    for number in range(first, last):
        for index, part in enumerate(_cut(lines[number], bound)):
            yield _Unit(part, number, number + 1, glue="" if index else "\n")


def _cut(line: str, bound: int) -> list[str]:
    """A line in parts of at most `bound` characters: at sentence ends, else at words, else anywhere."""
    if len(line) <= bound:
        return [line]
    parts: list[str] = []
    for sentence in _split_after(_SENTENCE_END, line):
        words = [sentence] if len(sentence) <= bound else _split_after(_WORD_END, sentence)
        for word in words:
            parts.extend([word] if len(word) <= bound else _anywhere(word, bound))
    return parts


def _split_after(pattern: regex.Pattern[str], text: str) -> list[str]:
    """`text` cut at the end of each match, so that the parts put together are the text."""
    ends = [match.end() for match in pattern.finditer(text) if 0 < match.end() < len(text)]
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True)]


def _anywhere(text: str, bound: int) -> Iterator[str]:
    """Between characters as people count them, so that no accent or joined emoji is torn."""
    part = ""
    for grapheme in _GRAPHEME.findall(text):
        if part and len(part) + len(grapheme) > bound:
            yield part
            part = ""
        part += grapheme[:bound]
    yield part
