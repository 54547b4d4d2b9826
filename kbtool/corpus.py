"""The first half of the chain in one place: export → page → clean page → document. No network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kbtool.chunk import split
from kbtool.clean import Cleaned, clean
from kbtool.config import Settings
from kbtool.errors import ConfigError, ExportError
from kbtool.exports import Export, read
from kbtool.model import Document, Page, Skipped


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything that came out of the exports, and everything that did not, with the reason."""

    pages: tuple[Page, ...]
    documents: tuple[Document, ...]
    skipped: tuple[Skipped, ...]
    removed: Counter[str]

    @property
    def unreadable(self) -> tuple[Skipped, ...]:
        """Sources that should have become pages and could not be read: their pages are missing here."""
        return tuple(skip for skip in self.skipped if skip.is_error)

    @property
    def sections(self) -> int:
        return sum(len(document.sections) for document in self.documents)

    @property
    def children(self) -> int:
        return sum(len(section.children) for document in self.documents for section in document.sections)


def read_sources(settings: Settings) -> Export:
    """All pages of the sources in kb.toml."""
    if not settings.corpus.sources:
        raise ConfigError("kb.toml: [corpus] sources is empty", hint="Name a zip, a folder or a file.")
    sources = [settings.resolve(source) for source in settings.corpus.sources]
    export = read(sources, exclude=settings.corpus.exclude)
    if not export.pages:
        first = next((skip for skip in export.skipped if skip.is_error), None)
        why = f": {first.source}: {first.reason}" if first else ""
        raise ExportError(f"No page was found in the sources{why}", hint="Check [corpus] sources in kb.toml.")
    return export


def clean_pages(export: Export) -> list[Cleaned]:
    return [clean(page) for page in export.pages]


def chunk_pages(cleaned: Sequence[Cleaned], export: Export, settings: Settings) -> Corpus:
    """Documents of all pages that have a text; the others are listed as skipped."""
    documents: list[Document] = []
    skipped = list(export.skipped)
    for result in cleaned:
        document = split(result.page, settings.bounds)
        if document.sections:
            documents.append(document)
        else:
            skipped.append(Skipped(result.page.source, "no text besides title and properties"))
    return Corpus(
        pages=tuple(result.page for result in cleaned),
        documents=tuple(documents),
        skipped=tuple(skipped),
        removed=Counter(removal.rule for result in cleaned for removal in result.removals),
    )


def load(settings: Settings) -> Corpus:
    """Read, clean and chunk the sources of kb.toml. Raises ExportError, ConfigError."""
    export = read_sources(settings)
    return chunk_pages(clean_pages(export), export, settings)
