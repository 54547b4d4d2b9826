"""The blocks of a page, one after the other, each by what its first line begins.

The order of the readers for one mark is CommonMark's: a rule of hyphens is no list, and a table goes before
all. A list, quote or link definition that is too odd to be read by its lines goes to the parser, with the
lines down to where the page surely begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from kbtool.scan import line as at
from kbtool.scan import nested, parser
from kbtool.scan.block import Block

_LIST_MARKS = frozenset(" \t-+*0123456789")
_DEEPEST = 50  # lists and quotes in each other; what is deeper is not looked into
nested.LONGEST = (
    2000  # lines that the parser, which keeps a kilobyte for each, is given at once where they can be parted
)
_MOST_CELLS = 0x10000  # that markdown-it-py adds to the short rows of one table


def scan(lines: Sequence[str], first: int = 0) -> Iterator[Block]:
    r"""The blocks of a page that is given by its lines (split at `\n`), each read when it is asked for.

    They are counted from `first`, for lines from the middle of a page, where it `begins_anew`.
    """
    # What follows the end of the last line is no line, and a carriage return inside a line ends none.
    last = len(lines) - (1 if lines and not lines[-1] else 0)
    lines = lines[:last]
    text = "\n".join(lines)
    if "\r" in text or "\0" in text:
        # CommonMark reads a null character as the sign for what cannot be shown.
        lines = [line.replace("\r", " ").replace("\0", "\ufffd") for line in lines]
    return _blocks(_View(lines, first, 0))


@dataclass(frozen=True, slots=True)
class _View:
    """Lines of a page, those of an item or quote without indent or mark; the first is line `first`."""

    lines: Sequence[str]
    first: int
    depth: int


_Read = tuple[Sequence[Block], int]  # the blocks, and the line after them
_Reader = Callable[[_View, int], _Read | None]


def _blocks(view: _View) -> Iterator[Block]:
    lines, row = view.lines, 0
    while row < len(lines):
        line = lines[row]
        if not line or at.is_blank(line):
            row += 1
            continue
        if line[0] not in at.MARKS and (row + 1 == len(lines) or not lines[row + 1]):
            yield Block("paragraph", view.first + row, view.first + row + 1)
            row += 2
            continue
        found, row = _read(view, row)
        yield from found


def _read(view: _View, row: int) -> _Read:
    line = view.lines[row]
    if "|" in line and at.begins_table(view.lines, row):
        return _table(view, row)
    if line[0] in at.BLANKS:
        if at.is_code(line):
            return _code(view, row)
        line = line.lstrip(" ")
    for reader in _READERS.get(line[0], ()):
        found = reader(view, row)
        if found:
            return found
    return _paragraph(view, row)


def _table(view: _View, first: int) -> _Read:
    lines, last = view.lines, first + 2
    while last < len(lines) and not at.ends_table(lines[last]):
        last += 1
    columns = at.cells(lines[first])
    if columns * (last - first) > _MOST_CELLS:
        lacking = accumulate(columns - at.cells(row) for row in lines[first + 2 : last])
        last = next((first + 2 + n for n, cells in enumerate(lacking) if cells > _MOST_CELLS), last)
    return [Block("table", view.first + first, view.first + last)], last


def _code(view: _View, first: int) -> _Read:
    last = row = first + 1
    while row < len(view.lines) and (at.is_code(view.lines[row]) or at.is_blank(view.lines[row])):
        row += 1
        if not at.is_blank(view.lines[row - 1]):
            last = row
    return [Block("code", view.first + first, view.first + last)], last


def _fence(view: _View, first: int) -> _Read | None:
    opening = at.fence(view.lines[first])
    if not opening:
        return None
    mark, info = opening
    row = first + 1
    while row < len(view.lines) and not at.closes(view.lines[row], mark):
        row += 1
    last = min(row + 1, len(view.lines))
    return [Block("fence", view.first + first, view.first + last, mark=mark, text=info)], last


def _html(view: _View, first: int) -> _Read | None:
    end = at.html_end(view.lines[first])
    if not end:
        return None
    row = first
    while row < len(view.lines) and not end.search(view.lines[row].strip(at.BLANKS)):
        row += 1
    # A blank line that ends a block is not its last line; a line with the closing tag is.
    last = min(row if end.search("") else row + 1, len(view.lines))
    return [Block("html", view.first + first, view.first + last)], last


def _rule(view: _View, row: int) -> _Read | None:
    if not at.is_rule(view.lines[row]):
        return None
    return [Block("rule", view.first + row, view.first + row + 1)], row + 1


def _heading(view: _View, row: int) -> _Read | None:
    found = at.heading(view.lines[row])
    if not found:
        return None
    mark, text = found
    heading = Block("heading", view.first + row, view.first + row + 1, len(mark), mark, text)
    return [heading], row + 1


def _paragraph(view: _View, first: int) -> _Read:
    """A paragraph, or the heading that an underline makes of it."""
    lines, row = view.lines, first + 1
    while row < len(lines) and not at.is_blank(lines[row]):
        line = lines[row]
        if line[0] in at.MARKS and not at.is_code(line):
            sign = at.underline(line)
            if sign:
                text, level = at.trimmed("\n".join(lines[first:row])), 1 if sign == "=" else 2
                return [
                    Block("heading", view.first + first, view.first + row + 1, level, sign, text)
                ], row + 1
            if at.ends_paragraph(line):
                break
        if "|" in line and at.begins_table(lines, row):
            break
        row += 1
    return [Block("paragraph", view.first + first, view.first + row)], row


def _list(view: _View, first: int) -> _Read | None:
    if not at.ITEM.match(view.lines[first]):
        return None
    last = nested.end_of_list(view.lines, first)
    if last is None:
        return _odd(view, first)
    inside = partial(_items, view, first, last) if view.depth < _DEEPEST else None
    return [Block("list", view.first + first, view.first + last, look_inside=inside)], last


def _items(view: _View, first: int, last: int) -> Iterator[Block]:
    for start, lines in nested.items(view.lines, first, last):
        inside = _View(lines, view.first + start, view.depth + 1)
        yield Block("item", inside.first, inside.first + len(lines), look_inside=partial(_blocks, inside))


def _quote(view: _View, first: int) -> _Read:
    last = nested.end_of_quote(view.lines, first)
    if last is None:
        return _odd(view, first)
    inside = partial(_quoted, view, first, last) if view.depth < _DEEPEST else None
    return [Block("quote", view.first + first, view.first + last, look_inside=inside)], last


def _quoted(view: _View, first: int, last: int) -> Iterator[Block]:
    lines = nested.quoted(view.lines[first:last])
    return _blocks(_View(lines, view.first + first, view.depth + 1))


def _definition(view: _View, row: int) -> _Read | None:
    return _odd(view, row) if at.may_define(view.lines[row]) else None


def _odd(view: _View, first: int) -> _Read:
    """The blocks down to where the page begins anew, by the parser; a very long list comes as several."""
    last = first + 1
    while last < len(view.lines) and not begins_anew(view.lines, last):
        if last - first >= nested.LONGEST and _begins_item(view.lines, last):
            break
        last += 1
    found = parser.parse(view.lines[first:last], view.first + first)
    # A fence or an HTML block at the end may be open still, and go on behind those lines.
    if found and found[-1].kind in {"fence", "html"} and found[-1].first > view.first + first:
        open_block = found.pop()
        return found, open_block.first - view.first
    return found, last


def begins_anew(lines: Sequence[str], row: int) -> bool:
    """Whether no list, quote or paragraph from above can reach this line."""
    return lines[row][:1] not in _LIST_MARKS and lines[row] != "" and at.is_blank(lines[row - 1])


def _begins_item(lines: Sequence[str], row: int) -> bool:
    """Whether an item begins here that is in no other: it has no indent, and no paragraph goes on with it."""
    line = lines[row]
    is_item = line[:1] not in {"", " "} and at.ITEM.match(line) is not None
    return is_item and (at.is_blank(lines[row - 1]) or at.ends_paragraph(line))


_READERS: dict[str, tuple[_Reader, ...]] = {
    "`": (_fence,),
    "~": (_fence,),
    ">": (_quote,),
    "-": (_rule, _list),
    "*": (_rule, _list),
    "_": (_rule,),
    "+": (_list,),
    **dict.fromkeys("0123456789", (_list,)),
    "<": (_html,),
    "#": (_heading,),
    "[": (_definition,),
}
