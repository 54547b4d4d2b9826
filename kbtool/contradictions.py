"""Sections that contradict each other: the same heading, otherwise alike, with other amounts or dates.

That is what an AI cannot get right: it answers from whichever it finds. A heading alone says little (every
product page has its “Price”), so the words of two sections must be alike too, their figures left out; and
each must say a figure of a kind (an amount in one currency, a share, a date) that the other does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from kbtool.facts import facts
from kbtool.likeness import likeness
from kbtool.model import Document
from kbtool.script import slugify

ALIKE = 0.5
MOST_OF_A_HEADING = 40
"""Sections of one heading that are compared: a heading that is commoner is a form, and says nothing."""
_DATE = re.compile(r"(?:\d{4}-)?\d{2}-\d{2}")
_AMOUNT = re.compile(r"[\d.]+ (?P<unit>[a-z]{3}|%)")
_FIGURES = re.compile(r"\d[\d.,'/-]*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One of the sections: the page's slug, the heading path, and what it says that the other does not."""

    doc: str
    path: tuple[str, ...]
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two sections, and how much alike their words are, figures apart."""

    one: Statement
    other: Statement
    likeness: float

    @property
    def heading(self) -> str:
        return self.one.path[-1]


def contradictions(documents: Iterable[Document]) -> list[Contradiction]:
    """All of the corpus, the most alike first."""
    by_heading: dict[str, list[_Passage]] = {}
    for passage in _passages(documents):
        if passage.stated:
            by_heading.setdefault(slugify(passage.path[-1]), []).append(passage)
    found = [
        contradiction
        for same in by_heading.values()
        if len(same) <= MOST_OF_A_HEADING
        for one, other in combinations(same, 2)
        if (contradiction := _between(one, other)) is not None
    ]
    return sorted(found, key=lambda c: (-c.likeness, c.one.doc, c.one.path, c.other.doc, c.other.path))


@dataclass(frozen=True, slots=True)
class _Passage:
    """What stands under a heading. `stated` are its figures by kind."""

    doc: str
    path: tuple[str, ...]
    text: str
    stated: dict[str, frozenset[str]]


def _passages(documents: Iterable[Document]) -> Iterator[_Passage]:
    """A page's text by heading; what stands under its title alone has no heading of its own."""
    for document in documents:
        texts: dict[tuple[str, ...], list[str]] = {}
        for section in document.sections:
            for child in section.children:
                if len(child.heading_path) > 1:
                    texts.setdefault(child.heading_path, []).append(_below_breadcrumb(child.text))
        for path, parts in texts.items():
            text = "\n".join(parts)
            yield _Passage(document.slug, path, text, _by_kind(facts(text)))


def _below_breadcrumb(text: str) -> str:
    return text.partition("\n")[2]


def _by_kind(stated: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for fact in stated:
        if _DATE.fullmatch(fact):
            found.setdefault("date", set()).add(fact)
        elif amount := _AMOUNT.fullmatch(fact):
            found.setdefault(amount["unit"], set()).add(fact)
    return {kind: frozenset(values) for kind, values in found.items()}


def _between(one: _Passage, other: _Passage) -> Contradiction | None:
    differing = [
        (one.stated[kind] - other.stated[kind], other.stated[kind] - one.stated[kind])
        for kind in sorted(one.stated.keys() & other.stated.keys())
    ]
    here, there = _said(a for a, b in differing if a and b), _said(b for a, b in differing if a and b)
    if not here:
        return None
    alike = likeness(_FIGURES.sub(" ", one.text), _FIGURES.sub(" ", other.text))
    if alike < ALIKE:
        return None
    return Contradiction(
        Statement(one.doc, one.path, here), Statement(other.doc, other.path, there), round(alike, 2)
    )


def _said(values: Iterable[frozenset[str]]) -> tuple[str, ...]:
    return tuple(sorted(frozenset[str]().union(*values)))
