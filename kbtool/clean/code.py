"""Where code stands in a page, and how to rewrite everything else.

A support page quotes commands, JSON and log lines. A rule that trims spaces or drops ids would spoil them
without anybody noticing, so rules see a page without its code: `mask` swaps each piece of code for one
private-use character, the rules run, and `unmask` puts the code back.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

from kbtool.scan import Block, begins_anew, scan

_INLINE_BASE = 0xF0000
_BLOCK_BASE = 0x100000
_PLANE = 0xFFFE  # characters in one private-use plane
_PRIVATE = re.compile("[\U000f0000-\U000ffffd\U00100000-\U0010fffd]")
BLOCK = re.compile("[\U00100000-\U0010fffd]")
"""Stands for a masked block (fence, indented code, display equation) while a rule runs."""

_FENCE = re.compile(
    r"^(?P<prefix>[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$"
)
_TEX = re.compile(r"^(?P<prefix>[ \t>]*)\$\$[ \t]*$")
_FENCE_SIGNS = ("```", "~~~", "$$")
_CODE_SIGNS = ("`", "    ", "\t", "<pre")
_PREFIX = re.compile(r"^[ \t>]*")
_LASTING_HTML = re.compile(r"<(?:[!?]|script|pre|style|textarea)", re.IGNORECASE)

_Rows = tuple[int, int]  # the first line, and the line after the last
_Columns = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without its code: `pieces` is the code that each private-use character in it stands for."""

    text: str
    pieces: Mapping[str, str]


def outside_code(text: str, rewrite: Callable[[str], str], *, indented: bool = True) -> str:
    """`text` rewritten, except its code: `mask`, `rewrite` and `unmask` in one."""
    masked = mask(text, indented=indented)
    return unmask(rewrite(masked.text), masked)


def without_fences(text: str) -> str:
    """`text` with a character for each fence: not all code is hidden, at a fraction of the cost."""
    blocks = _fences(text)
    if not blocks:
        return text
    lines = text.split("\n")
    for start, stop in reversed(blocks):
        lines[start:stop] = [chr(_BLOCK_BASE)]
    return "\n".join(lines)


@lru_cache(maxsize=2)  # a rule that changes nothing leaves the next one the same text
def mask(text: str, *, indented: bool = True) -> Masked:
    """`text` without its fenced and indented code, `$$` blocks, `<pre>` and inline code.

    Each block is one character matched by `BLOCK`, alone on its line behind its indent. Without `indented`,
    text counts as text however far it is indented: tags are, and what stands in them. A page with more than
    65,000 different pieces of code counts as one block of code: no rule changes it.
    """
    lines = text.split("\n")
    has_private = not text.isascii() and _PRIVATE.search(text) is not None
    blocks, spans = _code(text, lines, indented=indented)
    if not blocks and not spans and not has_private:
        return Masked(text, {})
    inline, block = _Marks(_INLINE_BASE), _Marks(_BLOCK_BASE)
    shown = list(lines)
    in_block = {row for start, stop in blocks for row in range(start, stop)}
    for row in range(len(lines)) if has_private else spans:
        if row not in in_block:
            shown[row] = _without_spans(lines[row], spans.get(row, ()), inline)
    masked: list[str] = []
    number = 0
    for start, stop in blocks:
        prefix = _PREFIX.match(lines[start])
        mark = block.of("\n".join(lines[start:stop]))
        masked += [*shown[number:start], (prefix.group() if prefix else "") + mark]
        number = stop
    masked += shown[number:]
    if inline.are_too_few or block.are_too_few:
        return Masked(chr(_BLOCK_BASE), {chr(_BLOCK_BASE): text})
    return Masked("\n".join(masked), {**inline.pieces, **block.pieces})


def unmask(text: str, masked: Masked) -> str:
    """`text`, the masked one after some rules, with the code of `masked` back in its place.

    Where a rule changed the indent in front of a block (a callout becomes a quote), the code's lines follow.
    """
    if not masked.pieces:
        return text
    restored = partial(_restored, masked.pieces)
    # Line by line, since that a line is ASCII is known without looking at its characters.
    return "\n".join([line if line.isascii() else _PRIVATE.sub(restored, line) for line in text.split("\n")])


