"""The first half of the chain in one place: export → page → clean page → document. No network.

    catalog   what files there are
    look      each is read once, for what the others must know of it (in the pool)
    placing   where each page stands among all
    prepare   each is read again, cleaned and chunked (in the pool), and handed on at once

So memory holds a survey of each page, and the text of a few.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import TypeVar

from kbtool.cache import Cache
from kbtool.chunk import split
from kbtool.clean import Cleaned, clean
from kbtool.codec import (
    Outline,
    pack_place,
    unpack_cleaned,
    unpack_document,
    unpack_outline,
    unpack_survey,
)
from kbtool.config import Settings
from kbtool.errors import ConfigError, ExportError
from kbtool.exports import Export, read
from kbtool.exports.archive import File, Spool
from kbtool.exports.catalog import Catalog, catalog, matching
from kbtool.exports.placing import Place, Placing
from kbtool.exports.survey import Survey
from kbtool.model import Document, Kind, Note, Page, Skipped
from kbtool.pool import Pool
from kbtool.prepare import (
    KEY_BYTES,
    Bench,
    Looked,
    Part,
    Surveyed,
    Task,
    file_tuple,
    fingerprint,
    known_survey,
    look,
    prepare,
    survey_key,
)

CACHE = ".kbtool/cache/pages.sqlite"
_POOL_FROM = (100, 2**20)  # files and bytes: below both, starting processes costs more than it saves
_BATCH = (64, 2**18)

Progress = Callable[[str, int, int], None]
"""What is done, how many are done, of how many."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything that came out of the exports, and everything that did not, with the reason."""

    pages: tuple[Page, ...]
    documents: tuple[Document, ...]
    skipped: tuple[Skipped, ...]
    removed: Counter[str]
    notes: tuple[Note, ...] = ()

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


@dataclass(frozen=True)
class Prepared:
    """One page, with the parts of it that were asked for.

    `edited` is a date, or "" where none is known. `sketch` is for `kbtool.duplicates`, `text` the source as
    it was read, `lines` the chunks as `kbtool chunk --json` prints them.
    """

    edited: str
    cleaned: Cleaned | None = None
    packed: bytes = b""
    sketch: bytes = b""
    text: str = ""
    lines: bytes = b""

    @cached_property
    def document(self) -> Document | None:
        """The chunked page, built when it is asked for."""
        return unpack_document(self.packed) if self.packed else None

    @cached_property
    def outline(self) -> Outline | None:
        """What a list of its sections shows, at a fraction of the cost."""
        return unpack_outline(self.packed) if self.packed else None


Event = Prepared | Skipped | Note


def _nothing(what: str, done: int, total: int) -> None:
    """No progress shown."""


def stream(
    settings: Settings,
    parts: Collection[Part],
    *,
    uses_cache: bool = True,
    workers: int | None = None,
    today: date | None = None,
    progress: Progress = _nothing,
) -> Generator[Event, None, None]:
    """The pages of the sources in kb.toml one by one, in a stable order, and what was not taken.

    Neither order nor content depends on the number of `workers` (as many as there are processors, where
    None) or on the cache. Raises ExportError, ConfigError. Use it in `contextlib.closing`, so that its
    processes end with you.
    """
    sources = _sources(settings)
    path = settings.resolve(CACHE) if uses_cache else None
    with Spool() as spool:
        found = catalog(sources, spool, exclude=settings.corpus.exclude)
        yield from found.skipped
        bench = partial(Bench, settings.bounds, frozenset(parts), path)
        count = _workers(found.readable) if workers is None else workers
        fingerprint()  # found out here, it is known to all processes that are forked
        with Pool(count, bench) as pool, Cache(path, writes=True) as cache:
            run = _Run(settings, found, pool, cache, progress)
            surveys: list[Survey] = []
            for looked in run.look():
                if isinstance(looked, Survey):
                    surveys.append(looked)
                else:
                    yield looked
            placing = Placing(surveys, found.files, partial(_too_old, settings, today or _today()))
            yield from placing.skipped
            if not placing.pages:
                raise _no_page([*found.skipped, *run.refused, *placing.skipped])
            yield from (Note(page.file.source, page.note) for page in placing.pages if page.note)
            yield from run.prepare(placing, sorted(parts))
            cache.keep_only(run.keys, KEY_BYTES)


