"""Where a question's answer stands in the corpus, and what no longer stands there.

A question names its source by document slug and heading path, never by a chunk id, so that it survives
re-chunking (decision 8). The slug may be shortened to its last parts, the heading path too, as long as it
is clear what is meant. What no longer stands where a question says is *stale*: it is counted and left out
of the verdict, so that a deleted page never reads as a retrieval regression.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kbtool.chunk import section_text
from kbtool.evaluate.record import Golden, Relevant
from kbtool.golden.reading import GoldenSet
from kbtool.model import Document, Section
from kbtool.script import fold, slugify


@dataclass(frozen=True, slots=True)
class Stale:
    """A question whose answer is not where it says."""

    golden: Golden
    reason: str

    def __str__(self) -> str:
        return f"{self.golden.file}:{self.golden.line}: {self.golden.id}: {self.reason}"


def find_stale(golden_set: GoldenSet, documents: Sequence[Document]) -> tuple[Stale, ...]:
    """Questions that name a document, heading or evidence that is not in the corpus."""
    index = SlugIndex(documents)
    return tuple(
        Stale(golden, reason)
        for golden in golden_set.questions
        for reason in _problems(golden, index)
    )  # fmt: skip


def resolve(golden_set: GoldenSet, documents: Sequence[Document]) -> GoldenSet:
    """The questions with full slugs in place of shortened ones; unknown names stay as they are."""
    index = SlugIndex(documents)

    def full(name: str) -> str:
        document = index.find(name)
        return document.slug if document else name

    return GoldenSet(
        tuple(
            replace(
                golden,
                relevant=tuple(replace(relevant, doc=full(relevant.doc)) for relevant in golden.relevant),
                expected=replace(golden.expected, cite=tuple(full(doc) for doc in golden.expected.cite)),
            )
            for golden in golden_set.questions
        )
    )


class SlugIndex:
    """Documents by slug, also by its last parts where these are clear."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._documents = {document.slug: document for document in documents}
        self._by_end: dict[str, set[str]] = {}
        for slug in self._documents:
            parts = slug.split("/")
            for start in range(len(parts)):
                self._by_end.setdefault("/".join(parts[start:]), set()).add(slug)

    def find(self, name: str) -> Document | None:
        slugs = {name} if name in self._documents else self._by_end.get(name, set())
        return self._documents[next(iter(slugs))] if len(slugs) == 1 else None

    def why_not(self, name: str) -> str:
        """The reason that `find` gave None, with the nearest slug."""
        if len(self._by_end.get(name, ())) > 1:
            return f"the document {name!r} could be {' or '.join(sorted(self._by_end[name])[:3])}"
        near = difflib.get_close_matches(name, [*self._by_end], n=1, cutoff=0.4)
        return f"there is no document {name!r}" + (f"; the nearest is {near[0]!r}" if near else "")


def covers(relevant: Relevant, paths: Sequence[tuple[str, ...]]) -> bool:
    """Whether a chunk with these heading paths stands in, or contains, the section that is meant.

    The page's title alone names no section: else a section called like its page would be the whole page.
    """
    wanted = tuple(slugify(name) for name in relevant.section)
    return not wanted or any(_is_in(tuple(slugify(name) for name in path), wanted) for path in paths)


def _is_in(path: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    return any(path[end - len(wanted) : end] == wanted for end in range(max(2, len(wanted)), len(path) + 1))


def _problems(golden: Golden, index: SlugIndex) -> Iterator[str]:
    """The first thing that is gone."""
    for doc in golden.expected.cite:
        if index.find(doc) is None:
            yield f"`cite`: {index.why_not(doc)}"
            return
    for relevant in golden.relevant:
        document = index.find(relevant.doc)
        if document is None:
            yield index.why_not(relevant.doc)
            return
        sections = [section for section in document.sections if covers(relevant, section.contains)]
        if not sections:
            yield f"{document.slug} has no heading {' › '.join(relevant.section)!r}"
            return
        if not any(holds(section, relevant.evidence) for section in sections):
            yield f"{document.slug} no longer says {relevant.evidence!r} there"
            return


def holds(section: Section, evidence: str) -> bool:
    """Whether the section says these words, in whatever spelling."""
    return fold(evidence) in fold(section_text(section))
