"""What a golden set covers. Pure: questions and documents in, counts out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kbtool.evaluate.record import Golden, QuestionKind
from kbtool.golden.places import SlugIndex, covers
from kbtool.model import Document


@dataclass(frozen=True, slots=True)
class DocumentCoverage:
    """How many questions are about a document, and how many of its sections any of them asks about.

    `size` is in characters.
    """

    slug: str
    questions: int
    sections: int
    asked: int
    size: int


@dataclass(frozen=True, slots=True)
class Stats:
    """A golden set in numbers. `documents` begin with the largest that no question is about."""

    questions: int
    answerable: int
    unanswerable: int
    smalltalk: int
    followups: int
    critical: int
    languages: tuple[tuple[str, int], ...]
    tags: tuple[tuple[str, int], ...]
    documents: tuple[DocumentCoverage, ...]

    @property
    def covered(self) -> int:
        return sum(document.questions > 0 for document in self.documents)


def stats(questions: Sequence[Golden], documents: Sequence[Document]) -> Stats:
    """Counts of the set against the corpus."""
    asked = [golden for golden in questions if golden.kind is not QuestionKind.SMALLTALK]
    return Stats(
        questions=len(questions),
        answerable=sum(golden.answerable for golden in asked),
        unanswerable=sum(not golden.answerable for golden in asked),
        smalltalk=len(questions) - len(asked),
        followups=sum(golden.kind is QuestionKind.FOLLOWUP for golden in asked),
        critical=sum(golden.critical for golden in questions),
        languages=_counted(golden.lang or "–" for golden in questions),
        tags=_counted(tag for golden in questions for tag in golden.tags),
        documents=_coverage(asked, documents),
    )


def _counted(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _coverage(questions: Sequence[Golden], documents: Sequence[Document]) -> tuple[DocumentCoverage, ...]:
    index = SlugIndex(documents)
    about: dict[str, list[Golden]] = {document.slug: [] for document in documents}
    for golden in questions:
        for name in dict.fromkeys(relevant.doc for relevant in golden.relevant):
            document = index.find(name)
            if document is not None:
                about[document.slug].append(golden)
    found = [_covered(document, about[document.slug], index) for document in documents]
    return tuple(sorted(found, key=lambda one: (one.questions > 0, -one.size, one.slug)))


def _covered(document: Document, questions: Sequence[Golden], index: SlugIndex) -> DocumentCoverage:
    places = [
        relevant
        for golden in questions
        for relevant in golden.relevant
        if index.find(relevant.doc) is document
    ]
    asked = sum(any(covers(place, section.contains) for place in places) for section in document.sections)
    size = sum(len(child.text) for section in document.sections for child in section.children)
    return DocumentCoverage(document.slug, len(questions), len(document.sections), asked, size)
