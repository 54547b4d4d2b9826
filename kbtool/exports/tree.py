"""Where a page stands in its export: its ancestors, the pages its links lead to, its database."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

from kbtool.clean.code import outside_code
from kbtool.clean.targets import IMAGE, LINK, is_relative
from kbtool.exports import notion_database
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.names import split_id
from kbtool.model import Kind

_NOTION = frozenset({Kind.NOTION_MARKDOWN, Kind.NOTION_HTML, Kind.NOTION_DATABASE})
_PAGE_SUFFIXES = (".md", ".html", ".csv")


class Tree:
    """All pages and files of all sources, by path and by Notion id."""

    def __init__(self, drafts: Iterable[Draft], files: Iterable[File]) -> None:
        self._by_path: dict[tuple[str, str], Draft] = {}
        self._by_id: dict[str, Draft] = {}
        self._by_folder: dict[tuple[str, str], Draft] = {}
        self._by_name: dict[tuple[str, str, str], Draft | None] = {}
        self._files = {(file.tree, file.path) for file in files}
        for draft in drafts:
            self._add(draft)

    def _add(self, draft: Draft) -> None:
        path = PurePosixPath(draft.file.path)
        self._by_path.setdefault((draft.file.tree, draft.file.path), draft)
        if draft.kind not in _NOTION:
            return
        self._by_id.setdefault(draft.key, draft)
        folder = str(path.with_suffix(""))
        if draft.kind is Kind.NOTION_DATABASE:
            folder = notion_database.folder_of(draft.file)
            self._by_path.setdefault((draft.file.tree, f"{folder}.csv"), draft)
        self._by_folder.setdefault((draft.file.tree, folder), draft)
        # Newer exports name a page's folder without the id; that is of use while only one page fits.
        name = (draft.file.tree, str(path.parent), split_id(PurePosixPath(folder).name)[0])
        self._by_name[name] = None if name in self._by_name else draft

    def parent_folders(self, draft: Draft) -> Sequence[str]:
        """The folders that hold the page, outermost first."""
        return [str(folder) for folder in reversed(PurePosixPath(draft.file.path).parents) if folder.name]

    def owner(self, tree: str, folder: str) -> Draft | None:
        """The Notion page or database that a folder belongs to."""
        path = PurePosixPath(folder)
        page_id = split_id(path.name)[1]
        return (
            self._by_folder.get((tree, folder))
            or (self._by_id.get(page_id) if page_id else None)
            or self._by_name.get((tree, str(path.parent), path.name))
        )

    def titles(self, draft: Draft) -> list[str]:
        """Titles of the page's ancestors and its own. A plain folder without a page counts by its name."""
        found: list[str] = []
        for folder in self.parent_folders(draft):
            owner = self.owner(draft.file.tree, folder)
            if owner is not None:
                found.append(owner.title)
            elif draft.kind not in _NOTION:
                page = self._by_path.get((draft.file.tree, f"{folder}.md"))
                found.append(page.title if page else PurePosixPath(folder).name)
        return [*found, draft.title]

    def database(self, draft: Draft) -> Draft | None:
        """The database whose row the page is."""
        parent = PurePosixPath(draft.file.path).parent
        owner = self.owner(draft.file.tree, str(parent)) if parent.name else None
        return owner if owner is not None and owner.kind is Kind.NOTION_DATABASE else None

    def links(self, draft: Draft) -> Mapping[str, str]:
        """Each relative target in the body, as it is written, with the title of the page it leads to.

        Files that are no pages are there by their name; "" stands for what the export does not hold.
        """
        targets = dict.fromkeys(target for _, target in _links(draft.markdown) if is_relative(target))
        return {target: self._title(draft, target) for target in targets}

    def database_links(self, draft: Draft) -> Iterator[tuple[str, Draft]]:
        """The text of each link in the body that leads to a database, and the database."""
        for text, target in _links(draft.markdown):
            page = self._page(draft, target) if is_relative(target) else None
            if page is not None and page.kind is Kind.NOTION_DATABASE:
                yield text, page

    def _title(self, draft: Draft, target: str) -> str:
        if target.startswith("#"):
            return draft.title
        page = self._page(draft, target)
        if page is not None:
            return page.title
        full = _full_path(draft, target)
        return PurePosixPath(full).name if (draft.file.tree, full) in self._files else ""

    def _page(self, draft: Draft, target: str) -> Draft | None:
        full = _full_path(draft, target)
        page = self._by_path.get((draft.file.tree, full))
        if page is None and full.lower().endswith(_PAGE_SUFFIXES):
            page_id = split_id(PurePosixPath(full).stem.removesuffix("_all"))[1]
            page = self._by_id.get(page_id) if page_id else None
        return page


def _links(markdown: str) -> list[tuple[str, str]]:
    """Text and target of the links and images outside code."""
    found: list[tuple[str, str]] = []

    def collect(text: str) -> str:
        for pattern in (LINK, IMAGE):
            found.extend((match[1], match["target"]) for match in pattern.finditer(text) if match["target"])
        return text

    outside_code(markdown, collect)
    return found


def _full_path(draft: Draft, target: str) -> str:
    """The path inside the export that a target means, seen from the page."""
    path = target.partition("#")[0]  # before decoding: a title may hold an encoded "#"
    path = unicodedata.normalize("NFC", unquote(path))
    parts = [] if path.startswith("/") else list(PurePosixPath(draft.file.path).parent.parts)
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)
