"""How Dify turns a document's text into segments: clean, split, trim. Pure functions, text in and text out.

Recorded in 031-067, 199, 216, 370-382 and 416-418; the order is Dify's: cleaning runs before splitting, so a
separator that cleaning changes never matches [050, 058].
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MIN_LENGTH, MAX_LENGTH = 50, 4000
FALLBACK_SEPARATORS = ("\n\n", "。", ". ", " ", "")

# The last three are what UTF-8 would call a byte order mark; the class was meant for bytes, so the
# letters ï, ¿ and ¾ are lost whatever the rules say.
_LOST = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xef\xbf\xbe\ufffe]")
_MANY_NEWLINES = re.compile(r"\n{3,}")
_MANY_SPACES = re.compile("[\t\f\r \u00a0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000]{2,}")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+\.[\w.-]+")
_URL = re.compile(r"https?://[^\s)]+")
_LEADING_SYMBOLS = re.compile(
    "^[\\[\\]\u2000-\u2025\u2027-\u206f\u2e00-\u2e7f\u3000-\u300f\u3011-\u303f\"#$%&'()*+,./:;<=>?@^_`~]+"
)


class SplitError(ValueError):
    """The rule cannot be followed. Dify says so only in the document's `error` [063-067, 196]."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where to cut and how long a piece may be, in characters (not tokens, whatever the field is called)."""

    separator: str
    length: int
    overlap: int = 0
    is_recursive: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A process rule, read: `children` only for hierarchical documents."""

    cut: Cut
    removes_extra_spaces: bool = False
    removes_addresses: bool = False
    children: Cut | None = None
    is_full_document: bool = False


AUTOMATIC = Rule(Cut("\n", 500, 50, is_recursive=True), removes_extra_spaces=True)


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment to be, with its children where the document has any."""

    content: str
    children: tuple[str, ...] = ()


def split(text: str, rule: Rule, doc_form: str) -> list[Piece]:
    """The segments of `text`. Raises SplitError with Dify's own sentence."""
    if doc_form == "qa_model":
        return []  # a language model would write its pairs; with no usable output there are none [221]
    if doc_form == "hierarchical_model":
        return _split_hierarchical(text, rule)
    trimmed = (_LEADING_SYMBOLS.sub("", piece).strip() for piece in _pieces(clean(text, rule), rule.cut))
    return [Piece(piece) for piece in trimmed if piece]


def children_of(content: str, cut: Cut) -> tuple[str, ...]:
    """The child chunks of one segment: cut, without blank ones and without a leading full stop [199]."""
    return tuple(_without_leading_stop(_pieces(content, cut)))


def clean(text: str, rule: Rule) -> str:
    """What is done to every text, then what the rule asks for."""
    text = _LOST.sub("", text.replace("<|", "<").replace("|>", ">"))
    if rule.removes_extra_spaces:
        text = _MANY_SPACES.sub(" ", _MANY_NEWLINES.sub("\n\n", text))
    if rule.removes_addresses:
        text = _URL.sub("", _EMAIL.sub("", text))
    return text


def _split_hierarchical(text: str, rule: Rule) -> list[Piece]:
    if rule.is_full_document:
        parents = [text] if text.strip() else []
    else:
        parents = _without_leading_stop(_pieces(clean(text, rule), rule.cut))
    if rule.children is None:
        raise SplitError("No subchunk segmentation found in rules.")
    return [Piece(parent, children_of(parent, rule.children)) for parent in parents]


def _without_leading_stop(pieces: Iterable[str]) -> list[str]:
    kept = (
        piece[1:].strip() if piece.startswith((".", "。")) else piece for piece in pieces if piece.strip()
    )
    return [piece for piece in kept if piece]


def _pieces(text: str, cut: Cut) -> list[str]:
    if not MIN_LENGTH <= cut.length <= MAX_LENGTH:
        raise SplitError(f"Custom segment length should be between {MIN_LENGTH} and {MAX_LENGTH}.")
    if cut.overlap > cut.length:
        raise SplitError(
            f"Got a larger chunk overlap ({cut.overlap}) than chunk size ({cut.length}), should be smaller."
        )
    if cut.is_recursive:
        return _resplit(text, cut, FALLBACK_SEPARATORS)
    pieces: list[str] = []
    for piece in text.split(_decoded(cut.separator)):
        pieces += _resplit(piece, cut, FALLBACK_SEPARATORS) if len(piece) > cut.length else [piece]
    return pieces


def _decoded(separator: str) -> str:
    r"""`\n` written as two characters works; beyond ASCII a separator becomes another text [047, 379]."""
    try:
        return codecs.decode(separator.encode(), "unicode_escape")
    except UnicodeDecodeError as error:
        raise SplitError(str(error)) from error


def _resplit(text: str, cut: Cut, separators: Sequence[str]) -> list[str]:
    """Cut `text` at the first of `separators` that it has, and fill pieces up to the length again.

    At a space the spaces are lost: "word word" becomes "wordword" [373].
    """
    if len(text) <= cut.length:
        return [text]
    at = next(i for i, separator in enumerate(separators) if separator in text)
    separator, finer = separators[at], separators[at + 1 :]
    parts = _parts(text, separator)
    pieces: list[str] = []
    short: list[str] = []
    for part in parts:
        if len(part) <= cut.length or not finer:
            short.append(part)
            continue
        pieces += [*_fill(short, cut), *_resplit(part, cut, finer)]
        short = []
    return pieces + _fill(short, cut)


def _parts(text: str, separator: str) -> list[str]:
    if separator == "":
        return list(text)
    if separator == " ":
        return [part for part in re.split(" +", text) if part]
    *parts, last = text.split(separator)
    return [part for part in [*(part + separator for part in parts), last] if part and part != "\n"]


def _fill(parts: Sequence[str], cut: Cut) -> list[str]:
    """Join parts while they fit; the next piece begins with as much of the last one as the overlap allows."""
    pieces: list[str] = []
    current: list[str] = []
    size = 0
    for part in parts:
        if current and size + len(part) > cut.length:
            pieces.append("".join(current))
            while current and (size > cut.overlap or size + len(part) > cut.length):
                size -= len(current.pop(0))
        current.append(part)
        size += len(part)
    if current:
        pieces.append("".join(current))
    return pieces
