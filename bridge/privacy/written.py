"""Files of the project in which a contact's words stand: golden questions, proposals, page stubs, reports.

They are people's work, and a report that is changed is none: so they are named, by file and line, and left to
people. What is written there was cleaned of addresses and numbers, so it is looked for in that form too, as
words alone: quotes, line breaks and markup do not hide it.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from sqlalchemy import Connection, select

from bridge.events import Role
from bridge.privacy.finding import Found, condition
from bridge.store.schema import drafts, messages, ratings
from kbtool.redact import redact

SUFFIXES = frozenset({".yaml", ".yml", ".md", ".json", ".jsonl", ".csv", ".html", ".txt"})
LARGEST = 50 * 2**20
"""Bytes of a file that is looked into."""
SHORTEST = 16
"""Characters of a text that is looked for: what is shorter is anybody's."""
_WORD = re.compile(r"\w+")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_BREAK = re.compile(r"\\[nrt]")


@dataclass(frozen=True, slots=True)
class Place:
    path: Path
    line: int


def words_of(connection: Connection, found: Found) -> list[str]:
    """What the contact wrote, and what was written to them."""
    said: set[str] = set()
    for subject in found.subjects:
        m, d, r = messages.c, drafts.c, ratings.c
        roles = [Role.CUSTOMER.value, Role.PERSON.value]
        own = select(m.text).where(condition(messages, subject), m.role.in_(roles))
        said.update(connection.execute(own).scalars())
        said.update(connection.execute(select(r.words).where(condition(ratings, subject))).scalars())
        for row in connection.execute(select(d.asked, d.sent).where(condition(drafts, subject))):
            said.update(row)
    return sorted(text for text in said if text)


def places(texts: Iterable[str], roots: Sequence[Path]) -> list[Place]:
    """Where one of the texts stands, in files or folders that are there; each line once."""
    looked_for = {phrase for text in texts for phrase in _phrases(text) if len(phrase) >= SHORTEST}
    if not looked_for:
        return []
    return [Place(path, line) for path in _files(roots) for line in sorted(_lines(path, looked_for))]


def _phrases(text: str) -> Iterator[str]:
    yield from (" ".join(_WORD.findall(one.casefold())) for one in (text, redact(text)))


def _files(roots: Sequence[Path]) -> Iterator[Path]:
    found = {
        path
        for root in roots
        for path in (root.rglob("*") if root.is_dir() else [root])
        if path.suffix in SUFFIXES and path.is_file() and path.stat().st_size <= LARGEST
    }
    yield from sorted(found)


def _lines(path: Path, phrases: Iterable[str]) -> set[int]:
    words: list[str] = []
    lines: list[int] = []
    text = path.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        found = _WORD.findall(_plain(line).casefold())
        words += found
        lines += [number] * len(found)
    starts = list(accumulate((len(word) + 1 for word in words), initial=0))
    joined = " ".join(words)
    hits: set[int] = set()
    for phrase in phrases:
        at = joined.find(phrase)
        while at >= 0:
            hits.add(lines[bisect_right(starts, at) - 1])
            at = joined.find(phrase, at + 1)
    return hits


def _plain(line: str) -> str:
    """Without the escapes of JSON and HTML."""
    text = html.unescape(_TAG.sub(" ", line))
    readable = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return _BREAK.sub(" ", readable)