class _Marks:
    """Gives each different piece of code a character. The same code twice is the same piece."""

    def __init__(self, base: int) -> None:
        self._base = base
        self._known: dict[str, str] = {}

    def of(self, code: str) -> str:
        return self._known.setdefault(code, chr(self._base + len(self._known) % _PLANE))

    @property
    def are_too_few(self) -> bool:
        return len(self._known) > _PLANE

    @property
    def pieces(self) -> dict[str, str]:
        return {mark: code for code, mark in self._known.items()}


def _code(
    text: str, lines: list[str], *, indented: bool
) -> tuple[Sequence[_Rows], dict[int, tuple[_Columns, ...]]]:
    """The lines of block code, and per line the columns of inline code."""
    blocks = list(_fences(text))
    if not _may_hold_code(text):
        return blocks, {}
    blank = list(lines)
    for start, stop in blocks:
        # Lines without text keep the paragraphs around a block apart, as the block did.
        blank[start:stop] = [""] * (stop - start)
    if not indented:
        blank = [line.lstrip() for line in blank]
    spans: dict[int, tuple[_Columns, ...]] = {}
    for block in _leaves(_suspects(blank), blank):
        first, last = block.first, block.last
        if block.kind in {"code", "fence"} or (block.kind == "html" and _is_pre(blank[first])):
            while last > first and not lines[last - 1].strip(" \t"):
                last -= 1
            blocks.append((first, last))
        elif block.kind == "table":
            for row in (first, *range(first + 2, last)):
                spans.update(_inline(lines, row, row + 1))
        elif block.kind in {"paragraph", "heading"} and "`" in "\n".join(lines[first:last]):
            is_underlined = block.mark in {"=", "-"}
            spans.update(_inline(lines, first, last - 1 if is_underlined else last))
    return _merged(blocks), spans


def _suspects(lines: list[str]) -> Iterator[Block]:
    """The blocks in which code may be, and what stands around them without a gap.

    Few blocks of a page hold any, so the others are not even scanned: from a line that begins anew to the
    next one, blocks are the same whatever stands above and below. Only HTML that ends with a certain tag, and
    a fence, go on behind such a line.
    """
    text = "\n".join(lines)
    if "```" in text or "~~~" in text or _LASTING_HTML.search(text):
        yield from scan(lines)
        return
    stop = 0
    for row in _rows_with(_CODE_SIGNS, text):
        if row >= stop:
            start, stop = row, row + 1
            while start and not begins_anew(lines, start):
                start -= 1
            while stop < len(lines) and not begins_anew(lines, stop):
                stop += 1
            yield from scan(lines[start:stop], start)


def _leaves(blocks: Iterable[Block], lines: list[str]) -> Iterator[Block]:
    """The blocks that hold no others. Lists and quotes in which no code can be are passed over."""
    for block in blocks:
        if block.kind not in {"list", "item", "quote"}:
            yield block
        elif _may_hold_code("\n".join(lines[block.first : block.last])):
            yield from _leaves(block.inside(), lines)


def _may_hold_code(text: str) -> bool:
    """Fences not counted."""
    return any(sign in text for sign in _CODE_SIGNS)


def _is_pre(line: str) -> bool:
    return line[line.find("<") :].startswith("<pre")


def _rows_with(signs: Sequence[str], text: str) -> list[int]:
    """The lines of `text` that hold one of the signs; found in the text, not line by line."""
    rows: set[int] = set()
    for sign in signs:
        row, start = 0, 0
        while (found := text.find(sign, start)) >= 0:
            row += text.count("\n", start, found)
            rows.add(row)
            start = text.find("\n", found)
            if start < 0:
                break
    return sorted(rows)