class _Run:
    """The two passes over the files, with what they have in common."""

    def __init__(
        self, settings: Settings, found: Catalog, pool: Pool[Bench], cache: Cache, progress: Progress
    ) -> None:
        self._files = found.readable
        self._kinds = settings.corpus.kinds
        self._pool = pool
        self._cache = cache
        self._progress = progress
        self.keys: set[bytes] = set()
        self.refused: list[Skipped] = []

    def look(self) -> Iterator[Survey | Skipped]:
        """A survey of each file, or why there is none."""
        known = [self._known(file) for file in self._files]
        unknown = [file for file, found in zip(self._files, known, strict=True) if found is None]
        looked = self._looked(unknown)
        for file, found in zip(self._files, known, strict=True):
            result = found or next(looked)
            if len(result) == 2:
                self.refused.append(Skipped(file.source, *result))
                yield self.refused[-1]
                continue
            digest, key, packed, _ = result
            self.keys.add(key[:KEY_BYTES])
            yield unpack_survey(packed, file, digest)

    def _known(self, file: File) -> Surveyed | None:
        """What a former run found out about an entry of a zip, which need not be unpacked to be known."""
        if file.stored is None or not file.stored.mark:
            return None
        return known_survey(self._cache, survey_key(file.stored.mark, file.path, _kind(file, self._kinds)))

    def _looked(self, files: Sequence[File]) -> Iterator[Looked]:
        """What is found in each file, by reading it."""
        total = len(self._files)
        done = total - len(files)
        if done:
            self._progress("look", done, total)
        batches = list(_batches(files, _size))
        jobs = ([(file_tuple(file), _kind(file, self._kinds)) for file in batch] for batch in batches)
        for results in self._pool.map(look, jobs, _lost):
            news = [found for found in results if len(found) > 2 and found[3]]
            self._cache.put([(key, digest + packed) for digest, key, packed, _ in news])
            done += len(results)
            self._progress("look", done, total)
            yield from results

    def prepare(self, placing: Placing, parts: Sequence[Part]) -> Iterator[Prepared | Skipped]:
        """Each page with its parts, or why it has none."""
        batches = list(_batches(placing.pages, lambda page: _size(page.file)))
        places = placing.places()
        jobs = ([self._task(*next(places)) for _ in batch] for batch in batches)
        done = 0
        for batch, results in zip(batches, self._pool.map(prepare, jobs, _lost), strict=True):
            done += len(batch)
            fresh: list[tuple[bytes, bytes]] = []
            for page, result in zip(batch, results, strict=True):
                if len(result) == 2:
                    yield Skipped(page.file.source, *result)
                    continue
                key, news, packed = result
                self.keys.add(key)
                fresh += news
                yield from _prepared(page, dict(zip(parts, packed, strict=True)))
            self._cache.put(fresh)
            self._progress("prepare", done, len(placing.pages))

    def _task(self, page: Survey, place: Place) -> Task:
        return file_tuple(page.file), _kind(page.file, self._kinds), page.digest, pack_place(place)


def _prepared(page: Survey, values: Mapping[Part, bytes]) -> Iterator[Prepared | Skipped]:
    cleaned = unpack_cleaned(values[Part.CLEANED]) if Part.CLEANED in values else None
    done = Prepared(
        page.edited,
        cleaned,
        values.get(Part.DOCUMENT, b""),
        values.get(Part.SKETCH, b""),
        values.get(Part.TEXT, b"").decode(),
        values.get(Part.LINES, b""),
    )
    yield done
    if (done.outline is not None and not done.outline.sections) or values.get(Part.LINES) == b"":
        yield Skipped(page.file.source, "no text besides title and properties")


