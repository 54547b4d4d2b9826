"""The nouns that the stages hand to each other, in the order in which they come to be.

    Page      read from an export, then cleaned: Markdown and what is known about it
    Document  a page cut into sections and subsections: what goes to the dataset
    Hit       a chunk that a query brought back, with its score
    Answer    what the AI said to a customer, with the hits it was given

All are frozen; a stage returns new ones. Nothing here reads or writes anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kbtool.kind import Kind

__all__ = [
    "Answer",
    "Chunk",
    "Document",
    "Hit",
    "Kind",
    "Note",
    "Page",
    "Question",
    "Removal",
    "Section",
    "Skipped",
]


@dataclass(frozen=True, slots=True)
class Removal:
    """A line or phrase that a rule took out; "metadata" when it is kept in `Page.properties`."""

    rule: str
    text: str
    kind: Literal["removed", "metadata"] = "removed"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an export as Markdown.

    `key` is the page's identity for ever (Notion id, Lark token, else the source path); `slug` the
    readable path that golden questions use, made of the titles of its ancestors and its own. `markdown`
    is the body without the title. `links` maps each relative link target that stands in the body to the
    title of the page it leads to, or to "" when the target is not in the export. `columns` are the
    property names of the database that the page is a row of; `properties` are the page's own, which become
    metadata of its document. `removals` are what the reader of its form left out.
    """

    key: str
    slug: str
    title: str
    markdown: str
    source: str
    kind: Kind
    properties: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    removals: tuple[Removal, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or page that was not taken, and the reason, for the clean report."""

    source: str
    reason: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about a page that was taken, such as a part that its export does not hold."""

    source: str
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of text that is found and shown as one. `heading_path` begins with the page title."""

    heading_path: tuple[str, ...]
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Section:
    """A parent chunk: `children` are what is searched, the section is what is answered from.

    `text` is the children joined by the child separator (design decision 5), so it holds nothing that
    they do not. `contains` are the heading paths of all subsections inside.
    """

    heading_path: tuple[str, ...]
    children: tuple[Chunk, ...]
    contains: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A page, chunked: the unit of sync.

    `language` is "zh", "ja" or "ko" where the script says so, else "". `properties` are the page's.
    """

    key: str
    slug: str
    title: str
    source: str
    language: str
    sections: tuple[Section, ...]
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hit:
    """A parent chunk brought back by a query. `score` is None where the search method gives none."""

    chunk_id: str
    document_id: str
    document_name: str
    text: str
    score: float | None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """What a customer asks, with what was said before (oldest first), as the decision needs it.

    `language` is the channel's hint, a tag such as `de-CH`; `inbox` names where it was asked; both may be "".
    """

    text: str
    history: tuple[str, ...] = ()
    was_clarified: bool = False
    language: str = ""
    inbox: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app answered. `hits` are its citations, best first; tokens and price None when unknown."""

    question: Question
    text: str
    hits: tuple[Hit, ...]
    conversation_id: str = ""
    message_id: str = ""
    latency: float | None = None
    tokens: int | None = None
    price: str | None = None
    currency: str = ""
