"""Break a stretch of Markdown that is too long into pieces, where it hurts least.

Between blocks first, then list items, table rows (header repeated), code lines (fence repeated), lines,
sentences, words; anywhere only inside one unbroken run of characters. A heading never ends a piece.
Nothing is lost, whatever the text: but for repeated headers and fences, and white space at the cuts, the
pieces put together are the text.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import regex

from kbtool.scan import Block, scan

_SENTENCE_END = regex.compile(r"(?<=[.!?;:][\"')\]]?)\s+|(?<=[。！？；：”」])")
_WORD_END = regex.compile(r"(?<=\s)|(?<=[，、,/])")
_GRAPHEME = regex.compile(r"\X")
_NOT_QUOTE_MARK = regex.compile(r"[^>]")


class Piece(NamedTuple):
    """A part of the text; `first` and `last` (exclusive) are the lines that it comes from."""

    text: str
    first: int
    last: int


class _Unit(NamedTuple):
    """What is not cut further. `glue` stood between it and the unit before."""

    text: str
    first: int
    last: int
    glue: str = "\n"
    is_heading: bool = False


def pieces(
    lines: Sequence[str],
    bound: int,
    *,
    first: int = 0,
    last: int | None = None,
    blocks: Sequence[Block] | None = None,
) -> list[Piece]:
    """The lines as pieces of at most `bound` characters, as few as greedy packing gives.

    `first` and `last` (exclusive) are for a part of a page, `blocks` those that stand there, where they are
    known. Raises ValueError for a bound that no character fits into.
    """
    if bound < 1:
        raise ValueError(f"a piece of at most {bound} characters holds no text")
    last = len(lines) if last is None else last
    whole = "\n".join(lines[first:last]).strip("\n").rstrip()
    if len(whole) <= bound:
        return [Piece(whole, first, last)] if whole else []
    found = scan(lines[first:last], first) if blocks is None else iter(blocks)
    return [piece for piece in _pack(_units(lines, found, first, last, bound), bound) if piece.text]


class _Filling:
    """The units of the piece that is being filled, and how long it is without white space at its ends.

    The length is kept, not counted anew with each unit: a page may be one list, or one run of blank lines.
    """

    def __init__(self, units: Sequence[_Unit] = ()) -> None:
        self.units: list[_Unit] = []
        self._lengths = (0, 0)
        for unit in units:
            self.add(unit, self.lengths_with(unit))

    def lengths_with(self, unit: _Unit) -> tuple[int, int]:
        """The length of the piece with this unit at its end, without and with white space there."""
        length, whole = self._lengths
        text, glue = (unit.text, len(unit.glue)) if whole else (unit.text.lstrip("\n"), 0)
        bare = len(text.rstrip())
        return (whole + glue + bare if bare else length), whole + glue + len(text)

    def add(self, unit: _Unit, lengths: tuple[int, int]) -> None:
        self.units.append(unit)
        self._lengths = lengths

    def piece(self, stop: int | None = None) -> Piece:
        """The first units, all when `stop` is None, as a piece."""
        units = self.units[:stop]
        text = units[0].text + "".join([unit.glue + unit.text for unit in units[1:]])
        return Piece(text.strip("\n").rstrip(), units[0].first, units[-1].last)


def _pack(units: Iterator[_Unit], bound: int) -> Iterator[Piece]:
    filling = _Filling()
    for unit in units:
        lengths = filling.lengths_with(unit)
        if filling.units and lengths[0] > bound:
            keep = _before_headings(filling.units, unit)
            carried = _Filling(filling.units[keep:])
            if carried.lengths_with(unit)[0] > bound:
                keep, carried = len(filling.units), _Filling()
            yield filling.piece(keep)
            filling, lengths = carried, carried.lengths_with(unit)
        filling.add(unit, lengths)
    if filling.units:
        yield filling.piece()


def _before_headings(units: Sequence[_Unit], following: _Unit) -> int:
    """How many of the units make a piece that does not end with headings of what follows."""
    keep = len(units)
    while keep > 1 and units[keep - 1].is_heading:
        keep -= 1
    # Headings alone are no better off with the next heading, and would be carried on one by one.
    return len(units) if following.is_heading and units[keep - 1].is_heading else keep


def _units(
    lines: Sequence[str], blocks: Iterator[Block], first: int, last: int, bound: int
) -> Iterator[_Unit]:
    """Units of the lines `first` to `last`, in which these blocks stand.

    Blank lines and link definitions are in no block: they go with the one before, or the first.
    """
    block = next(blocks, None)
    if block is None:
        yield from _by_line(lines, first, last, bound)
    while block is not None:
        following = next(blocks, None)
        end = following.first if following else last
        yield from _of_block(lines, block, first, end, bound)
        block, first = following, end


def _of_block(lines: Sequence[str], block: Block, first: int, last: int, bound: int) -> Iterator[_Unit]:
    whole = "\n".join(lines[first:last])
    if len(whole.strip("\n").rstrip()) <= bound:
        yield _Unit(whole, first, last, is_heading=block.kind == "heading")
    elif block.kind in {"table", "fence"}:
        bottom = min(block.last, last)
        yield from _by_line(lines, first, block.first, bound)
        if block.kind == "fence":
            yield from _by_code_line(lines, block, bottom, bound)
        else:
            yield from _by_row(lines, block.first, bottom, bound)
        yield from _by_line(lines, bottom, last, bound)
    else:
        yield from _units(lines, block.inside(), first, last, bound)


def _leaves_room(frame: str, bound: int) -> bool:
    """Whether what is repeated in each piece, a header or fence, takes no more of it than the text."""
    return 2 * len(frame) <= bound


def _by_row(lines: Sequence[str], first: int, last: int, bound: int) -> Iterator[_Unit]:
    """A table between its rows, evenly; each piece begins with the header and its rule."""
    header = "\n".join(lines[first : first + 2])
    if not _leaves_room(header, bound) or last - first <= 2:
        yield from _by_line(lines, first, last, bound)
        return
    room = bound - len(header) - 1
    is_told = False
    for fits, group in groupby(range(first + 2, last), key=lambda number: len(lines[number]) <= room):
        start, *others = group
        stop = start + 1 + len(others)
        if fits:
            for a, b in _evenly([len(row) for row in lines[start:stop]], room):
                text = "\n".join([header, *lines[start + a : start + b]])
                # What stands above a header told again is the end of a row cut up, not a line of the table.
                begin, glue = (start + a, "\n\n") if is_told else (first, "\n")
                yield _Unit(text, begin, start + b, glue)
                is_told = True
        else:
            if not is_told:
                yield _Unit(header, first, first + 2)
            # Of a row longer than a chunk, the parts would be no rows under a header.
            yield from _by_line(lines, start, stop, bound)
            is_told = True


def _evenly(sizes: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Runs of lines of these lengths, joined to at most `room`: as few as can be, as even as can be.

    Packing greedily would leave a single row for the last piece, under a header of its own.
    """
    runs, squares, starts = array("q", [0]), array("q", [0]), array("q", [0])  # for the lines up to each
    for end in range(1, len(sizes) + 1):
        length = -1
        fewest, least, first = end + 1, 0, 0
        for start in range(end - 1, -1, -1):
            length += sizes[start] + 1
            if length > room:
                break
            square = squares[start] + length * length
            if runs[start] + 1 < fewest or (runs[start] + 1 == fewest and square <= least):
                fewest, least, first = runs[start] + 1, square, start
        runs.append(fewest)
        squares.append(least)
        starts.append(first)
    found: list[tuple[int, int]] = []
    end = len(sizes)
    while end:
        found.append((starts[end], end))
        end = starts[end]
    return found[::-1]


