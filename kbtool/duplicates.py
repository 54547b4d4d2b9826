"""Pages that say the same: which, how much alike, and which of them is older.

Likeness is the share of five-character pieces that two texts have in common (Jaccard), estimated by one
permutation hashing (Li, Owen and Zhang 2012): one hash for each piece, a quarter of them sampled by their
value, the least in each of 64 bins kept. Two pages are compared where four neighbouring bins are equal: so
are all but one in 10,000 pairs that are 85 % alike.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SHINGLE = 5
_BINS = 64
_BAND = 4
_DIGEST = 16
_SHORTEST = 200  # letters; below, a page is a form with a word filled in, and only equal ones count
_ALIKE = 0.85
_SIGNS = ((0x80, 0xBF), (0x2000, 0x206F), (0x3000, 0x303F), (0xFE00, 0xFE0F))
"""Punctuation, blanks and variation selectors beyond ASCII; as ranges, which numpy takes out at once."""


@dataclass(frozen=True, slots=True)
class Sketched:
    """A page by its name in the report, its sketch, and its date or ""."""

    name: str
    sketch: bytes
    edited: str = ""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A page, an earlier one that it is like, and the name of the older one, "" where dates do not say."""

    name: str
    like: str
    likeness: float
    older: str


def sketch(text: str) -> bytes:
    """What is compared of a text: a digest of its letters and digits, and bins where it is long enough."""
    import numpy as np  # noqa: PLC0415  # takes longer to import than all the rest, and few commands compare

    folded = unicodedata.normalize("NFKC", text).casefold().encode("utf-32-le", "replace")
    codes = np.frombuffer(folded, dtype="<u4")
    ascii_letters = np.array([chr(code).isalnum() for code in range(128)])
    says = ascii_letters[np.minimum(codes, 127)] & (codes < 128) | (codes >= 128)
    for first, last in _SIGNS:
        says &= (codes < first) | (codes > last)
    codes = codes[says].astype(np.uint64)
    digest = hashlib.blake2b(codes.tobytes(), digest_size=_DIGEST).digest()
    if len(codes) < _SHORTEST:
        return digest if len(codes) else b""
    count = len(codes) - _SHINGLE + 1
    hashes = codes[:count]
    for offset in range(1, _SHINGLE):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + codes[offset : offset + count]
    hashes ^= hashes >> np.uint64(33)
    hashes *= np.uint64(0xFF51AFD7ED558CCD)
    hashes ^= hashes >> np.uint64(33)
    hashes = hashes[hashes & np.uint64(3) == 0]
    if not len(hashes):
        return digest
    hashes.sort()
    edges = np.arange(_BINS, dtype=np.uint64) << np.uint64(58)
    starts = np.searchsorted(hashes, edges)
    ends = np.append(starts[1:], len(hashes))
    least = np.where(starts < ends, hashes[np.minimum(starts, len(hashes) - 1)], np.uint64(0))
    return digest + (least >> np.uint64(26)).astype("<u4").tobytes()


def likeness(one: bytes, other: bytes) -> float:
    """How much alike two texts are, from 0 to 1, by their sketches."""
    if one[:_DIGEST] == other[:_DIGEST]:
        return 1.0
    pairs = list(zip(_bins(one), _bins(other), strict=False))
    filled = [(a, b) for a, b in pairs if a or b]
    return sum(a == b for a, b in filled) / len(filled) if filled else 0.0


def find(pages: Iterable[Sketched]) -> list[Duplicate]:
    """Each page that is like an earlier one, with the one that it is most like."""
    first_of: dict[tuple[int, bytes], Sketched] = {}
    found: list[Duplicate] = []
    for page in pages:
        if not page.sketch:
            continue
        marks = _marks(page.sketch)
        others = {first_of[mark].name: first_of[mark] for mark in marks if mark in first_of}
        alike = [(likeness(page.sketch, other.sketch), other) for other in others.values()]
        best = max(alike, key=lambda pair: pair[0], default=None)
        if best and best[0] >= _ALIKE:
            found.append(Duplicate(page.name, best[1].name, round(best[0], 2), _older(best[1], page)))
        for mark in marks:
            first_of.setdefault(mark, page)
    return found


def _marks(sketched: bytes) -> Sequence[tuple[int, bytes]]:
    """What a page is looked up by: its digest, and each run of bins."""
    bins, width = sketched[_DIGEST:], 4 * _BAND
    runs = [(start + 1, bins[start : start + width]) for start in range(0, len(bins), width)]
    return [(0, sketched[:_DIGEST]), *(run for run in runs if any(run[1]))]


def _bins(sketched: bytes) -> list[bytes]:
    empty = bytes(4)
    cut = (sketched[at : at + 4] for at in range(_DIGEST, len(sketched), 4))
    return [b"" if one == empty else one for one in cut]


def _older(one: Sketched, other: Sketched) -> str:
    if not one.edited or not other.edited or one.edited == other.edited:
        return ""
    return min(one, other, key=lambda page: page.edited).name
