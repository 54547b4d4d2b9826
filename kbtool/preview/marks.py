"""Which pieces of a source text are those that rules removed.

A removal is known by its text, not by its place: rules run one after the other, each on what the ones before
have left. So a piece is struck through only where there is no doubt: the text stands in the source as often
as it was removed. What stays in doubt, or no longer reads as in the source, is in the list of removals only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kbtool.model import Removal

_SHORTEST = 2
_MOST = 2000


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the source; `removal` is what took it out, None where it stays."""

    text: str
    removal: Removal | None = None


def pieces(source: str, removals: Sequence[Removal]) -> list[Piece]:
    """The source cut into pieces; put together they are the source."""
    found: list[Piece] = []
    end = 0
    for start, stop, removal in sorted(_claims(source, removals), key=lambda claim: claim[0]):
        if start > end:
            found.append(Piece(source[end:start]))
        found.append(Piece(source[start:stop], removal))
        end = stop
    if end < len(source):
        found.append(Piece(source[end:]))
    return found


def _claims(source: str, removals: Iterable[Removal]) -> Iterator[tuple[int, int, Removal]]:
    """Places of removals, none over another: longer texts first, since shorter ones may stand in them."""
    count = Counter(removal.text.strip() for removal in removals)
    first: dict[str, Removal] = {}
    for removal in removals:
        first.setdefault(removal.text.strip(), removal)
    free = bytearray(b"\x01") * len(source)
    texts = [text for text in count if len(text) >= _SHORTEST]
    for text in sorted(texts, key=len, reverse=True)[:_MOST]:
        places = [place for place in _places(source, text) if all(free[place : place + len(text)])]
        lines = [place for place in places if _is_line(source, place, len(text))]
        for taken in (lines, places):
            if len(taken) == count[text]:
                for place in taken:
                    free[place : place + len(text)] = bytes(len(text))
                    yield place, place + len(text), first[text]
                break


def _places(source: str, text: str) -> Iterator[int]:
    """Where the text stands as words of its own."""
    place = source.find(text)
    while place >= 0:
        end = place + len(text)
        cuts_before = place > 0 and source[place - 1].isalnum() and text[0].isalnum()
        cuts_after = end < len(source) and source[end].isalnum() and text[-1].isalnum()
        if not (cuts_before or cuts_after):
            yield place
        place = source.find(text, end)


def _is_line(source: str, place: int, length: int) -> bool:
    before = source[source.rfind("\n", 0, place) + 1 : place]
    stop = source.find("\n", place + length)
    after = source[place + length : stop if stop >= 0 else len(source)]
    return not before.strip() and not after.strip()
