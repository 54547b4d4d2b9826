"""Follow renames: where a stale question's answer stands now, if that is beyond doubt.

A page that was renamed or moved, or a heading that was reworded, still says what the question's evidence
says. Where exactly one section of the corpus does, the question means that one. Everything else (two such
sections, no evidence, evidence gone) is for a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from kbtool.errors import GoldenError
from kbtool.evaluate.record import Golden, Relevant
from kbtool.golden.places import SlugIndex, Stale, covers, holds
from kbtool.model import Document, Section

_SHORTEST_EVIDENCE = 6
"""Letters and digits: below it "30 days" could stand anywhere."""


@dataclass(frozen=True, slots=True)
class Mend:
    """The `place`-th source (from 0) of a question, as it is and as it should be; `why` says what moved."""

    golden: Golden
    place: int
    before: Relevant
    after: Relevant
    why: str


def mends(stale: Sequence[Stale], documents: Sequence[Document]) -> tuple[Mend, ...]:
    """What can be followed, in the order of the files; a question may have several."""
    index = SlugIndex(documents)
    seen = dict.fromkeys(one.golden for one in stale)
    return tuple(mend for golden in seen for mend in _mends_of(golden, documents, index))


def _mends_of(golden: Golden, documents: Sequence[Document], index: SlugIndex) -> Iterator[Mend]:
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


def _is_said_in(section: Section, relevant: Relevant) -> bool:
    letters = sum(sign.isalnum() for sign in relevant.evidence)
    return letters >= _SHORTEST_EVIDENCE and holds(section, relevant.evidence)


def apply(found: Sequence[Mend], root: Path) -> None:
    """Write the mends into their files, which keep their comments and order. Raises GoldenError.

    A file is written whole or not at all.
    """
    files = dict.fromkeys(mend.golden.file for mend in found)
    for name in files:
        path = root / name
        yaml = YAML()
        yaml.preserve_quotes = True
        yaml.width = 4096
        entries = yaml.load(path.read_text(encoding="utf-8"))
        for mend in found:
            if mend.golden.file == name:
                _rewrite(entries, mend)
        out = StringIO()
        yaml.indent(mapping=2, sequence=4, offset=2)
        yaml.dump(entries, out)
        half = path.with_name(path.name + ".part")
        half.write_text(out.getvalue(), encoding="utf-8")
        half.replace(path)


def _rewrite(entries: Any, mend: Mend) -> None:
    for entry in entries:
        if str(entry.get("id")) != mend.golden.id:
            continue
        source = entry["relevant"]
        source = source[mend.place] if isinstance(source, list) else source
        source["doc"] = mend.after.doc
        if mend.after.section:
            source["section"] = list(mend.after.section)
        else:
            source.pop("section", None)
        return
    raise GoldenError(f"{mend.golden.file}: {mend.golden.id} is no longer there", hint="Run it again.")
