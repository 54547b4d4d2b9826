"""Lists and quotes: where they end, and which lines stand in them.

`end_of_list` and `end_of_quote` give up (None) where a line's place depends on more than its indent: text
that goes on with a paragraph but lacks the container's mark or indent, items without text on their first
line, and tabs in quotes. The parser reads those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from kbtool.scan import line as at

_BEFORE_TEXT = re.compile(r"(?:[ \t>]|(?:[-+*]|[0-9]{1,9}[.)])(?=[ \t]))+")
_ITEM = re.compile(r" {0,3}(?:([-+*])|[0-9]{1,9}([.)])) (?: {0,3}(?=[^ ])|(?= {4,}[^ ]))")
_QUOTE_MARK = re.compile(r" {0,3}> ?")
_TEXT = re.compile(r"[^>\s\-+*.)0-9]")

LONGEST = 2000
"""Lines of an odd list that the parser is given at once: it keeps a kilobyte for each."""


def end_of_list(lines: Sequence[str], first: int) -> int | None:
    """The line after the list that begins at line `first`, or after the plain part of a very long one."""
    indent, mark = _item(_untabbed(lines[first]))
    if not indent or _has_quoted_tab(lines[first]):
        return None
    start, is_after_blank = first, False
    for row in range(first + 1, len(lines)):
        line = lines[row]
        if not line or at.is_blank(line):
            is_after_blank = True
            continue
        if "\t" in line:
            if _has_quoted_tab(line):
                break
            line = _untabbed(line)
        if line[:indent].strip(" "):
            own, sign = _item(line)
            if sign != mark or at.is_rule(line):
                if _is_below(line, mark, is_after_blank=is_after_blank):
                    return row
                break
            start, indent = row, own
        is_after_blank = False
    else:
        return len(lines)
    return start if start - first >= LONGEST else None


def items(lines: Sequence[str], first: int, last: int) -> Iterator[tuple[int, list[str]]]:
    """The items of a list: the number of the first line of each, and its lines without their indent."""
    start, item = first, [_untabbed(lines[first])]
    indent, _ = _item(item[0])
    for row in range(first + 1, last):
        line = _untabbed(lines[row])
        if line[:indent].strip(at.BLANKS):
            yield start, [line[indent:] for line in item]
            start, item, (indent, _) = row, [], _item(line)
        item.append(line)
    yield start, [line[indent:] for line in item]


def end_of_quote(lines: Sequence[str], first: int) -> int | None:
    """The line after the quote that begins at line `first`."""
    row = first
    while row < len(lines) and at.is_quote(lines[row]):
        if _has_quoted_tab(lines[row]):
            return None
        row += 1
    # Below a quote that ends with an empty line, what comes next does not belong to its last paragraph.
    if not _TEXT.search(lines[row - 1]):
        return None
    ends_here = row == len(lines) or at.is_blank(lines[row]) or at.ends_container(lines[row])
    return row if ends_here else None


def quoted(lines: Sequence[str]) -> list[str]:
    """The lines of a quote without its mark."""
    return [_QUOTE_MARK.sub("", line, count=1) for line in lines]


def _untabbed(line: str) -> str:
    """The line with spaces for the tabs before its text: tab stops are four columns apart."""
    before = _BEFORE_TEXT.match(line) if "\t" in line else None
    return before.group().expandtabs(4) + line[before.end() :] if before else line


def _has_quoted_tab(line: str) -> bool:
    """Whether a tab stands in front of the text of a quote: how wide it is there, readers do not agree."""
    before = _BEFORE_TEXT.match(line) if "\t" in line and ">" in line else None
    return before is not None and "\t" in before.group() and ">" in before.group()


def _item(line: str) -> tuple[int, str]:
    """Columns before an item's text, and what tells its list from others: bullet, or sign after the number.

    (0, "") for a line that is no item, or an item without text on its first line.
    """
    found = _ITEM.match(line)
    return (found.end(), found[1] or found[2]) if found else (0, "")


def _is_below(line: str, mark: str, *, is_after_blank: bool) -> bool:
    """Whether an outdented line surely stands below the list with this mark, not in it."""
    if at.is_code(line):
        return False
    item = at.ITEM.match(line)
    if item and not at.is_rule(line):
        return (item[1] or item[2]) != mark
    return is_after_blank or at.ends_container(line)
