"""All pages of an export at once, in this process: for what needs every page in memory.

`kbtool.corpus` goes the same way page by page, for exports of any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kbtool.exports.archive import File, Spool
from kbtool.exports.catalog import catalog
from kbtool.exports.draft import Draft
from kbtool.exports.placing import Placing
from kbtool.exports.reading import parse
from kbtool.exports.stored import Unreadable
from kbtool.exports.survey import survey
from kbtool.model import Kind, Note, Page, Skipped


@dataclass(frozen=True, slots=True)
class Export:
    """The pages of all sources in a stable order, and everything that was not taken with its reason.

    `notes` say of pages that were taken what they came without.
    """

    pages: tuple[Page, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[Note, ...] = ()


def read(sources: Sequence[Path], *, exclude: Sequence[str] = ()) -> Export:
    """The pages in zips, folders and files; each file's form is recognised from itself.

    Raises ExportError when a source does not exist or no source was given.
    """
    with Spool() as spool:
        found = catalog(sources, spool, exclude=exclude)
        read_files = [read_file(file) for file in found.readable]
    drafts = {(draft.file.tree, draft.file.path): draft for draft in read_files if isinstance(draft, Draft)}
    placing = Placing([survey(draft) for draft in read_files if isinstance(draft, Draft)], found.files)
    refused = [skip for skip in read_files if isinstance(skip, Skipped)]
    return Export(
        tuple(place.page(drafts[page.file.tree, page.file.path]) for page, place in placing.places()),
        (*found.skipped, *refused, *placing.skipped),
        tuple(Note(page.file.source, page.note) for page in placing.pages if page.note),
    )


def read_file(file: File, forced: Kind | None = None) -> Draft | Skipped:
    """The draft in a file, or why there is none."""
    if file.stored is None:
        return Skipped(file.source, "attachment")
    try:
        return parse(file, file.stored.read(), forced)
    except Unreadable as error:
        return Skipped(file.source, str(error), is_error=True)
