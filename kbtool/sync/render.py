"""What a document becomes in Dify: one name, the texts to send, a hash, metadata. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kbtool.chunk import CHILD_SEPARATOR, breadcrumb, section_text
from kbtool.dify.objects import LONGEST_NAME, StoredChunk
from kbtool.dify.text import flat_chunk, sendable, stored, stored_chunk
from kbtool.dify.wire import PARENT_SEPARATOR
from kbtool.model import Chunk, Document, Section
from kbtool.sync.fields import HASH, metadata
from kbtool.sync.form import Form

if TYPE_CHECKING:
    from kbtool.config import Settings

VERSION = 2
"""Raised when the same pages must arrive otherwise, so that every document is looked at again."""

_TAG = re.compile(r" #([0-9a-f]{8})\Z")

Paths = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A document ready to send.

    `text` is what creates it, "" where its sections are sent one by one. `chunks` are what must be read back,
    after Dify's known changes, and `paths` the heading paths that stand in each of them. `metadata` has the
    hash among its values.
    """

    key: str
    slug: str
    title: str
    name: str
    form: Form
    text: str
    chunks: tuple[StoredChunk, ...]
    paths: tuple[Paths, ...]
    hash: str
    metadata: Mapping[str, str]


def render_all(documents: Iterable[Document], settings: Settings) -> tuple[Rendered, ...]:
    """All documents as kb.toml wants them sent."""
    form, mapped = settings.dify.form, settings.metadata
    return tuple(render(document, form, mapped) for document in documents)


def render(
    document: Document, form: Form = Form.PARENT_CHILD, mapped: Mapping[str, str] | None = None
) -> Rendered:
    """The document as it is sent; `mapped` are metadata fields by the property they come from.

    Its name is stable and unique: title and a tag of its key. The hash is of what must be embedded anew when
    it changes; other metadata is compared value by value (`plan.py`).
    """
    name = document_name(document)
    texts, chunks, paths = _pieces(document, form)
    content = {"version": VERSION, "form": form, "name": name, "chunks": texts}
    digest = hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
    return Rendered(
        key=document.key,
        slug=document.slug,
        title=document.title,
        name=name,
        form=form,
        text="" if form is Form.SEGMENTS else PARENT_SEPARATOR.join(texts),
        chunks=tuple(chunks),
        paths=tuple(paths),
        hash=digest,
        metadata=metadata(document, mapped or {}) | {HASH: digest},
    )


def _pieces(document: Document, form: Form) -> tuple[list[str], list[StoredChunk], list[Paths]]:
    """The texts that are sent, what Dify will have stored of them, and the headings in each."""
    if form is Form.FLAT:
        children = [(section, child) for section in document.sections for child in section.children]
        pairs = [(sendable(_alone(child)), _below(section, child)) for section, child in children]
        # What is nothing but symbols is not stored at all.
        kept = [(text, flat_chunk(text), below) for text, below in pairs if flat_chunk(text)]
        return (
            [text for text, _, _ in kept],
            [StoredChunk(text, ()) for _, text, _ in kept],
            [below for _, _, below in kept],
        )
    paths = [section.contains for section in document.sections]
    if form is Form.SEGMENTS:
        exact = [section_text(section).replace("\0", "") for section in document.sections]
        return exact, [StoredChunk(text, tuple(text.split(CHILD_SEPARATOR))) for text in exact], paths
    texts = [sendable(section_text(section)) for section in document.sections]
    return texts, [_as_stored(text) for text in texts], paths


def _alone(child: Chunk) -> str:
    """The subsection with the whole breadcrumb: in a section, only the first one needs it."""
    _, gap, text = child.text.partition("\n\n")
    return breadcrumb(child.heading_path) + gap + text


def _below(section: Section, child: Chunk) -> Paths:
    depth = len(child.heading_path)
    return tuple(path for path in section.contains if path[:depth] == child.heading_path)


def _as_stored(section: str) -> StoredChunk:
    """The section as it must be read back: Dify cuts the children from what it kept of the parent."""
    text = stored_chunk(section)
    return StoredChunk(text, tuple(stored_chunk(child) for child in text.split(CHILD_SEPARATOR)))


def document_name(document: Document) -> str:
    """`Refunds #1a2b3c4d`: recognisable as ours before its metadata is written.

    The tag is of the key's hash, not its beginning: Notion ids of one day begin alike.
    """
    title = " ".join(stored(sendable(document.title)).split()) or "Untitled"
    return f"{title[: LONGEST_NAME - 20]} #{tag_of(document.key)}"


def tag_of(key: str) -> str:
    """Eight hexadecimal digits that stand for a key."""
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def tag_in(name: str) -> str:
    """The tag at the end of a document's name of our form, else ""."""
    found = _TAG.search(name)
    return found[1] if found else ""


def corpus_hash(rendered: Sequence[Rendered]) -> str:
    """Of all documents: what a run says it was measured on."""
    lines = sorted(f"{document.key} {document.hash}" for document in rendered)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def first_difference(ours: Sequence[StoredChunk], theirs: Sequence[StoredChunk]) -> str:
    """Empty when the stored chunks are ours and switched on, else a phrase that names the first other one."""
    for number, (wanted, found) in enumerate(zip(ours, theirs, strict=False), start=1):
        if wanted.text != found.text:
            return f"section {number} differs: {_near(wanted.text, found.text)}"
        if wanted.children != found.children:
            return f"section {number}: {_children_difference(wanted.children, found.children)}"
        if not found.is_enabled:
            return f"section {number} is disabled"
    if len(ours) != len(theirs):
        return f"{len(theirs)} sections stored, {len(ours)} sent"
    return ""


def _children_difference(wanted: Sequence[str], found: Sequence[str]) -> str:
    if len(wanted) != len(found):
        return f"{len(found)} subsections stored, {len(wanted)} sent"
    number = next(i for i, (a, b) in enumerate(zip(wanted, found, strict=True)) if a != b)
    return f"subsection {number + 1} differs: {_near(wanted[number], found[number])}"


def _near(wanted: str, found: str) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b),
        min(len(wanted), len(found)),
    )
    return f"sent {wanted[at : at + 30]!r}, stored {found[at : at + 30]!r} at character {at}"
