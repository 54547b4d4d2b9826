"""From surveys to places: which pages are taken, and what the export as a whole adds to each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kbtool.clean import properties
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.names import slug_part, slugify
from kbtool.exports.survey import Survey
from kbtool.exports.tree import Tree
from kbtool.model import Page, Skipped


@dataclass(frozen=True, slots=True)
class Place:
    """What a page gets from its export: see `Page` for the fields."""

    key: str
    slug: str
    title: str
    links: Mapping[str, str]
    columns: frozenset[str]

    def page(self, draft: Draft) -> Page:
        """The draft in its place."""
        return Page(
            key=self.key,
            slug=self.slug,
            title=self.title,
            markdown=draft.markdown,
            source=draft.file.source,
            kind=draft.kind,
            properties=draft.properties,
            links=self.links,
            columns=self.columns,
            removals=draft.removals,
        )


class Placing:
    """The pages that are taken of all that were surveyed, in a stable order, and why the others are not.

    `dropped` says why a page is left out on purpose, or "": it is still there for links and slugs of others.
    """

    def __init__(
        self,
        surveys: Sequence[Survey],
        files: Iterable[File],
        dropped: Callable[[Survey], str] = lambda _: "",
    ) -> None:
        self._tree = Tree(surveys, files)
        self.skipped: list[Skipped] = []
        self.pages: list[Survey] = []
        self._slugs: list[str] = []
        taken: dict[str, Survey] = {}
        for page in surveys:
            reason = self._emptiness(page) or dropped(page)
            if reason:
                self.skipped.append(Skipped(page.file.source, reason))
            elif (identity := _identity(page)) in taken:
                self.skipped.append(self._double(page, taken[identity]))
            else:
                taken[identity] = page
        self.pages = list(taken.values())
        self._slugs = self._distinct_slugs()

    def places(self) -> Iterator[tuple[Survey, Place]]:
        """The pages, each with its place; made one by one."""
        for page, slug in zip(self.pages, self._slugs, strict=True):
            yield (
                page,
                Place(
                    _identity(page), slug, self._tree.title(page), self._tree.links(page), self._columns(page)
                ),
            )

    def _columns(self, page: Survey) -> frozenset[str]:
        database = self._tree.database(page)
        return database.columns if database else frozenset()

    def _emptiness(self, page: Survey) -> str:
        """Why a page has no text to take, or ""."""
        if page.lone is None:
            return ""
        database = self._tree.database(page)
        columns = database.columns if database else frozenset()
        if page.lone and not properties.split(page.lone, columns)[0]:
            return ""
        above = self._tree.ancestors(page)
        if database or page.has_properties:
            return f"only properties: row of {above[-1]}" if above else "only properties"
        return "no text under the title"

    def _double(self, page: Survey, first: Survey) -> Skipped:
        """Of a page that was exported twice, the first source's is taken."""
        same = slug_part(self._tree.title(first)) == slug_part(self._tree.title(page))
        where = first.file.source
        reason = f"also in {where}" if same else f"has the same key as {where}: rename one"
        return Skipped(page.file.source, reason, is_error=not same)

    def _distinct_slugs(self) -> list[str]:
        """Slugs that are different: pages of one title in one place all get a tag of their key.

        All of them, so that a golden question never silently points to another page when a copy appears.
        """
        slugs = [self._slug(page) for page in self.pages]
        count = Counter(slugs)
        return [
            f"{slug}-{tag(_identity(page))}" if count[slug] > 1 else slug
            for page, slug in zip(self.pages, slugs, strict=True)
        ]

    def _slug(self, page: Survey) -> str:
        own = slug_part(self._tree.title(page)) or tag(_identity(page))
        return slugify([*self._tree.ancestors(page), own])


def _identity(page: Survey) -> str:
    return page.key or page.file.name


def tag(identity: str) -> str:
    """Eight characters of a key: its own first ones, or a digest's where the key is a path."""
    if identity.isalnum() and identity.isascii():
        return identity[:8].casefold()
    return hashlib.sha256(identity.encode()).hexdigest()[:8]
