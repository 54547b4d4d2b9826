"""An answer out of a passage, in its own words: sentences and blocks are left out, never written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kbtool.embedded.search import tokenize

LIMIT = 600
# The breadcrumb or the name of a subsection: a first line of its own that is no sentence
_LABEL = re.compile(r"\A\s*[^\n|`]*[^\n.!?:。！？：|`]\n\s*\n(?=.*\S)", re.DOTALL)
_BLOCKS = re.compile(r"```.*?(?:```|\Z)|(?:[^\n]|\n(?!\s*\n|```|#{1,6} ))+", re.DOTALL)
_SENTENCES = re.compile(r".+?(?:[.!?](?=\s|\Z)|[。!?！？]|\Z)", re.DOTALL)
_STRUCTURED = re.compile(r"\s*(?:```|\||[-*+] |\d+[.)] )")
_HEADING = re.compile(r"#{1,6} ")
_HAN, _KANA = re.compile("[\u4e00-\u9fff]"), re.compile("[\u3040-\u30ff]")


def language(text: str) -> str:
    """`zh` where Han characters stand and no kana, else `en`: enough to choose a refusal by."""
    return "zh" if _HAN.search(text) and not _KANA.search(text) else "en"


@dataclass(frozen=True, slots=True)
class _Part:
    """A sentence or a block by its place in the passage, and how much of the question it shares."""

    start: int
    end: int
    worth: float


def extract(query: str, passage: str, limit: int = LIMIT) -> str:
    """What the passage says to `query`, in `limit` characters: the least relevant parts are left out.

    Headings and the first line, where it only names the place, are no part of the answer; what stands under
    a heading that shares words with the question is worth more. A single part that is too long is cut.
    """
    parts = _parts(passage, set(tokenize(query)))
    chosen: list[_Part] = []
    room = limit
    for part in sorted(parts, key=lambda part: (-part.worth, part.start)):
        if part.end - part.start <= room:
            chosen.append(part)
            room -= part.end - part.start + 2
    if not chosen and parts:
        best = max(parts, key=lambda part: part.worth)
        return passage[best.start : best.start + limit].rsplit(" ", 1)[0].strip()
    return _join(passage, parts, set(chosen))


def _parts(passage: str, asked: set[str]) -> list[_Part]:
    label = _LABEL.match(passage)
    parts: list[_Part] = []
    under = 0.0
    for block in _BLOCKS.finditer(passage, label.end() if label else 0):
        text = block.group()
        if _HEADING.match(text.lstrip()):
            under = 0.5 * _shared(text, asked)
            continue
        spans = [(0, len(text))] if _STRUCTURED.match(text) else [s.span() for s in _SENTENCES.finditer(text)]
        parts += [
            _Part(block.start() + start, block.start() + end, under + _shared(text[start:end], asked))
            for start, end in spans
            if text[start:end].strip()
        ]
    return parts


def _shared(text: str, asked: set[str]) -> int:
    return len(asked.intersection(tokenize(text)))


def _join(passage: str, parts: list[_Part], chosen: set[_Part]) -> str:
    """The chosen parts in their order; neighbours keep what stands between them."""
    text = ""
    last_end: int | None = None
    for part in parts:
        if part not in chosen:
            last_end = None
            continue
        between = None if last_end is None else passage[last_end : part.start]
        if between is None or "#" in between:  # something, or a heading, was left out
            text = text.rstrip() + "\n\n" + passage[part.start : part.end].lstrip()
        else:
            text += between + passage[part.start : part.end]
        last_end = part.end
    return text.strip()
