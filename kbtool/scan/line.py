"""What one line of Markdown can begin or end, by CommonMark's rules for a line outside any container.

A line has no line end in it. A blank is a space or a tab, as CommonMark has it: a line that holds a no-break
space is text. Up to three spaces may stand before every mark; a tab there would make it indented code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it.common.utils import mdTrim
from markdown_it.rules_block.html_block import HTML_SEQUENCES

BLANKS = " \t"
MARKS = frozenset(" \t#>`~-+*_=<[|:0123456789")
"""Whatever is not plain text by its first character begins with one of these."""

ITEM = re.compile(r" {0,3}(?:([-+*])|[0-9]{1,9}([.)]))(?:[ \t]|$)")
"""A list item; the group that matched is what tells its list from another list."""

_CODE = re.compile(r" {4}| {0,3}\t")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(?:(`{3,})([^`]*)|(~{3,})(.*))$")
_QUOTE = re.compile(r" {0,3}>")
_RULE = re.compile(r" {0,3}([-*_])[ \t]*+(?:\1[ \t]*+){2,}$")
_INTERRUPTING_ITEM = re.compile(r" {0,3}(?:[-+*]|0{0,8}1[.)])[ \t]+[^ \t]")
_DELIMITERS = re.compile(
    r" {0,3}(?=[|:-][|:\- \t])(?!-[ \t])\|?[ \t]*+:?-++:?[ \t]*+(?:\|[ \t]*+:?-++:?[ \t]*+)*+\|?[ \t]*$"
)
_BARE_PIPE = re.compile(r"(?<!\\)\|")
_NO_DEFINITION = re.compile(r"\[(?:[^\[\]\\]|\\.)*+(?:\[|\](?!:))")

HtmlEnd = re.Pattern[str]


def is_blank(line: str) -> bool:
    return not line.strip(BLANKS)


def is_code(line: str) -> bool:
    """Indented by four columns or more."""
    return _CODE.match(line) is not None


def heading(line: str) -> tuple[str, str] | None:
    """The hashes and the text of an ATX heading, closing hashes left out."""
    found = _HEADING.match(line)
    if not found:
        return None
    text = line[found.end(1) :].rstrip(BLANKS)
    bare = text.rstrip("#")
    return found[1], trimmed(bare if bare[-1:] in {" ", "\t"} else text)


def underline(line: str) -> str:
    """The sign that makes the paragraph above a heading, `=` or `-`; empty if the line is no underline."""
    found = _UNDERLINE.match(line)
    return found[1][0] if found else ""


def fence(line: str) -> tuple[str, str] | None:
    """The mark and the info string of a fence that opens here."""
    found = _FENCE.match(line)
    if not found:
        return None
    return (found[1], found[2]) if found[1] else (found[3], found[4])


def closes(line: str, mark: str) -> bool:
    """Whether the line closes a fence that was opened by `mark`."""
    bare = line.strip(BLANKS)
    return len(bare) >= len(mark) and not bare.strip(mark[0]) and not is_code(line)


def is_quote(line: str) -> bool:
    return _QUOTE.match(line) is not None


def is_rule(line: str) -> bool:
    """A thematic break."""
    return _RULE.match(line) is not None


def html_end(line: str, *, interrupting: bool = False) -> HtmlEnd | None:
    """What ends the HTML block that begins here, None if none does; `^$` is a blank line.

    `interrupting` leaves out the seventh kind, any other tag alone on its line, which ends no paragraph.
    """
    bare = line.lstrip(" ")
    if not bare.startswith("<") or is_code(line):
        return None
    for opening, closing, may_interrupt in HTML_SEQUENCES:
        if opening.search(bare):
            return closing if may_interrupt or not interrupting else None
    return None


def may_define(line: str) -> bool:
    """Whether a link definition may begin here; its label may go on in the lines below."""
    bare = line.lstrip(" ")
    return bare.startswith("[") and _NO_DEFINITION.match(bare) is None


def begins_table(lines: Sequence[str], row: int) -> bool:
    """Whether this line is the header of a table and the next one its delimiter row."""
    if row + 1 >= len(lines) or "|" not in lines[row] or not _DELIMITERS.match(lines[row + 1]):
        return False
    if is_code(lines[row]):
        return False
    delimiters = lines[row + 1]
    columns = sum(1 for column in delimiters.split("|") if column.strip(BLANKS))
    return cells(lines[row]) == columns


def cells(line: str) -> int:
    """The cells of a table row, the empty ones outside its outer pipes not counted."""
    row = trimmed(line)
    pipes = [found.start() for found in _BARE_PIPE.finditer(row)]
    return len(pipes) + 1 - (pipes[:1] == [0]) - (pipes[-1:] == [len(row) - 1])


def ends_table(line: str) -> bool:
    """Whether the line is no row of the table above it."""
    return not line.startswith("|") and (not trimmed(line) or is_code(line) or ends_container(line))


def ends_paragraph(line: str) -> bool:
    """Whether another block begins here although no blank line stands above; tables are not looked for."""
    return bool(_INTERRUPTING_ITEM.match(line)) or _interrupts(line)


def ends_container(line: str) -> bool:
    """Whether a line less indented than a list or quote ends it although no blank line stands above."""
    return bool(ITEM.match(line)) or _interrupts(line)


def _interrupts(line: str) -> bool:
    if line.lstrip(" ")[:1] not in MARKS:
        return False
    return (
        fence(line) is not None
        or is_quote(line)
        or is_rule(line)
        or _HEADING.match(line) is not None
        or html_end(line, interrupting=True) is not None
    )


def trimmed(text: str) -> str:
    """The text without white space at its ends, as CommonMark has white space."""
    return mdTrim(text)
