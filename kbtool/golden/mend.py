"""Follow renames: where a stale question's answer stands now, if that is beyond doubt.

A page that was renamed or moved, or a heading that was reworded, still says what the question's evidence
says. Where exactly one section of the corpus does, the question means that one. Without evidence a page that
only moved is followed by its own name, the last part of its slug. A page that an answer must cite moves with
the source of the same name. Everything else (two such sections, evidence gone) is for a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import SequenceNode

from kbtool.errors import GoldenError
from kbtool.evaluate.record import Golden, Relevant
from kbtool.golden.places import SlugIndex, Stale, covers, holds
from kbtool.golden.writing import as_list, as_text
from kbtool.model import Document, Section

_SHORTEST_EVIDENCE = 6
"""Letters and digits: below it "30 days" could stand anywhere."""


@dataclass(frozen=True, slots=True)
class Mend:
    """The `place`-th source (from 0) of a question, as it is and as it should be; `why` says what moved.

    With `is_cited` it is the `place`-th page that the answer must cite.
    """

    golden: Golden
    place: int
    before: Relevant
    after: Relevant
    why: str
    is_cited: bool = False


def mends(stale: Sequence[Stale], documents: Sequence[Document]) -> tuple[Mend, ...]:
    """What can be followed, in the order of the files; a question may have several."""
    index = SlugIndex(documents)
    seen = dict.fromkeys(one.golden for one in stale)
    return tuple(mend for golden in seen for mend in _mends_of(golden, documents, index))


def _mends_of(golden: Golden, documents: Sequence[Document], index: SlugIndex) -> Iterator[Mend]:
    found = list(_moved_sources(golden, documents, index))
    yield from found
    pages = {mend.before.doc: mend.after.doc for mend in found}
    for place, doc in enumerate(golden.expected.cite):
        if index.find(doc) is None:
            after = pages.get(doc) or _same_name(documents, doc)
            if after:
                why = "the page was renamed or moved"
                yield Mend(golden, place, Relevant(doc), Relevant(after), why, is_cited=True)


def _moved_sources(golden: Golden, documents: Sequence[Document], index: SlugIndex) -> Iterator[Mend]:
    for place, relevant in enumerate(golden.relevant):
        document = index.find(relevant.doc)
        if document is not None and _stands(document, relevant):
            continue
        if document is not None:
            after, why = _elsewhere_in(document, relevant), "the heading was renamed"
        else:
            after, why = _moved(documents, relevant), "the page was renamed or moved"
        if after is not None:
            yield Mend(golden, place, relevant, after, why)


def _stands(document: Document, relevant: Relevant) -> bool:
    return any(_says(section, relevant) for section in document.sections)


def _says(section: Section, relevant: Relevant) -> bool:
    return covers(relevant, section.contains) and holds(section, relevant.evidence)


def _elsewhere_in(document: Document, relevant: Relevant) -> Relevant | None:
    """The one section of the page that says it now."""
    sections = [section for section in document.sections if _is_said_in(section, relevant)]
    if len(sections) != 1:
        return None
    return Relevant(relevant.doc, sections[0].heading_path[1:], relevant.evidence)


def _moved(documents: Sequence[Document], relevant: Relevant) -> Relevant | None:
    """The one page that says it now: under the same heading, else under the only one that does."""
    if not _is_telling(relevant.evidence):
        name = _same_name(documents, relevant.doc)
        moved = next((document for document in documents if document.slug == name), None)
        return replace(relevant, doc=moved.slug) if moved and _stands(moved, relevant) else None
    saying = [
        (document, section)
        for document in documents
        for section in document.sections
        if _is_said_in(section, relevant)
    ]
    same = [(document, section) for document, section in saying if covers(relevant, section.contains)]
    if len(same) == 1:
        return Relevant(same[0][0].slug, relevant.section, relevant.evidence)
    if len(saying) == 1:
        document, section = saying[0]
        return Relevant(document.slug, section.heading_path[1:], relevant.evidence)
    return None


def _same_name(documents: Sequence[Document], doc: str) -> str:
    """The slug of the one page that has the same last part, "" where there is none or more than one."""
    last = doc.rsplit("/", 1)[-1]
    slugs = [document.slug for document in documents if document.slug.rsplit("/", 1)[-1] == last]
    return slugs[0] if len(slugs) == 1 else ""


def _is_said_in(section: Section, relevant: Relevant) -> bool:
    return _is_telling(relevant.evidence) and holds(section, relevant.evidence)


def _is_telling(evidence: str) -> bool:
    return sum(sign.isalnum() for sign in evidence) >= _SHORTEST_EVIDENCE


def apply(found: Sequence[Mend], root: Path) -> None:
    """Write the mends into their files, where nothing else changes by a character.

    A file is written whole or not at all. Raises GoldenError where a question is no longer as it was.
    """
    for name in dict.fromkeys(mend.golden.file for mend in found):
        path = root / name
        text = path.read_text(encoding="utf-8")
        here = [mend for mend in found if mend.golden.file == name]
        edits = [edit for mend in here for edit in _edits(YAML().compose(text), text, mend)]
        for start, end, new in sorted(edits, reverse=True):
            text = text[:start] + new + text[end:]
        half = path.with_name(path.name + ".part")
        half.write_text(text, encoding="utf-8", newline="")
        half.replace(path)


Edit = tuple[int, int, str]
"""Characters from (included) to (excluded), and what stands there instead."""


def _edits(root: Any, text: str, mend: Mend) -> Iterator[Edit]:
    """What changes in one source: the document's name, and the heading path where it is another."""
    if mend.is_cited:
        cited = _entry(root, mend)["answer"]["cite"]
        node = cited.value[mend.place] if isinstance(cited, SequenceNode) else cited
        yield node.start_mark.index, node.end_mark.index, as_text(mend.after.doc)
        return
    source = _source(root, mend)
    doc, section = source["doc"], source.get("section")
    if mend.after.doc != mend.before.doc:
        yield doc[1].start_mark.index, doc[1].end_mark.index, as_text(mend.after.doc)
    if mend.after.section == mend.before.section:
        return
    wanted = as_list(mend.after.section)
    if section is not None:
        start, end = section[1].start_mark.index, section[1].end_mark.index
        # A list of lines ends where the next key begins; the line end between them stays.
        gap = len(text[start:end]) - len(text[start:end].rstrip())
        yield start, end - gap, wanted
    else:
        indent = " " * doc[0].start_mark.column
        end = text.find("\n", doc[1].end_mark.index)
        at = len(text) if end < 0 else end
        yield at, at, f"\n{indent}section: {wanted}"


def _source(root: Any, mend: Mend) -> dict[str, tuple[Any, Any]]:
    """Key and value nodes of the source that is meant, by key."""
    sources = _entry(root, mend)["relevant"]
    node = sources.value[mend.place] if isinstance(sources, SequenceNode) else sources
    return {key.value: (key, value) for key, value in node.value}


def _entry(root: Any, mend: Mend) -> dict[str, Any]:
    """The value nodes of the question, by key; `answer` as a table of its own."""
    for entry in root.value:
        nodes = {key.value: value for key, value in entry.value}
        if nodes["id"].value == mend.golden.id and (nodes.keys() & {"relevant", "answer"}):
            answer = nodes.get("answer")
            inner = {"answer": {key.value: value for key, value in answer.value}} if answer else {}
            return nodes | inner
    raise GoldenError(f"{mend.golden.file}: {mend.golden.id} is no longer as it was", hint="Run it again.")