def _lost(job: Sequence[object], how: str) -> Sequence[tuple[str, bool]]:
    reason = f"the process that read it ended ({how}): is there too little memory for a page of its size?"
    return [(reason, True)] * len(job)


def _batches(items: Iterable[T], size: Callable[[T], int]) -> Iterator[list[T]]:
    """Runs of items, few enough to keep all processes busy to the end."""
    most, most_bytes = _BATCH
    batch: list[T] = []
    weight = 0
    for item in items:
        if batch and (len(batch) == most or weight + size(item) > most_bytes):
            yield batch
            batch, weight = [], 0
        batch.append(item)
        weight += size(item)
    if batch:
        yield batch


def _size(file: File) -> int:
    return file.stored.size if file.stored else 0


def _workers(files: Sequence[File]) -> int:
    least, least_bytes = _POOL_FROM
    is_small = len(files) < least and sum(map(_size, files)) < least_bytes
    return (
        1
        if is_small
        else len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )


def _kind(file: File, kinds: Mapping[str, Kind]) -> str:
    glob = matching(file, tuple(kinds))
    return kinds[glob] if glob else ""


def _today() -> date:
    return datetime.now(UTC).date()


def _too_old(settings: Settings, today: date, page: Survey) -> str:
    days = settings.corpus.max_age_days
    if not days or not page.edited or date.fromisoformat(page.edited) >= today - timedelta(days=days):
        return ""
    return f"last edited {page.edited}, more than {days} days ago (max_age_days)"


def _sources(settings: Settings) -> list[Path]:
    if not settings.corpus.sources:
        raise ConfigError("kb.toml: [corpus] sources is empty", hint="Name a zip, a folder or a file.")
    return [settings.resolve(source) for source in settings.corpus.sources]


def _no_page(skipped: Sequence[Skipped]) -> ExportError:
    first = next((skip for skip in skipped if skip.is_error), None)
    why = f": {first.source}: {first.reason}" if first else ""
    return ExportError(f"No page was found in the sources{why}", hint="Check [corpus] sources in kb.toml.")


def load(settings: Settings) -> Corpus:
    """Read, clean and chunk the sources of kb.toml, all in memory. Raises ExportError, ConfigError."""
    cleaned: list[Cleaned] = []
    documents: list[Document] = []
    skipped: list[Skipped] = []
    notes: list[Note] = []
    for event in stream(settings, (Part.CLEANED, Part.DOCUMENT)):
        if isinstance(event, Skipped):
            skipped.append(event)
        elif isinstance(event, Note):
            notes.append(event)
        elif event.cleaned and (document := event.document):
            cleaned.append(event.cleaned)
            documents += [document] if document.sections else []
    return _corpus(cleaned, documents, skipped, notes)


def _corpus(
    cleaned: Sequence[Cleaned],
    documents: Sequence[Document],
    skipped: Sequence[Skipped],
    notes: Sequence[Note],
) -> Corpus:
    return Corpus(
        pages=tuple(result.page for result in cleaned),
        documents=tuple(documents),
        skipped=tuple(skipped),
        removed=Counter(removal.rule for result in cleaned for removal in result.removals),
        notes=tuple(notes),
    )


def read_sources(settings: Settings) -> Export:
    """All pages of the sources in kb.toml. With the next two, `load` step by step, for small corpora."""
    export = read(_sources(settings), exclude=settings.corpus.exclude)
    if not export.pages:
        raise _no_page(export.skipped)
    return export


def clean_pages(export: Export) -> list[Cleaned]:
    return [clean(page) for page in export.pages]


def chunk_pages(cleaned: Sequence[Cleaned], export: Export, settings: Settings) -> Corpus:
    """Documents of all pages that have a text; the others are listed as skipped."""
    split_pages = [split(result.page, settings.bounds) for result in cleaned]
    empty = [
        Skipped(document.source, "no text besides title and properties")
        for document in split_pages
        if not document.sections
    ]
    documents = [document for document in split_pages if document.sections]
    return _corpus(cleaned, documents, [*export.skipped, *empty], export.notes)
