"""Rules for blocks: what Notion indents, lists, dividers, blank lines."""

from __future__ import annotations

import re

from kbtool.clean.code import outside_code
from kbtool.clean.rule import with_text
from kbtool.model import Page

_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_CHILD = re.compile(
    r"(?:\A|\n(?![-*+ \t]|\d{1,9}[.)])[^\n]+\n)(?:[ \t]*\n)*+(?<=\n)(?: {4}| {0,3}\t)[ \t]*+[^\n]"
)
_FENCE = re.compile(r"`{3,}|~{3,}")
EMPTY_ITEM = r"(?P<indent>[ \t>]*)(?:[-*+]|\d{1,9}[.)])(?:[ \t]+\[[ xX]?\])?[ \t]*(?:\n|\Z)"
_EMPTY_ITEM = re.compile(EMPTY_ITEM)
_TODO = re.compile(r"(\n[ \t>]*[-*+] \[[ xX]\])[ \t]{2,}(?=\S)")
DIVIDER = (
    r"(?P<mark>[ \t>]*)"
    r"(?:-[ \t]*-[ \t]*-[- \t]*|\*[ \t]*\*[ \t]*\*[* \t]*|_[ \t]*_[ \t]*_[_ \t]*)(?=\n|\Z)"
)
_DIVIDER = re.compile(rf"(?m)^{DIVIDER}")
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
    """Whether an indented line stands under one that is neither indented nor a list item."""
    return ("    " in text or "\t" in text) and _CHILD.search(f"\n{text}") is not None


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
    return with_text(page, _without_empty_items(page.markdown))


def _without_empty_items(text: str) -> str:
    kept: list[str] = []
    following = 0  # indent of the next line that stays and holds something
    for line in reversed(text.split("\n")):
        empty = _EMPTY_ITEM.match(line)
        if empty is None or following > len(empty["indent"]):
            kept.append(line)
            following = len(line) - len(line.lstrip()) if line.strip() else following
    return "\n".join(reversed(kept))


def tidy_todos(page: Page) -> Page:
    """Notion writes two spaces after a to-do's box."""
    return with_text(page, _TODO.sub(r"\1 ", f"\n{page.markdown}")[1:])


def drop_dividers(page: Page) -> Page:
    """A divider says nothing, stands as a lone `---` at a chunk's end, and makes the line above a heading."""
    return with_text(page, _DIVIDER.sub(r"\1", page.markdown))


def tidy_lines(page: Page) -> Page:
    """Spaces at line ends and in runs, and blank lines in runs or, in toggles, with four spaces."""
    return with_text(page, _tidied(page.markdown).strip("\n"))


def _tidied(text: str) -> str:
    out: list[str] = []
    for line in text.split("\n"):
        bare = line.rstrip(" \t")
        if "  " in bare or "\t" in bare:
            marks = _MARKS.match(bare)
            start = marks.end() if marks else 0  # behind the marks of lists and quotes it is indent
            bare = bare[:start] + _GAP.sub(" ", bare[start:])
        if bare or (out and out[-1]):
            out.append(bare)
    return "\n".join(out)


def is_untidy(text: str) -> bool:
    """Whether `tidy_lines` may find something."""
    if any(part in text for part in (" \n", "\t", "\n\n\n")) or text != text.strip(" \n"):
        return True
    return "  " in text.replace("\n        ", "\n").replace("\n    ", "\n")  # what hangs from a list is tidy
