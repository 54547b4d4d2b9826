"""Bold that editors break: what is left shows as stars."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
    return with_text(page, "\n".join(map(_mended_line, page.markdown.split("\n"))))


def is_broken(text: str) -> bool:
    """Whether `mend_bold` may find something. A line with code is looked at when its code is hidden."""
    return any("`" in line or _mended_line(line) != line for line in _lines_with_stars(text))


def _lines_with_stars(text: str) -> Iterator[str]:
    start = text.find("**")
    while start >= 0:
        end = text.find("\n", start)
        end = end if end >= 0 else len(text)
        yield text[text.rfind("\n", 0, start) + 1 : end]
        start = text.find("**", end)


def _mended_line(line: str) -> str:
    if "**" not in line or "**" not in _WHOLE.sub("", line) or _RULE.match(line):
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
