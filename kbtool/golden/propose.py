"""Questions that nobody has asked yet, proposed for a person to review. Never golden by themselves.

Three sources: headings that no question is about, what customers asked and the bot could not answer, and
other wordings of questions that exist, from a language model where one is configured. Whatever comes from
customers has its e-mail addresses, phone and order numbers taken out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kbtool.dify.objects import LONGEST_QUERY
from kbtool.evaluate.record import Golden, Relevant
from kbtool.golden.places import SlugIndex, covers
from kbtool.model import Document, Section
from kbtool.redact import redact
from kbtool.script import fold, language, slugify

PROPOSED = "proposed"
"""The tag that every proposal bears until somebody has looked at it."""

PARAPHRASE = "paraphrase"
"""The tag of a question in other words; its id begins with that of the question."""

_SHORTEST = 80
"""Characters, breadcrumb included, below which a section has nothing that a customer would ask for."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """What a customer asked and the bot handed off; `times` is how often, `inbox` where."""

    text: str
    times: int = 1
    inbox: str = ""


def from_headings(
    questions: Sequence[Golden], documents: Sequence[Document], *, most: int
) -> tuple[Golden, ...]:
    """One question for each section that none is about, those of pages without any question first.

    The heading stands as the question as it is: as keywords it is what half of the customers type, and a
    person who reviews it knows better how to ask.
    """
    index = SlugIndex(documents)
    places: dict[str, list[Relevant]] = {}
    for golden in questions:
        for relevant in golden.relevant:
            document = index.find(relevant.doc)
            if document is not None:
                places.setdefault(document.slug, []).append(relevant)
    open_sections = [
        (document, section)
        for document in documents
        for section in document.sections
        if _asks_for_a_question(section) and not _is_asked(section, places.get(document.slug, ()))
    ]
    open_sections.sort(key=lambda found: found[0].slug in places)
    proposed = (_of_section(document, section) for document, section in open_sections)
    # A long section is several chunks under one heading.
    return tuple({golden.id: golden for golden in proposed}.values())[:most]


def from_customers(
    questions: Sequence[Golden], unanswered: Iterable[Unanswered], *, most: int
) -> tuple[Golden, ...]:
    """What was asked most and is no golden question yet. Whether a page answers it, the reviewer says."""
    known = {fold(golden.question) for golden in questions}
    counted: dict[str, Unanswered] = {}
    for one in unanswered:
        text = " ".join(redact(one.text).split())
        key = fold(text)
        if not key or key in known or len(text) > LONGEST_QUERY:
            continue
        before = counted.get(key)
        counted[key] = Unanswered(text, one.times + (before.times if before else 0), one.inbox)
    ranked = sorted(counted.values(), key=lambda one: (-one.times, one.text))
    return tuple(
        Golden(
            id=_id("asked", one.text),
            question=one.text,
            lang=language(one.text),
            tags=(PROPOSED, f"asked-{one.times}-times"),
            answerable=False,
            inbox=one.inbox,
        )
        for one in ranked[:most]
    )


def without_paraphrase(questions: Sequence[Golden]) -> list[Golden]:
    """The questions that could be asked in other words, those of which nothing was proposed before first."""
    reworded = {golden.id.rpartition("-")[0] for golden in questions if PARAPHRASE in golden.tags}
    plain = [one for one in questions if one.answerable and not one.history and PARAPHRASE not in one.tags]
    return sorted(plain, key=lambda golden: golden.id in reworded)


def from_paraphrases(
    questions: Sequence[Golden], wordings: Mapping[str, Sequence[str]]
) -> tuple[Golden, ...]:
    """Each question again in other words; `wordings` are these by question id."""
    known = {fold(golden.question) for golden in questions}
    return tuple(_reworded(golden, text) for golden, text in _new_wordings(questions, wordings, known))


def _new_wordings(
    questions: Sequence[Golden], wordings: Mapping[str, Sequence[str]], known: set[str]
) -> Iterator[tuple[Golden, str]]:
    for golden in questions:
        for wording in wordings.get(golden.id, ()):
            text = " ".join(redact(wording).split())
            if text and fold(text) not in known and len(text) <= LONGEST_QUERY:
                known.add(fold(text))
                yield golden, text


def _reworded(golden: Golden, text: str) -> Golden:
    tags = (*(tag for tag in golden.tags if tag != PROPOSED), PARAPHRASE, PROPOSED)
    return replace(
        golden, id=_id(golden.id, text), question=text, tags=tuple(dict.fromkeys(tags)), critical=False
    )


def _asks_for_a_question(section: Section) -> bool:
    """Whether it has a heading of its own and more than a line below it."""
    text = sum(len(child.text) for child in section.children)
    return len(section.heading_path) > 1 and text >= _SHORTEST


def _is_asked(section: Section, places: Sequence[Relevant]) -> bool:
    return any(covers(place, section.contains) for place in places)


def _of_section(document: Document, section: Section) -> Golden:
    heading = section.heading_path[-1]
    relevant = Relevant(document.slug, section.heading_path[1:])
    return Golden(
        id=_id(slugify(f"{document.title} {heading}")[:60], f"{document.slug} {section.heading_path}"),
        question=heading[:LONGEST_QUERY],
        lang=document.language,
        tags=(PROPOSED,),
        relevant=(relevant,),
    )


def _id(name: str, text: str) -> str:
    """The same proposal has the same id each time, and no two have one."""
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