def _by_code_line(lines: Sequence[str], fence: Block, last: int, bound: int) -> Iterator[_Unit]:
    """A code block between its lines; each piece is fenced again, at the same place."""
    first, opening = fence.first, lines[fence.first]
    before = _NOT_QUOTE_MARK.sub(" ", opening[: max(opening.find(fence.mark), 0)])
    again, closing = before + fence.mark + fence.text, before + fence.mark
    frame = f"{max(opening, again, key=len)}\n{closing}\n"
    if not _leaves_room(frame, bound):
        yield from _by_line(lines, first, last, bound)
        return
    room = bound - len(frame)
    end = lines[last - 1].strip(" \t>")
    is_closed = last - 1 > first and end.startswith(fence.mark) and not end.strip(fence.mark[0])
    body: list[str] = []
    start, stop, opener, length = first, first + 1, opening, -1
    for number in range(first + 1, last - 1 if is_closed else last):
        for part in _filled(_cut(lines[number], room), room):
            if body and length + 1 + len(part) > room:
                yield _Unit("\n".join([opener, *body, closing]), start, stop)
                body, start, opener, length = [], number, again, -1
            body.append(part)
            length += 1 + len(part)
            stop = number + 1
    yield _Unit("\n".join([opener, *body, closing]), start, last)


def _filled(parts: Iterable[str], room: int) -> Iterator[str]:
    """The parts of one line joined again, as far as there is room; blanks alone are an empty line."""
    line = ""
    for part in parts:
        if len(line) + len(part) > room:
            yield line if line.strip() else ""
            line = ""
        line += part
    yield line if line.strip() else ""


def _by_line(lines: Sequence[str], first: int, last: int, bound: int) -> Iterator[_Unit]:
    for number in range(first, last):
        for index, part in enumerate(_cut(lines[number], bound)):
            yield _Unit(part, number, number + 1, glue="" if index else "\n")


def _cut(line: str, bound: int) -> Iterator[str]:
    """A line in parts of at most `bound` characters: at sentence ends, else at words, else anywhere."""
    if len(line) <= bound:
        yield line
        return
    for sentence in _split_after(_SENTENCE_END, line):
        words = [sentence] if len(sentence) <= bound else _split_after(_WORD_END, sentence)
        for word in words:
            if len(word) <= bound:
                yield word
            else:
                yield from _anywhere(word, bound)


def _split_after(pattern: regex.Pattern[str], text: str) -> Iterator[str]:
    """`text` cut at the end of each match, so that the parts put together are the text."""
    start = 0
    for match in pattern.finditer(text):
        if start < match.end() < len(text):
            yield text[start : match.end()]
            start = match.end()
    yield text[start:]


def _anywhere(text: str, bound: int) -> Iterator[str]:
    """Between characters as people count them, so that no accent or joined emoji is torn that fits."""
    part = ""
    for found in _GRAPHEME.finditer(text):
        grapheme = found.group()
        for sign in [grapheme] if len(grapheme) <= bound else grapheme:
            if len(part) + len(sign) > bound:
                yield part
                part = ""
            part += sign
    yield part
