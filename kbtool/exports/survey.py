"""What the export as a whole must know of a page to say where it stands: small, so that all fit in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kbtool.clean.targets import LINK, is_relative
from kbtool.dates import last_edited
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.model import Kind

_TARGET = re.compile(
    r"\]\(<?(?P<target>(?:[^()\s<>\\]++|\\.|\([^()\s]*+\))++)>?(?:[ \t]+\"[^\"\n]*\")?\)"
)  # of links and images, wherever they stand: an entry too many does no harm
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
_LONGEST_LINE = 1000


@dataclass(frozen=True, slots=True)
class Survey:
    """A draft without its text.

    `digest` is that of the file's bytes. `links` are its relative targets as they are written, `databases`
    the text and target of those that lead to a CSV. `lone` is None where the body has text below its first
    paragraph, "" where it has none at all, else its first line, which may be a property and no text.
    `edited` is a date or "".
    """

    file: File
    digest: bytes
    kind: Kind
    title: str
    key: str
    columns: frozenset[str]
    links: tuple[str, ...]
    databases: tuple[tuple[str, str], ...]
    lone: str | None
    has_properties: bool
    edited: str
    note: str


def survey(draft: Draft, digest: bytes = b"") -> Survey:
    """What is known of a page from itself."""
    text = draft.markdown
    links = tuple(dict.fromkeys(_relative(text))) if "](" in text else ()
    has_databases = any(".csv" in target for target in links)
    return Survey(
        file=draft.file,
        digest=digest,
        kind=draft.kind,
        title=draft.title,
        key=draft.key,
        columns=draft.columns,
        links=links,
        databases=tuple(_to_databases(text)) if has_databases else (),
        lone=_lone(text, has_properties=bool(draft.properties)),
        has_properties=bool(draft.properties),
        edited=last_edited(draft.properties, () if draft.properties else _first_paragraph(text)),
        note=draft.note,
    )


def _relative(text: str) -> Iterator[str]:
    return (target for target in _TARGET.findall(text) if is_relative(target))


def _to_databases(text: str) -> Iterator[tuple[str, str]]:
    for found in LINK.finditer(text):
        if ".csv" in found["target"] and is_relative(found["target"]):
            yield found["text"], found["target"]


def _lone(text: str, *, has_properties: bool) -> str | None:
    gap = _BLANK_LINE.search(text)
    if not text.strip():
        return ""
    first = text.partition("\n")[0]
    if has_properties or not first.strip() or (gap and text[gap.end() :].strip()):
        return None
    return first[:_LONGEST_LINE]


def _first_paragraph(text: str) -> list[str]:
    gap = _BLANK_LINE.search(text)
    end = gap.start() if gap else len(text)
    return text[: min(end, 10 * _LONGEST_LINE)].split("\n")
