"""Rules for blocks: what Notion indents, lists, dividers, blank lines."""

from __future__ import annotations

import re

from kbtool.clean.code import outside_code
from kbtool.clean.rule import line_below, with_text, without_lines
from kbtool.model import Page

_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_CHILD = re.compile(
    r"(?:\A|\n(?![-*+ \t]|\d{1,9}[.)])[^\n]+\n)(?:[ \t]*\n)*+(?<=\n)(?: {4}| {0,3}\t)[ \t]*+[^\n]"
)
_INDENT = re.compile(r" {4}| {0,3}\t")
_INDENTED = re.compile(rf"\n[ \t]*\n(?:{_INDENT.pattern})[ \t]*+[^\n]")
_FENCE = re.compile(r"`{3,}|~{3,}")
EMPTY_ITEM = r"(?P<indent>[ \t>]*)(?:[-*+]|\d{1,9}[.)])(?:[ \t]+\[[ xX]?\])?[ \t]*(?=\n|\Z)"
_EMPTY_ITEM = re.compile(rf"\n{EMPTY_ITEM}")
_TODO = re.compile(r"(\n[ \t>]*[-*+] \[[ xX]\])[ \t]{2,}(?=\S)")
DIVIDER = (
    r"(?P<mark>[ \t>]*)"
    r"(?:-[ \t]*-[ \t]*-[- \t]*|\*[ \t]*\*[ \t]*\*[* \t]*|_[ \t]*_[ \t]*_[_ \t]*)(?=\n|\Z)"
)
_DIVIDER = re.compile(rf"\n{DIVIDER}")
_BLANK_LINES = re.compile(r"\n\n\n+")
_GAP = re.compile(r"(?<=\S)[ \t]{2,}(?=\S)")
_MARKS = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?:\[[ xX]\][ \t]+)?")


def outdent_children(page: Page) -> Page:
    """Notion indents the children of a paragraph by four spaces, which Markdown would read as code.

    Its own code always stands in fences. What hangs from a list item keeps its indent.
    """
    if _outdented(page.markdown) == page.markdown:
        return page  # nearly always, and found without a look for code
    return with_text(page, outside_code(page.markdown, _outdented, indented=False))


def may_have_children(text: str) -> bool:
    """Whether an indented line stands under one that is neither indented nor a list item.

    Only one behind a blank line that is no part of a list can be a child. That is looked at first: most pages
    have toggles and indented code, and nothing else.
    """
    if "    " not in text and "\t" not in text:
        return False
    padded = f"\n\n{text}"
    indented = _INDENTED.finditer(padded)
    return (
        any(not _is_in_list(padded, found.start()) for found in indented)
        and _CHILD.search(padded) is not None
    )


def _is_in_list(text: str, end: int) -> bool:
    """Whether the line that ends at `end`, or the last one above that holds something, is part of a list.

    That is an item, or what is indented behind a blank line: in no list, that would be a child itself.
    """
    first = _start_of_line(text, end)
    while first and not text[first:end].strip(" \t"):
        end = first - 1
        first = _start_of_line(text, end)
    line = text[first:end]
    if _ITEM.match(line.lstrip(" \t")):
        return True
    return _INDENT.match(line) is not None and not text[_start_of_line(text, first - 1) : first].strip(
        " \t\n"
    )


def _start_of_line(text: str, end: int) -> int:
    return text.rfind("\n", 0, end) + 1


def _outdented(text: str) -> str:
    out: list[str] = []
    taken = 0  # columns that are taken off the lines of this child
    in_list, after_blank = False, True
    fence = ""  # what closes the code that these lines are; nothing when code is masked
    for line in text.split("\n"):
        bare = line.lstrip(" \t")
        if not bare or fence:
            fence = "" if fence and bare.startswith(fence) else fence
            after_blank = not bare
            out.append(line)
            continue
        width = len(line[: len(line) - len(bare)].expandtabs(4)) if line[0] in " \t" else 0
        if width < taken:
            taken, in_list = 0, False
        if width >= taken + 4 and after_blank and not in_list:
            taken = width
        if bare[0] in "-*+0123456789" and _ITEM.match(bare):
            in_list = True
        elif width == taken and after_blank:
            in_list = False
        if bare[0] in "`~" and (opening := _FENCE.match(bare)):
            fence = opening.group()
        after_blank = False
        out.append(" " * (width - taken) + bare if taken else line)
    return "\n".join(out)


def drop_empty_items(page: Page) -> Page:
    """Bullets, numbers and to-dos without text; one that others hang from stays."""
    return with_text(page, _without_empty_items(f"\n{page.markdown}")[1:])


def _without_empty_items(text: str) -> str:
    gone: list[tuple[int, int]] = []
    following = 0  # indent of the next line that stays and holds something
    for item in reversed(list(_EMPTY_ITEM.finditer(text))):
        below = line_below(text, item.end())
        if below and not (gone and gone[-1][0] == below[0]):
            following = below[1] - below[0]
        if following <= len(item["indent"]):
            gone.append((item.start() + 1, item.end()))
    return without_lines(text, reversed(gone))


def tidy_todos(page: Page) -> Page:
    """Notion writes two spaces after a to-do's box."""
    return with_text(page, _TODO.sub(r"\1 ", f"\n{page.markdown}")[1:])


def drop_dividers(page: Page) -> Page:
    """A divider says nothing, stands as a lone `---` at a chunk's end, and makes the line above a heading."""
    return with_text(page, _DIVIDER.sub(r"\n\1", f"\n{page.markdown}")[1:])


def tidy_lines(page: Page) -> Page:
    """Spaces at line ends and in runs, and blank lines in runs or, in toggles, with four spaces."""
    return with_text(page, _tidied(page.markdown).strip("\n"))


def _tidied(text: str) -> str:
    lines = [line.rstrip(" \t") for line in text.split("\n")]
    lines = [_without_gaps(line) if "  " in line or "\t" in line else line for line in lines]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines))


def _without_gaps(line: str) -> str:
    """Behind the marks of lists and quotes, where it is no indent."""
    marks = _MARKS.match(line)
    start = marks.end() if marks else 0
    return line[:start] + _GAP.sub(" ", line[start:])


def is_untidy(text: str) -> bool:
    """Whether `tidy_lines` may find something."""
    if any(part in text for part in (" \n", "\t", "\n\n\n")) or text != text.strip(" \n"):
        return True
    # What hangs from a list is tidy.
    return "  " in text and "  " in text.replace("\n        ", "\n").replace("\n    ", "\n")
