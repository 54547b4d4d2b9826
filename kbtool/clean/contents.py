"""Hand-made tables of contents."""

from __future__ import annotations

import re

from kbtool.clean.rule import with_text
from kbtool.clean.targets import LINK, is_private, is_relative, key, label
from kbtool.model import Page

_MARKS = r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?(?:\*\*)?"
_LIKE_ENTRY = re.compile(rf"\n{_MARKS}\[[^\n]*\)(?:\*\*)?[ \t]*(?=\n|\Z)")
_ENTRY = re.compile(rf"{_MARKS}{LINK.pattern}(?:\*\*)?[ \t]*$")
_HEADING = re.compile(r"[ \t>]*(?:[-*+][ \t]+)?#{1,6}[ \t]+(.*)$")
_FEWEST = 3


def may_have_contents(text: str) -> bool:
    """Whether as many lines in a row as make a table of contents begin and end like links."""
    if text.count("](") < _FEWEST:
        return False
    run, end = 0, 0
    padded = f"\n{text}"
    for found in _LIKE_ENTRY.finditer(padded):
        run = run + 1 if not padded[end : found.start()].strip() else 1
        if run == _FEWEST:
            return True
        end = found.end()
    return False


def drop_contents(page: Page) -> Page:
    """A table of contents repeats every heading, so it is "found" for each question and answers none.

    It is three or more lines in a row, each only a link whose text is a heading of the page.
    """
    return with_text(page, _without_contents(page.markdown))


def _without_contents(text: str) -> str:
    lines = text.split("\n")
    headings = {key(label(found[1])) for line in lines if (found := _HEADING.match(line))} - {""}
    gone: set[int] = set()
    run: list[int] = []
    above: int | None = None  # the last line that holds something and is no entry
    for row, line in enumerate([*lines, "#"]):
        if not line.strip():
            continue
        if _is_entry(line, headings):
            run.append(row)
            continue
        if len(run) >= _FEWEST:
            gone.update(run)
            if above is not None and _HEADING.match(lines[above]) and line.lstrip(" \t>").startswith("#"):
                gone.add(above)  # the heading over the table has nothing else under it
        run, above = [], row
    return "\n".join(line for row, line in enumerate(lines) if row not in gone)


def _is_entry(line: str, headings: set[str]) -> bool:
    found = _ENTRY.match(line) if "](" in line else None
    if found is None:
        return False
    target = found["target"]
    leads_here = is_relative(target) or is_private(target) or "#" in target
    return leads_here and key(label(found["text"])) in headings
