"""A text in pieces, each small enough for its channel, cut where a reader would pause.

Nothing is lost but the white space at the seams.
"""

from __future__ import annotations

import regex

# Where to cut, the best first: behind a paragraph, a line, a sentence, a word; else between two characters
# as readers see them, of which a family emoji or a letter with its accents is one.
_SEAMS = tuple(
    map(regex.compile, (r"\n\s*\n", r"\n", r"(?<=[.!?…:;])\s|(?<=[。！？；])", r"\s|(?<=[，、])", r"(?=\X)"))
)
_LEAST = 0.4
"""A seam in the first part of a piece is passed over for a lesser one behind it: pieces stay few."""


def size(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int) -> tuple[str, ...]:
    """The pieces of `text`, none larger than `limit` UTF-16 units (at least 2), in order."""
    found: list[str] = []
    rest = text.strip()
    while rest:
        cut = len(rest) if size(rest) <= limit else _cut(rest, limit)
        found.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return tuple(piece for piece in found if piece)


def _cut(text: str, limit: int) -> int:
    """How many characters the first piece has."""
    longest = _fitting(text, limit)
    for seams in _SEAMS:
        ends = [match.start() for match in seams.finditer(text, 0, longest + 1) if match.start() <= longest]
        if ends and ends[-1] >= longest * _LEAST and ends[-1] > 0:
            return ends[-1]
    return longest


def _fitting(text: str, limit: int) -> int:
    """The number of characters from the start that fit."""
    units = 0
    for index, character in enumerate(text):
        units += 2 if ord(character) > 0xFFFF else 1
        if units > limit:
            return max(index, 1)
    return len(text)
