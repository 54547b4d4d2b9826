"""Surveys, pages and documents as compact bytes: between processes, and in the cache.

JSON lists without names, by pydantic's JSON library, which takes a third of the time of Python's. Pickling
takes longer still, and a cache that is unpickled could run code that somebody put into it.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pydantic_core import PydanticSerializationError, from_json, to_json

from kbtool.clean import Cleaned
from kbtool.exports.archive import File
from kbtool.exports.placing import Place
from kbtool.exports.survey import Survey
from kbtool.model import Chunk, Document, Kind, Page, Removal, Section


def _pack(value: list[Any]) -> bytes:
    try:
        return to_json(value)
    except PydanticSerializationError:  # halves of characters, which have no form in UTF-8
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _unpack(data: bytes) -> Any:
    return from_json(data, cache_strings="none")


def pack_survey(survey: Survey) -> bytes:
    """What is found out from the file's content, which leaves out where the file lies."""
    return _pack(
        [
            survey.kind, survey.title, survey.key, sorted(survey.columns), survey.links, survey.databases,
            survey.lone, survey.has_properties, survey.edited, survey.note,
        ]
    )  # fmt: skip


def unpack_survey(data: bytes, file: File, digest: bytes) -> Survey:
    """The inverse of `pack_survey`, for the file that it was made from."""
    kind, title, key, columns, links, databases, lone, has_properties, edited, note = _unpack(data)
    return Survey(
        file=file,
        digest=digest,
        kind=Kind(kind),
        title=title,
        key=key,
        columns=frozenset(columns),
        links=tuple(links),
        databases=tuple((text, target) for text, target in databases),
        lone=lone,
        has_properties=has_properties,
        edited=edited,
        note=note,
    )


def pack_place(place: Place) -> bytes:
    """A page's place; equal places give equal bytes."""
    return _pack([place.key, place.slug, place.title, dict(place.links), sorted(place.columns)])


def unpack_place(data: bytes) -> Place:
    """The inverse of `pack_place`."""
    key, slug, title, links, columns = _unpack(data)
    return Place(key, slug, title, links, frozenset(columns))


def pack_cleaned(cleaned: Cleaned) -> bytes:
    """A clean page and what was taken out of it."""
    page = cleaned.page
    return _pack(
        [
            page.key, page.slug, page.title, page.markdown, page.source, page.kind, dict(page.properties),
            dict(page.links), sorted(page.columns),
            [[removal.rule, removal.text, removal.kind] for removal in cleaned.removals],
        ]
    )  # fmt: skip


def unpack_cleaned(data: bytes) -> Cleaned:
    """The inverse of `pack_cleaned`."""
    key, slug, title, markdown, source, kind, properties, links, columns, removals = _unpack(data)
    return Cleaned(
        Page(key, slug, title, markdown, source, Kind(kind), properties, links, frozenset(columns)),
        tuple(Removal(rule, text, kind) for rule, text, kind in removals),
    )


def pack_document(document: Document) -> bytes:
    """A chunked page."""
    sections = [
        [section.heading_path, section.contains, [[c.heading_path, c.text] for c in section.children]]
        for section in document.sections
    ]
    head = [document.key, document.slug, document.title, document.source, document.language]
    return _pack([*head, sections, dict(document.properties)])


class Line(NamedTuple):
    """A section in a list: its length in characters, and how many subsections it has."""

    heading_path: tuple[str, ...]
    length: int
    children: int


class Outline(NamedTuple):
    """A document as a list of its sections."""

    slug: str
    title: str
    sections: list[Line]


def unpack_outline(data: bytes) -> Outline:
    """Of a packed document what a list of sections shows, without building its chunks."""
    _, slug, title, _, _, sections, _ = _unpack(data)
    lines = [
        Line(tuple(path), sum(len(text) for _, text in children), len(children))
        for path, _, children in sections
    ]
    return Outline(slug, title, lines)


def unpack_document(data: bytes) -> Document:
    """The inverse of `pack_document`."""
    key, slug, title, source, language, sections, properties = _unpack(data)
    return Document(
        key,
        slug,
        title,
        source,
        language,
        tuple(
            Section(
                tuple(path),
                tuple(Chunk(tuple(below), text) for below, text in children),
                tuple(tuple(name) for name in contains),
            )
            for path, contains, children in sections
        ),
        properties,
    )