@lru_cache(maxsize=1)  # looked for first by themselves, then with all other code
def _fences(text: str) -> Sequence[_Rows]:
    """Fences anywhere, also inside HTML tags such as `<aside>`, where a parser would not see them."""
    lines = text.split("\n")
    found: list[_Rows] = []
    stop = 0
    for row in _rows_with(_FENCE_SIGNS, text):
        if row >= stop:
            stop = _end_of_fence(lines, row)
            if stop > row:
                found.append((row, stop))
    return found


def _end_of_fence(lines: list[str], row: int) -> int:
    """The line after the fence or equation that opens here; `row` itself if none does."""
    fence = _FENCE.match(lines[row])
    if fence and not (fence["fence"][0] == "`" and "`" in fence["info"]):
        mark = re.escape(fence["fence"][0])
        close = re.compile(rf"^[ \t>]*{mark}{{{len(fence['fence'])},}}[ \t]*$")
        return _close(lines, row, close, quoted=">" in fence["prefix"]) or len(lines)
    tex = _TEX.match(lines[row])
    # A lone `$$` opens nothing.
    return (_close(lines, row, _TEX, quoted=">" in tex["prefix"]) or row) if tex else row


def _close(lines: list[str], start: int, close: re.Pattern[str], *, quoted: bool) -> int | None:
    for row in range(start + 1, len(lines)):
        if quoted and not lines[row].lstrip().startswith(">"):
            return row
        if close.match(lines[row]):
            return row + 1
    return None


def _inline(lines: list[str], start: int, stop: int) -> dict[int, tuple[tuple[int, int], ...]]:
    """Code spans of one paragraph: a run of backticks closes at the next run of the same length."""
    runs: list[tuple[int, int, int]] = []  # row, first column, column after
    for row in range(start, min(stop, len(lines))):
        for run in re.finditer("`+", lines[row]):
            first = run.start()
            escaped = (first - len(lines[row][:first].rstrip("\\"))) % 2 == 1
            runs.append((row, first + escaped, run.end()))
    later: dict[int, list[int]] = {}
    for index, (_, first, after) in enumerate(runs):
        later.setdefault(after - first, []).append(index)
    spans: dict[int, list[tuple[int, int]]] = {}
    index = 0
    while index < len(runs):
        row, first, after = runs[index]
        width = after - first
        same = later[width]
        following = bisect_right(same, index)
        if not width or following == len(same):
            index += 1
            continue
        closing = same[following]
        last_row, _, last = runs[closing]
        for line in range(row, last_row + 1):
            begin = first if line == row else len(lines[line]) - len(lines[line].lstrip())
            spans.setdefault(line, []).append((begin, last if line == last_row else len(lines[line])))
        index = closing + 1
    return {line: tuple(found) for line, found in spans.items()}


def _merged(blocks: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(blocks):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def _without_spans(line: str, spans: Iterable[_Columns], marks: _Marks) -> str:
    """The line with code spans, and private-use characters of its own, each behind one character."""
    whole = [*spans, *((found.start(), found.end()) for found in _PRIVATE.finditer(line))]
    out: list[str] = []
    column = 0
    for begin, end in sorted(whole):
        if begin < column or begin == end:
            continue
        out += [line[column:begin], marks.of(line[begin:end])]
        column = end
    return "".join((*out, line[column:]))


def _restored(pieces: Mapping[str, str], mark: re.Match[str]) -> str:
    """What stands for a mark; the lines of a block get the indent that the mark has now."""
    code = pieces[mark.group()]
    before = mark.string[mark.string.rfind("\n", 0, mark.start()) + 1 : mark.start()]
    if not BLOCK.match(mark.group()) or BLOCK.search(before):
        return code
    old = _PREFIX.match(code)
    indent = old.group() if old else ""
    first, *others = code.split("\n")
    if before == indent:
        return code.removeprefix(indent)
    head = _PRIVATE.sub(partial(_restored, pieces), before)
    lines = [first.removeprefix(indent)]
    for line in others:
        bare = line.removeprefix(indent)
        lines.append((head if bare and line.startswith(indent) else head.rstrip(" \t")) + bare)
    return "\n".join(lines)
