"""Where code stands in a page, and how to rewrite everything else.

A support page quotes commands, JSON and log lines. A rule that trims spaces or drops ids would spoil them
without anybody noticing, so every rule that works on text goes through `outside_code`: code is swapped
for one private-use character, the rule runs, and the code is put back.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from markdown_it import MarkdownIt

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
_INDENTED = re.compile(r"(?m)^[ \t>]*(?:[-*+]|\d{1,9}[.)])?(?: {4}|\t)")
_PREFIX = re.compile(r"^[ \t>]*")
_PARSER = MarkdownIt("commonmark").enable("table").disable("inline")


@dataclass(frozen=True, slots=True)
class Masked:
    """A text whose code is hidden: in `text` each piece is one private-use character."""

    text: str
    pieces: Mapping[str, str]


def outside_code(text: str, rewrite: Callable[[str], str], *, indented: bool = True) -> str:
    """`text` rewritten, except its fenced and indented code, `$$` blocks, `<pre>` and inline code.

    Inside `rewrite` each block is one character matched by `BLOCK`, alone on its line behind its indent;
    when the rule changes that indent (a callout becomes a quote), the code's lines follow. Without
    `indented`, text counts as text however far it is indented: tags are, and what stands in them. A page with
    more than 65,000 pieces of code is returned as it came.
    """
    masked = mask(text, indented=indented)
    return unmask(rewrite(masked.text), masked)


def mask(text: str, *, indented: bool = True) -> Masked:
    """`text` with its code hidden, for `unmask` to put back."""
    lines = text.split("\n")
    blocks, spans = _code(text, indented)
    if not blocks and not spans and not _PRIVATE.search(text):
        return Masked(text, {})
    pieces: dict[str, str] = {}
    masked: list[str] = []
    number = 0
    for start, stop in (*blocks, (len(lines), len(lines))):
        masked += [_mask_spans(lines[row], spans.get(row, ()), pieces) for row in range(number, start)]
        if start < stop:
            mark = chr(_BLOCK_BASE + len(pieces) % _PLANE)
            prefix = _PREFIX.match(lines[start])
            pieces[mark] = "\n".join(lines[start:stop])
            masked.append((prefix.group() if prefix else "") + mark)
        number = stop
    if len(pieces) >= _PLANE:
        prefix = _PREFIX.match(text)
        return Masked((prefix.group() if prefix else "") + chr(_BLOCK_BASE), {chr(_BLOCK_BASE): text})
    return Masked("\n".join(masked), pieces)


def unmask(text: str, masked: Masked) -> str:
    """A text made from `masked.text`, with the code back in its places."""
    return _restore(text, masked.pieces) if masked.pieces else text


@lru_cache(maxsize=64)  # most rules leave most pages alone: the next one asks about the same text
def _code(
    text: str, indented: bool = True
) -> tuple[tuple[tuple[int, int], ...], dict[int, tuple[tuple[int, int], ...]]]:
    """Line ranges of block code, and per line the column ranges of inline code."""
    lines = text.split("\n")
    blocks = _fences(lines)
    if "`" not in text and not _INDENTED.search(text) and "<pre" not in text:
        return tuple(blocks), {}
    blank = list(lines)
    for start, stop in blocks:
        # A line of text keeps the paragraphs around a block apart for the parser, as the block did.
        blank[start:stop] = [""] * (stop - start)
    if not indented:
        blank = [line.lstrip() for line in blank]
    spans: dict[int, tuple[tuple[int, int], ...]] = {}
    for token in _PARSER.parse("\n".join(blank)):
        if token.map is None:
            continue
        start, stop = token.map[0], min(token.map[1], len(lines))
        if token.type in {"code_block", "fence"} or (
            token.type == "html_block" and token.content.lstrip().startswith("<pre")
        ):
            while stop > start and not lines[stop - 1].strip():
                stop -= 1
            blocks.append((start, stop))
        elif token.type == "inline":
            spans.update(_inline(lines, start, stop))
    return _merged(blocks), spans


def _fences(lines: list[str]) -> list[tuple[int, int]]:
    """Fences anywhere, also inside HTML tags such as `<aside>`, where a parser would not see them."""
    found: list[tuple[int, int]] = []
    row = 0
    while row < len(lines):
        fence = _FENCE.match(lines[row])
        if fence and not (fence["fence"][0] == "`" and "`" in fence["info"]):
            mark = re.escape(fence["fence"][0])
            close = re.compile(rf"^[ \t>]*{mark}{{{len(fence['fence'])},}}[ \t]*$")
            stop = _close(lines, row, close, quoted=">" in fence["prefix"]) or len(lines)
        elif (tex := _TEX.match(lines[row])) is not None:
            stop = _close(lines, row, _TEX, quoted=">" in tex["prefix"]) or row  # a lone `$$` opens nothing
        else:
            stop = row
        if stop > row:
            found.append((row, stop))
        row = max(stop, row + 1)
    return found


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


def _mask_spans(line: str, spans: tuple[tuple[int, int], ...], pieces: dict[str, str]) -> str:
    """The line with code spans, and private-use characters of its own, each behind one character."""
    whole = [*spans, *((found.start(), found.end()) for found in _PRIVATE.finditer(line))]
    out: list[str] = []
    column = 0
    for begin, end in sorted(whole):
        if begin < column or begin == end:
            continue
        mark = chr(_INLINE_BASE + len(pieces) % _PLANE)
        pieces[mark] = line[begin:end]
        out += [line[column:begin], mark]
        column = end
    return "".join((*out, line[column:]))


def _restore(text: str, pieces: Mapping[str, str]) -> str:
    out: list[str] = []
    for line in text.split("\n"):
        block = BLOCK.search(line)
        if block is None:
            out.append(_PRIVATE.sub(lambda mark: pieces[mark.group()], line))
            continue
        before = _PRIVATE.sub(lambda mark: pieces[mark.group()], line[: block.start()])
        after = line[block.end() :]
        code = pieces[block.group()].split("\n")
        old = _PREFIX.match(code[0])
        indent = old.group() if old else ""
        for number, piece in enumerate(code):
            bare = piece.removeprefix(indent)
            head = before if number == 0 or (bare and piece.startswith(indent)) else before.rstrip(" \t")
            out.append(piece if before == indent else head + bare)
        out[-1] += _PRIVATE.sub(lambda mark: pieces[mark.group()], after)
    return "\n".join(out)
