"""What cleaning hands on: the tidy page, and a record of everything that was taken out of it.

The record is made by comparing the page before and after each rule, not by the rules, so that no rule can
forget to say what it dropped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from kbtool.model import Page, Removal

_UNIT = r"\]\((?:[^()\s]|\([^()\s]*\))*\)|<[^<>\n]*>|\w+|[^\w\s!-~]"
_UNITS = re.compile(_UNIT)  # link targets, tags, words, and signs that say something, such as emoji
_TOKENS = re.compile(rf"(?:{_UNIT}|[!-~])[^\S\n]*|\n")
_TARGET = re.compile(r"^\]\((.*)\)$")
_MARKS = re.compile(r"(?:</?[a-z-]+ */?>|[\s!-/:-@\[-`{-~\u200b\u2060\ufeff\u00ad])*")
# White space, ASCII punctuation and bare tags: what shows nothing when it is there.
_MOST_PAIRS = 50_000


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The page as it goes to the chunker, and what was taken out on the way, in order."""

    page: Page
    removals: tuple[Removal, ...]


def removals(rule: str, before: Page, after: Page) -> tuple[Removal, ...]:
    """What `rule` took out of the title and the body.

    Lines that are gone are listed whole; of changed lines, the phrases that hold more than white space
    and Markdown's own marks.
    """
    if before.markdown == after.markdown and before.title == after.title:
        return ()
    kind: Literal["removed", "metadata"] = "metadata" if after.properties != before.properties else "removed"
    dropped = [
        *_dropped(before.title, after.title),
        *_dropped(before.markdown, after.markdown),
    ]
    return tuple(Removal(rule, text, kind) for text in dropped)


def _dropped(before: str, after: str) -> Iterator[str]:
    """Lines and phrases that are in `before` and no more in `after`.

    A comparison calls a moved word deleted and inserted; the counts over the whole text say what is gone.
    """
    if before == after:
        return
    gone = Counter(_UNITS.findall(before)) - Counter(_UNITS.findall(after))
    empty = _wordless(before) - _wordless(after)
    for old, new in _changes(_lines(before), _lines(after)):
        for line in old:
            words = Counter(_UNITS.findall(line))
            if not words and empty[line] > 0:
                empty[line] -= 1
                yield line
            elif words and not new and words <= gone:
                gone -= words
                yield from _texts(line)
        if new:
            yield from _phrases("\n".join(old), "\n".join(new), gone)
    for word, count in gone.items():
        yield from _texts(word) * count


def _lines(text: str) -> list[str]:
    return [bare for line in text.split("\n") if (bare := line.strip())]


def _wordless(text: str) -> Counter[str]:
    """Lines that hold signs and no words, such as an empty bullet."""
    return Counter(line for line in _lines(text) if not _UNITS.search(line))


def _changes(old: list[str], new: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Stretches that are gone or changed, each with what stands there now.

    The comparison takes time with the pairs of equal items; where they are too many the whole is one stretch.
    """
    # Equal items at both ends need no comparing, and are most of a long page.
    shorter = min(len(old), len(new))
    head = next((n for n in range(shorter) if old[n] != new[n]), shorter)
    tail = next((n for n in range(shorter - head) if old[-1 - n] != new[-1 - n]), shorter - head)
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    count = Counter(new)
    if sum(count[item] for item in old) > _MOST_PAIRS:
        yield old, new
        return
    for tag, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag in {"delete", "replace"}:
            yield old[i:j], new[k:m]


def _phrases(before: str, after: str, gone: Counter[str]) -> Iterator[str]:
    """What went inside changed lines, as phrases where it stood together; taken off `gone`."""
    old, new = _TOKENS.findall(before), _TOKENS.findall(after)
    for stretch, _ in _changes(old, new):
        phrase = ""
        for token in stretch:
            words = Counter(_UNITS.findall(token))
            if words <= gone:
                gone -= words
                phrase += token
            else:
                yield from _texts(phrase)
                phrase = ""
        yield from _texts(phrase)


def _texts(phrase: str) -> list[str]:
    """One text for each line of the phrase that holds more than marks; link targets without brackets."""
    lines = (line.strip() for line in phrase.split("\n"))
    return [_TARGET.sub(r"\1", line) for line in lines if not _MARKS.fullmatch(line)]
