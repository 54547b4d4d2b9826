"""What a document becomes in Dify: one name, one text with our separators, a hash, metadata. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kbtool.chunk import CHILD_SEPARATOR, section_text
from kbtool.dify.objects import LONGEST_NAME, StoredChunk
from kbtool.dify.text import sendable, stored, stored_chunk
from kbtool.dify.wire import PARENT_SEPARATOR
from kbtool.model import Document

KEY, HASH, SOURCE, SLUG, LANGUAGE = (
    "kbtool_key",
    "kbtool_hash",
    "kbtool_source",
    "kbtool_slug",
    "kbtool_language",
)
FIELDS = (KEY, HASH, SOURCE, SLUG, LANGUAGE)
"""Our metadata fields; all bear the prefix, since `source` is a built-in name (recording 400)."""

FORM = 1
"""Raised when the same pages must arrive in another form, so that every document counts as changed."""

_TAG = re.compile(r" #([0-9a-f]{8})\Z")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A document ready to send. `chunks` are what must be read back, after Dify's known changes."""

    key: str
    slug: str
    title: str
    name: str
    text: str
    chunks: tuple[StoredChunk, ...]
    hash: str
    metadata: Mapping[str, str]


def render(document: Document) -> Rendered:
    """The document as it is sent. Its name is stable and unique: title and a tag of its key."""
    sections = [sendable(section_text(section)) for section in document.sections]
    name = document_name(document)
    content = {
        "form": FORM,
        "name": name,
        "sections": sections,
        "source": document.source,
        "slug": document.slug,
    }
    digest = hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()
    return Rendered(
        key=document.key,
        slug=document.slug,
        title=document.title,
        name=name,
        text=PARENT_SEPARATOR.join(sections),
        chunks=tuple(_as_stored(text) for text in sections),
        hash=digest,
        metadata={
            KEY: document.key,
            HASH: digest,
            SOURCE: document.source,
            SLUG: document.slug,
            LANGUAGE: document.language,
        },
    )


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
    """Empty when the stored chunks are ours, else a phrase that names the first that differs."""
    for number, (wanted, found) in enumerate(zip(ours, theirs, strict=False), start=1):
        if wanted.text != found.text:
            return f"section {number} differs: {_near(wanted.text, found.text)}"
        if wanted.children != found.children:
            counts = f"{len(found.children)} stored, {len(wanted.children)} sent"
            return f"the subsections of section {number} differ ({counts})"
    if len(ours) != len(theirs):
        return f"{len(theirs)} sections stored, {len(ours)} sent"
    return ""


def _near(wanted: str, found: str) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b),
        min(len(wanted), len(found)),
    )
    return f"sent {wanted[at : at + 30]!r}, stored {found[at : at + 30]!r} at character {at}"
