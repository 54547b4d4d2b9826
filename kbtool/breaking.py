"""Break a stretch of Markdown that is too long into pieces, where it hurts least.

Between blocks first, then list items, table rows (header repeated), code lines (fence repeated), lines,
sentences, words; anywhere only inside one unbroken run of characters. A heading never ends a piece.
Nothing is lost, whatever the text: but for repeated headers and fences, and white space at the cuts, the
pieces put together are the text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

_BLOCKS = MarkdownIt("commonmark").enable("table").disable("inline", ignoreInvalid=True)
_SENTENCE_END = regex.compile(r"(?<=[.!?;:][\"')\]]?)\s+|(?<=[。！？；：”」])")
_WORD_END = regex.compile(r"(?<=\s)|(?<=[，、,/])")
_GRAPHEME = regex.compile(r"\X")
_NOT_QUOTE_MARK = regex.compile(r"[^>]")


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
    """`lines` as pieces of at most `bound` characters, as few as greedy packing gives.

    Raises ValueError for a bound that no character fits into.
    """
    if bound < 1:
        raise ValueError(f"a piece of at most {bound} characters holds no text")
    if len("\n".join(lines).strip("\n")) <= bound:
        units = [_Unit("\n".join(lines), 0, len(lines))]
    else:
        # The parser takes a carriage return for a line end, and its line numbers would not be ours.
        tokens = _BLOCKS.parse("\n".join(lines).replace("\r", " "))
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
        elif block.map and block.type in {"table_open", "fence"}:
            # Blank lines and link definitions have no token: they stand in front of the block or behind it.
            top, bottom = block.map[0], min(block.map[1], end)
            yield from _by_line(lines, start, top, bound)
            if block.type == "fence":
                yield from _by_code_line(lines, block, top, bottom, bound)
            else:
                yield from _by_row(lines, top, bottom, bound)
            yield from _by_line(lines, bottom, end, bound)
        else:
            inside = [t for t in tokens if t.level > level and t.map and start <= t.map[0] < end]
            yield from _units(lines, inside, level + 1, start, end, bound)


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
    best = [(0, 0, 0)]  # up to each line: runs, the sum of their squared lengths, where the last one begins
    for end in range(1, len(sizes) + 1):
        length = -1
        options: list[tuple[int, int, int]] = []
        for start in range(end - 1, -1, -1):
            length += sizes[start] + 1
            if length > room:
                break
            runs, squares, _ = best[start]
            options.append((runs + 1, squares + length * length, start))
        best.append(min(options))
    found: list[tuple[int, int]] = []
    end = len(sizes)
    while end:
        start = best[end][2]
        found.append((start, end))
        end = start
    return found[::-1]


def _by_code_line(lines: Sequence[str], fence: Token, first: int, last: int, bound: int) -> Iterator[_Unit]:
    """A code block between its lines; each piece is fenced again, at the same place."""
    opening = lines[first]
    before = _NOT_QUOTE_MARK.sub(" ", opening[: max(opening.find(fence.markup), 0)])
    again, closing = before + fence.markup + fence.info, before + fence.markup
    frame = f"{max(opening, again, key=len)}\n{closing}\n"
    if not _leaves_room(frame, bound):
        yield from _by_line(lines, first, last, bound)
        return
    room = bound - len(frame)
    end = lines[last - 1].strip(" \t>")
    is_closed = last - 1 > first and end.startswith(fence.markup) and not end.strip(fence.markup[0])
    body: list[str] = []
    start, opener = first, opening
    for number in range(first + 1, last - 1 if is_closed else last):
        for part in _filled(_cut(lines[number], room), room):
            if body and len("\n".join([*body, part])) > room:
                yield _Unit("\n".join([opener, *body, closing]), start, number)
                body, start, opener = [], number, again
            body.append(part)
    yield _Unit("\n".join([opener, *body, closing]), start, last)


def _filled(parts: Sequence[str], room: int) -> Iterator[str]:
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
    """Between characters as people count them, so that no accent or joined emoji is torn that fits."""
    part = ""
    for grapheme in _GRAPHEME.findall(text):
        for sign in [grapheme] if len(grapheme) <= bound else grapheme:
            if len(part) + len(sign) > bound:
                yield part
                part = ""
            part += sign
    yield part
