"""Bold that editors break: what is left shows as stars."""

from __future__ import annotations

import re

from kbtool.clean.rule import with_text
from kbtool.model import Page

_STARS = re.compile(r"(?<![\\*])\*\*(?!\*)")
_DOUBLED = re.compile(r"(?<![\\*])\*{4}(?!\*)")
_WHOLE = re.compile(
    r"\*\*(?<![\\*]\*\*)(?=\w)[^*\n`]++(?:(?<=\w)|(?<=[:;,.!?：；，。！？、…”’」』》）】〉])(?=\*\*(?!\w)))"
    r"\*\*(?!\*)(?![ \t]+[，。；：、！？）])"
)
"""Bold as it should be: a word, whatever is no star or code, and a word or a point that no word follows."""
_RULE = re.compile(r"[ \t>]*(?:\*[ \t]*){3,}$")
_LOOSE_POINT = re.compile(r"\*\*[ \t]+(?=[，。；：、！？）])")
_POINTS = frozenset(" \t-–—:;.,·•|/")
_OPENING = "“‘「『《（【〈"
_CLOSING = ":;,.!?：；，。！？、…”’」』》）】〉"


def mend_bold(page: Page) -> Page:
    """Bold that is empty, around a dash alone, with a space inside, or closed behind a point in a word.

    Markdown shows the stars of `**Note:**the`: a mark between a point and a letter closes nothing.
    """
    lines = page.markdown.split("\n")
    for row in _rows_with_odd_stars(page.markdown):
        lines[row] = _mended_line(lines[row])
    return with_text(page, "\n".join(lines))


def is_broken(text: str) -> bool:
    """Whether `mend_bold` may find something. A line with code is looked at when its code is hidden."""
    rows = _rows_with_odd_stars(text) if "**" in text else []
    lines = text.split("\n") if rows else []
    return any("`" in lines[row] or _mended_line(lines[row]) != lines[row] for row in rows)


def _rows_with_odd_stars(text: str) -> list[int]:
    """The lines that hold stars besides bold that is as it should be."""
    rest = _WHOLE.sub("", text)
    return [row for row, line in enumerate(rest.split("\n")) if "**" in line] if "**" in rest else []


def _mended_line(line: str) -> str:
    if "**" not in line or _RULE.match(line):
        return line
    parts = _STARS.split(_DOUBLED.sub("", line))
    if len(parts) % 2 == 0:
        return line  # an odd number of marks: which of them belong together is anybody's guess
    out = parts[:1]
    for inner, following in zip(parts[1::2], parts[2::2], strict=True):
        out += [_bold(inner, before=out[-1], after=following), following]
    return _LOOSE_POINT.sub("**", "".join(out))


def _bold(inner: str, before: str, after: str) -> str:
    """What stood between two marks, in bold where that shows."""
    if not set(inner) - _POINTS:
        return inner
    if inner[0].isspace() and inner[-1].isspace():
        return f"**{inner}**"  # stars with space on both sides are no emphasis but somebody's text
    bare = inner.strip()
    head = inner[: len(inner) - len(inner.lstrip())]
    tail = inner[len(inner.rstrip()) :]
    if "\\" in bare or "&" in bare:
        return f"{head}**{bare}**{tail}"  # its points may belong to an escape or an entity
    if not head and before[-1:].isalnum():
        head, bare = _parted(bare, len(bare) - len(bare.lstrip(_OPENING)))
    if not tail and after[:1].isalnum():
        bare, tail = _parted(bare, len(bare.rstrip(_CLOSING)))
    return f"{head}**{bare}**{tail}"


def _parted(text: str, column: int) -> tuple[str, str]:
    return text[:column], text[column:]
