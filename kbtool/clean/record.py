"""What cleaning hands on: the tidy page, and a record of everything that was taken out of it.

The record is made by comparing the page before and after each rule, not by the rules, so that no rule can
forget to say what it dropped. Only lines that changed are looked into, and nothing is looked at twice: the
comparison is linear in the text, also where a rule changed every line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from kbtool.model import Page, Removal

_UNIT = r"\]\((?:[^()\s]|\([^()\s]*\))*\)|<[^<>\n]*>|\w+|[^\w\s!-~]"
_UNITS = re.compile(_UNIT)  # link targets, tags, words, and signs that say something, such as emoji
_TOKENS = re.compile(rf"(?:{_UNIT}|[!-~])[^\S\n]*|\n")
_BEFORE = " \t.,:;!?)#*>|"  # signs around a phrase that belong to what stood beside it
_BEHIND = " \t.,:;!?([#*|"
_TARGET = re.compile(r"^\]\((.*)\)$")
_MARKS = re.compile(r"(?:</?[a-z-]+ */?>|[\s!-/:-@\[-`{-~\u200b\u2060\ufeff\u00ad])*")
# White space, ASCII punctuation and bare tags: what shows nothing when it is there.


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
    kind: Literal["removed", "metadata"] = "metadata" if after.properties != before.properties else "removed"
    dropped = [*_dropped(before.title, after.title), *_dropped(before.markdown, after.markdown)]
    return tuple(Removal(rule, text, kind) for text in dropped)


def _dropped(before: str, after: str) -> Iterator[str]:
    """Lines and phrases that are in `before` and no more in `after`.

    A comparison calls a moved word deleted and inserted; the counts over all changed lines say what is gone.
    """
    if before == after:
        return
    changes = _changes(_bare(before), _bare(after))
    gone, empty = _missing(changes)
    if not gone and not empty:
        return
    for old, new in changes:
        for line in old:
            words = _UNITS.findall(line)
            if not words and empty[signs := "".join(line.split())] > 0:
                empty[signs] -= 1
                yield line
            elif not any(word in gone for word in words):
                continue
            elif _take(words, gone):
                yield from _texts(line)
            elif new:
                yield from _phrases(line, new, gone)
    for word, count in gone.items():
        yield from _texts(word) * count


def _take(words: Sequence[str], gone: Counter[str]) -> bool:
    """Take `words` off `gone` if all of them are there; False when they are not."""
    if len(words) == 1:
        if gone[words[0]] <= 0:
            return False
        gone[words[0]] -= 1
        return True
    needed = Counter(words)
    if any(gone[word] < count for word, count in needed.items()):
        return False
    gone.subtract(needed)
    return True


@lru_cache(maxsize=2)  # what one rule leaves is what the next one finds
def _bare(text: str) -> Sequence[str]:
    return [bare for line in text.split("\n") if (bare := line.strip())]


def _missing(changes: Sequence[tuple[list[str], list[str]]]) -> tuple[Counter[str], Counter[str]]:
    """The words that the changes took away, and the signs of lines without words, such as an empty bullet."""
    words: tuple[list[str], list[str]] = ([], [])
    wordless: tuple[list[str], list[str]] = ([], [])
    for change in changes:
        for side, lines in enumerate(change):
            for line in lines:
                found = _UNITS.findall(line)
                words[side].extend(found)
                if not found:
                    wordless[side].append("".join(line.split()))
    was, now = Counter(words[0]), Counter(words[1])
    gone = _without_said(was - now, now - was)
    return gone, Counter(wordless[0]) - Counter(wordless[1])


def _without_said(gone: Counter[str], new: Counter[str]) -> Counter[str]:
    """Less what is still there in another form: a target that became text, or a word that was in two.

    `[](https://a.example)` becomes its address; `G[o on](...)` was a link that began inside a word.
    """
    if not new:
        return gone
    for unit in [unit for unit in gone if unit.startswith("](")]:
        inside = Counter(_UNITS.findall(unit[2:-1]))
        if inside <= new:
            new -= inside
            gone -= Counter([unit])
    parts = [word for word in gone.elements() if word.isalnum()]
    if "".join(parts) == "".join(word for word in new.elements() if word.isalnum()):
        gone -= Counter(parts)
    return gone


def _changes(old: Sequence[str], new: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """Stretches that are gone or changed, each with what stands there now."""
    if len(old) == len(new):
        pairs = [(was, now) for was, now in zip(old, new, strict=True) if was != now]
        if {was for was, _ in pairs}.isdisjoint(now for _, now in pairs):
            return [([was], [now]) for was, now in pairs]  # nothing moved: each is changed in its place
    return _walk(old, new)


def _walk(old: Sequence[str], new: Sequence[str]) -> list[tuple[list[str], list[str]]]:
    """The changes, from walking both sides once.

    An item that the other side has too few of is a change; where all that remains is equal and yet in
    another order, something was moved, and the rest is one stretch.
    """
    surplus = Counter(old)  # above zero: too many in `old`; below: too many in `new`
    surplus.subtract(new)
    found: list[tuple[list[str], list[str]]] = []
    i = j = 0
    while True:
        while i < len(old) and j < len(new) and old[i] == new[j]:
            i, j = i + 1, j + 1
        first, second = i, j
        while i < len(old) and surplus[old[i]] > 0:
            surplus[old[i]] -= 1
            i += 1
        while j < len(new) and surplus[new[j]] < 0:
            surplus[new[j]] += 1
            j += 1
        if (i, j) == (first, second):
            break
        found.append((list(old[first:i]), list(new[second:j])))
    return [*found, (list(old[i:]), list(new[j:]))] if i < len(old) else found


def _phrases(line: str, new: Sequence[str], gone: Counter[str]) -> Iterator[str]:
    """What went inside a changed line, as phrases where it stood together; taken off `gone`."""
    tokens = _TOKENS.findall(line)
    count = Counter(_UNITS.findall(line))
    if any(0 < gone[word] < times for word, times in count.items()):
        # A word went that also stayed: which of them, only the new text can tell.
        tokens = [
            token for old, _ in _changes(tokens, _TOKENS.findall("\n".join(new))) for token in [*old, ""]
        ]
    phrase: list[str] = []
    for token in [*tokens, ""]:
        if token and _take(_UNITS.findall(token), gone):
            phrase.append(token)
        elif phrase:
            yield from _texts("".join(phrase).lstrip(_BEFORE).rstrip(_BEHIND))
            phrase = []


def _texts(phrase: str) -> list[str]:
    """One text for each line of the phrase that holds more than marks; link targets without brackets."""
    lines = (line.strip() for line in phrase.split("\n"))
    return [_TARGET.sub(r"\1", line) for line in lines if not _MARKS.fullmatch(line)]
