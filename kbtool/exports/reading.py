"""From the files of all sources to pages: recognise, place, give keys and slugs, leave out doubles."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from kbtool.clean import properties
from kbtool.clean.targets import key
from kbtool.errors import ExportError
from kbtool.exports import (
    lark_blocks,
    lark_docx,
    notion_database,
    notion_html,
    notion_markdown,
    plain_markdown,
    spreadsheet,
)
from kbtool.exports.archive import File, files
from kbtool.exports.draft import Draft, decode
from kbtool.exports.names import slug_part, slugify
from kbtool.exports.tree import Tree
from kbtool.model import Kind, Page, Skipped

_MARKDOWN = frozenset({".md", ".markdown"})
_HTML = frozenset({".html", ".htm"})
_BINARY = {".docx": lark_docx.parse, ".xlsx": spreadsheet.parse_workbook}


@dataclass(frozen=True, slots=True)
class Export:
    """The pages of all sources in a stable order, and everything that was not taken with its reason."""

    pages: tuple[Page, ...]
    skipped: tuple[Skipped, ...]


def read(sources: Sequence[Path], *, exclude: Sequence[str] = ()) -> Export:
    """The pages in zips, folders and files; each file's form is recognised from itself.

    `exclude` holds globs that are compared with a file's path inside its export and with the name that
    reports give it. Raises ExportError when a source does not exist or no source was given.
    """
    if not sources:
        raise ExportError("no export to read", hint="Name a zip, a folder or a file in `sources` of kb.toml.")
    skipped: list[Skipped] = []
    taken: list[File] = []
    for source in sources:
        for found in sorted(files(source), key=_order):
            if isinstance(found, Skipped):
                skipped.append(found)
            elif pattern := _excluded(found, exclude):
                skipped.append(Skipped(found.source, f"excluded by {pattern!r}"))
            else:
                taken.append(found)
    drafts: list[Draft] = []
    paths = frozenset((file.tree, file.path) for file in taken)
    for file in taken:
        parsed = _parse(file, paths)
        if isinstance(parsed, Skipped):
            skipped.append(parsed)
            continue
        drafts.append(parsed)
        if parsed.note:
            skipped.append(Skipped(file.source, parsed.note))
    drafts = _named_by_links(drafts)
    tree = Tree(drafts, taken)
    pages = _distinct((_placed(draft, tree) for draft in drafts), skipped)
    return Export(_with_slugs(pages), tuple(skipped))


def _order(found: File | Skipped) -> tuple[bool, str, str]:
    """By path; of a page that one source holds in both forms, Markdown comes first and is taken."""
    if isinstance(found, Skipped):
        return False, "", found.source
    return PurePosixPath(found.path).suffix.lower() in _HTML, found.path, found.source


def _excluded(file: File, patterns: Sequence[str]) -> str:
    return next((glob for glob in patterns if fnmatch(file.path, glob) or fnmatch(file.source, glob)), "")


def _parse(file: File, paths: frozenset[tuple[str, str]]) -> Draft | Skipped:
    """The draft in a file, or why there is none."""
    if file.data is None:
        return Skipped(file.source, "attachment: only Markdown, HTML, CSV, JSON, .docx and .xlsx are read")
    binary = _BINARY.get(PurePosixPath(file.path).suffix.lower())
    try:
        return binary(file, file.data) if binary else _parse_text(file, decode(file.data), paths)
    except UnicodeDecodeError:
        return Skipped(file.source, "not text in UTF-8, UTF-16 or GB18030", is_error=True)
    except ValueError as error:  # JSON that is none, or that holds a number of thousands of digits
        return Skipped(file.source, f"not JSON: {str(error)[:120]}", is_error=True)
    except RecursionError:
        return Skipped(file.source, "not JSON: nested deeper than any document", is_error=True)
    except ExportError as error:
        return Skipped(file.source, error.message, is_error=True)


def _parse_text(file: File, text: str, paths: frozenset[tuple[str, str]]) -> Draft | Skipped:
    suffix = PurePosixPath(file.path).suffix.lower()
    if suffix in _MARKDOWN:
        return notion_markdown.parse(file, text) or plain_markdown.parse(file, text)
    if suffix in _HTML:
        return notion_html.parse(file, text)
    if suffix == ".json":
        return lark_blocks.parse(file, json.loads(text))
    if notion_database.is_view(file, paths):
        return Skipped(file.source, "current view only: the database's `_all.csv` is read")
    return notion_database.parse(file, text) or spreadsheet.parse_csv(file, text)


def _named_by_links(drafts: Sequence[Draft]) -> list[Draft]:
    """Databases with their whole title: a CSV's name is cut, but a link to it is not."""
    tree = Tree(drafts, ())
    titles: dict[str, str] = {}
    for draft in drafts:
        for text, database in tree.database_links(draft):
            if key(text).startswith(key(database.title)):
                titles.setdefault(database.key, text)
    return [
        replace(draft, title=titles[draft.key])
        if draft.kind is Kind.NOTION_DATABASE and draft.key in titles
        else draft
        for draft in drafts
    ]


def _placed(draft: Draft, tree: Tree) -> Page | Skipped:
    """The page with its place in the export, or why it is none."""
    database = tree.database(draft)
    columns = database.columns if database else frozenset()
    body = draft.markdown if draft.properties else properties.split(draft.markdown, columns)[1]
    if not body.strip():
        return Skipped(draft.file.source, _emptiness(draft, tree))
    identity = draft.key or draft.file.name
    return Page(
        key=identity,
        slug=slugify([*tree.titles(draft)[:-1], slug_part(draft.title) or tag(identity)]),
        title=draft.title,
        markdown=draft.markdown,
        source=draft.file.source,
        kind=draft.kind,
        properties=draft.properties,
        links=tree.links(draft),
        columns=columns,
        removals=draft.removals,
    )


def _emptiness(draft: Draft, tree: Tree) -> str:
    titles = tree.titles(draft)
    if tree.database(draft) or draft.properties:
        return f"only properties: row of {titles[-2]}" if len(titles) > 1 else "only properties"
    return "no text under the title"


def _distinct(found: Iterable[Page | Skipped], skipped: list[Skipped]) -> list[Page]:
    """Pages with different keys: of a page that was exported twice, the first source's is taken."""
    pages: dict[str, Page] = {}
    for page in found:
        if isinstance(page, Skipped):
            skipped.append(page)
        elif page.key in pages:
            first = pages[page.key]
            same = slug_part(first.title) == slug_part(page.title)
            reason = f"also in {first.source}" if same else f"has the same key as {first.source}: rename one"
            skipped.append(Skipped(page.source, reason, is_error=not same))
        else:
            pages[page.key] = page
    return list(pages.values())


def _with_slugs(pages: Sequence[Page]) -> tuple[Page, ...]:
    """Slugs that are different: pages of one title in one place all get a tag of their key.

    All of them, so that a golden question never silently points to another page when a copy appears.
    """
    count = Counter(page.slug for page in pages)
    return tuple(
        replace(page, slug=f"{page.slug}-{tag(page.key)}") if count[page.slug] > 1 else page for page in pages
    )


def tag(identity: str) -> str:
    """Eight characters of a key: its own first ones, or a digest's where the key is a path."""
    if identity.isalnum() and identity.isascii():
        return identity[:8].casefold()
    return hashlib.sha256(identity.encode()).hexdigest()[:8]
