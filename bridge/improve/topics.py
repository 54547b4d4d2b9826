"""Items grouped by topic, those to see to first at the top. Pure; the same in whatever order they come.

Two questions are of one topic when they ask the same in other words, or are related and the same section was
nearest to both. The most frequent wordings are looked at first and lead their topics, so that a topic is what
is like its leader, not a chain of likenesses.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bridge.improve.items import Item, Kind
from kbtool.likeness import ALIKE, RELATED, likeness, pieces
from kbtool.script import fold

HALF_LIFE = 28 * 86_400.0
"""Seconds after which an item weighs half: twice this week goes before three times last summer."""


@dataclass(frozen=True)
class Topic:
    """What belongs together; `items` newest first. `weight` is how often it came up, the recent more."""

    items: tuple[Item, ...]
    weight: float

    @cached_property
    def id(self) -> str:
        """The same as long as the same leads it; part of an address."""
        return hashlib.sha256(fold(self.question).encode()).hexdigest()[:12]

    @cached_property
    def question(self) -> str:
        """The wording that came most often; of several, the first by alphabet."""
        counts = Counter(item.question for item in self.items)
        return min(counts, key=lambda text: (-counts[text], text))

    @property
    def questions(self) -> list[str]:
        """Every wording once, the most frequent first."""
        counts = Counter(item.question for item in self.items)
        return sorted(counts, key=lambda text: (-counts[text], text))

    @property
    def times(self) -> int:
        return len(self.items)

    @property
    def latest(self) -> float:
        return self.items[0].at

    @property
    def kinds(self) -> Mapping[Kind, int]:
        counts = Counter(item.kind for item in self.items)
        return {kind: counts[kind] for kind in Kind if counts[kind]}

    @property
    def section(self) -> str:
        """The section that was nearest most often, "" where none ever was."""
        counts = Counter(item.section for item in self.items if item.section)
        return min(counts, key=lambda name: (-counts[name], name), default="")

    @property
    def human(self) -> str:
        """What a person answered last."""
        return next((item.human for item in self.items if item.human), "")


def topics(items: Iterable[Item], now: float) -> list[Topic]:
    """All topics of the items, the weightiest first."""
    by_question: dict[str, list[Item]] = {}
    for item in items:
        by_question.setdefault(fold(item.question), []).append(item)
    order = sorted(by_question, key=lambda folded: (-len(by_question[folded]), folded))
    leaders = _Leaders()
    for folded in order:
        leaders.place(folded, by_question[folded])
    found = [_topic(own, now) for own in leaders.groups]
    return sorted(found, key=lambda topic: (-topic.weight, topic.question))


class _Leaders:
    """The questions that lead topics so far, found by the pieces that they share with another."""

    def __init__(self) -> None:
        self.groups: list[list[Item]] = []
        self._questions: list[str] = []
        self._sections: list[frozenset[str]] = []
        self._by_piece: dict[str, list[int]] = {}

    def place(self, question: str, items: list[Item]) -> None:
        sections = frozenset(item.section for item in items if item.section)
        near = {number for piece in pieces(question) for number in self._by_piece.get(piece, ())}
        best = max(
            ((self._like(number, question, sections), -number) for number in near), default=(0.0, 0)
        )  # fmt: skip
        if best[0] > 0:
            self.groups[-best[1]].extend(items)
            return
        number = len(self.groups)
        self.groups.append(list(items))
        self._questions.append(question)
        self._sections.append(sections)
        for piece in pieces(question):
            self._by_piece.setdefault(piece, []).append(number)

    def _like(self, number: int, question: str, sections: frozenset[str]) -> float:
        """How like its leader it is, 0.0 where that is not enough for one topic."""
        alike = likeness(self._questions[number], question)
        bound = RELATED if sections & self._sections[number] else ALIKE
        return alike if alike >= bound else 0.0


def _topic(items: Sequence[Item], now: float) -> Topic:
    ordered = sorted(items, key=lambda item: (-item.at, item.key))
    weight = sum(0.5 ** (max(0.0, now - item.at) / HALF_LIFE) for item in ordered)
    return Topic(tuple(ordered), weight)
