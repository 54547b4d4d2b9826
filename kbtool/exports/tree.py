"""Where a page stands in its export: its ancestors, the pages its links lead to, its database."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import unquote

from kbtool.clean.targets import key
from kbtool.exports import notion_database
from kbtool.exports.archive import File
from kbtool.exports.names import split_id
from kbtool.exports.survey import Survey
from kbtool.model import Kind

_NOTION = frozenset({Kind.NOTION_MARKDOWN, Kind.NOTION_HTML, Kind.NOTION_DATABASE})
_PAGE_SUFFIXES = (".md", ".html", ".csv")


class Tree:
    """All pages and files of all sources, by path and by Notion id."""

    def __init__(self, surveys: Iterable[Survey], files: Iterable[File]) -> None:
        self._by_path: dict[tuple[str, str], Survey] = {}
        self._by_id: dict[str, Survey] = {}
        self._by_folder: dict[tuple[str, str], Survey] = {}
        self._by_name: dict[tuple[str, str, str], Survey | None] = {}
        self._files = {(file.tree, file.path) for file in files}
        self._folder_titles: dict[tuple[str, str, bool], str] = {}
        self._renamed: dict[str, str] = {}
        pages = list(surveys)
        for page in pages:
            self._add(page)
        self._name_databases(pages)

    def _add(self, page: Survey) -> None:
        file = page.file
        self._by_path.setdefault((file.tree, file.path), page)
        if page.kind not in _NOTION:
            return
        self._by_id.setdefault(page.key, page)
        folder = posixpath.splitext(file.path)[0]
        if page.kind is Kind.NOTION_DATABASE:
            folder = notion_database.folder_of(file)
            self._by_path.setdefault((file.tree, f"{folder}.csv"), page)
        self._by_folder.setdefault((file.tree, folder), page)
        # Newer exports name a page's folder without the id; that is of use while only one page fits.
        above, _, own = folder.rpartition("/")
        name = (file.tree, above, split_id(own)[0])
        self._by_name[name] = None if name in self._by_name else page

    def _name_databases(self, pages: Iterable[Survey]) -> None:
        """The whole titles of databases: a CSV's name is cut, but a link to it is not."""
        for page in pages:
            for text, target in page.databases:
                database = self._page(page, target)
                if (
                    database is not None
                    and database.kind is Kind.NOTION_DATABASE
                    and key(text).startswith(key(database.title))
                ):
                    self._renamed.setdefault(database.key, text)

    def title(self, page: Survey) -> str:
        """The page's title."""
        if page.kind is Kind.NOTION_DATABASE:
            return self._renamed.get(page.key, page.title)
        return page.title

    def owner(self, tree: str, folder: str) -> Survey | None:
        """The Notion page or database that a folder belongs to."""
        above, _, own = folder.rpartition("/")
        page_id = split_id(own)[1]
        return (
            self._by_folder.get((tree, folder))
            or (self._by_id.get(page_id) if page_id else None)
            or self._by_name.get((tree, above, own))
        )

    def ancestors(self, page: Survey) -> list[str]:
        """Titles of the pages above, outermost first. A plain folder without a page counts by its name."""
        path, titles = page.file.path, []
        end = path.find("/")
        while end != -1:
            title = self._folder_title(page.file.tree, path[:end], is_notion=page.kind in _NOTION)
            if title:
                titles.append(title)
            end = path.find("/", end + 1)
        return titles

    def _folder_title(self, tree: str, folder: str, *, is_notion: bool) -> str:
        known = self._folder_titles.get((tree, folder, is_notion))
        if known is None:
            owner = self.owner(tree, folder)
            if owner is None and not is_notion:
                owner = self._by_path.get((tree, f"{folder}.md"))
                known = self.title(owner) if owner else folder.rpartition("/")[2]
            else:
                known = self.title(owner) if owner else ""
            self._folder_titles[tree, folder, is_notion] = known
        return known

    def database(self, page: Survey) -> Survey | None:
        """The database whose row the page is."""
        folder = page.file.path.rpartition("/")[0]
        owner = self.owner(page.file.tree, folder) if folder else None
        return owner if owner is not None and owner.kind is Kind.NOTION_DATABASE else None

    def links(self, page: Survey) -> Mapping[str, str]:
        """Each relative target in the body, as it is written, with the title of the page it leads to.

        Files that are no pages are there by their name; "" stands for what the export does not hold.
        """
        return {target: self._target_title(page, target) for target in page.links}

    def _target_title(self, page: Survey, target: str) -> str:
        if target.startswith("#"):
            return self.title(page)
        found = self._page(page, target)
        if found is not None:
            return self.title(found)
        full = _full_path(page, target)
        return full.rpartition("/")[2] if (page.file.tree, full) in self._files else ""

    def _page(self, page: Survey, target: str) -> Survey | None:
        full = _full_path(page, target)
        found = self._by_path.get((page.file.tree, full))
        if found is None and full.lower().endswith(_PAGE_SUFFIXES):
            stem = posixpath.splitext(full.rpartition("/")[2])[0]
            page_id = split_id(stem.removesuffix("_all"))[1]
            found = self._by_id.get(page_id) if page_id else None
        return found


@lru_cache(maxsize=4096)  # looked up as a page first, then as a file; and neighbours link to the same pages
def _decoded(path: str) -> str:
    path = path.replace("%20", " ")  # nearly all there is to decode, and a hundred times as fast
    return unicodedata.normalize("NFC", unquote(path) if "%" in path else path)


def _full_path(page: Survey, target: str) -> str:
    """The path inside the export that a target means, seen from the page."""
    path = _decoded(target.partition("#")[0])  # after the cut: a title may hold an encoded "#"
    parts = [] if path.startswith("/") else page.file.path.split("/")[:-1]
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)
