"""The page of `kbtool chunk --html`: each page's source beside its chunks, and what each rule removed.

One file that needs nothing else. It is written while the pages come in, so that memory grows with the file
and not with the corpus; the file's size is bounded, and where something is cut it says how much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from kbtool import look
from kbtool.chunk import Bounds, section_text
from kbtool.clean import RULES
from kbtool.exports import left_out, notion_html, plain_html
from kbtool.model import Chunk, Document, Kind, Page, Removal, Section, Skipped
from kbtool.preview.marks import Piece, pieces

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"

MOST_SOURCE = 40_000
"""Characters of one page's source that are shown."""

MOST_CHUNKS = 80_000
"""Characters of one page's chunks that are shown."""

MOST_REMOVALS = 200
_LONGEST_REMOVAL = 400

MOST_BYTES = 24 * 2**20
"""Pages are shown whole until the file has this size; later ones are a line with their counts each."""

MOST_LINES = 5000
"""Pages that have a line at all; later ones are counted."""

_HTML = frozenset({Kind.NOTION_HTML, Kind.HTML})
_BODY = re.compile(r"<(?:article|body)\b", re.IGNORECASE)
_LINE = re.compile(
    r"(?<=[^\n])(?=<(?:p|div|h[1-6]|[uo]l|li|table|tr|figure|pre|details|blockquote|header|nav|aside|section|hr"
    r"|style|script|main|footer|form)\b)",
    re.IGNORECASE,
)
_STEPS = 5


@dataclass(frozen=True, slots=True)
class Processed:
    """A page on its way: its file's text as it was read, the clean page, what was taken out, the chunks."""

    source: str
    page: Page
    removals: Sequence[Removal]
    document: Document


@dataclass(frozen=True, slots=True)
class Size:
    """A text's length in characters, and the longest that it may have."""

    length: int
    bound: int

    @property
    def share(self) -> float:
        return self.length / self.bound


@dataclass(frozen=True, slots=True)
class ShownChild:
    chunk: Chunk
    size: Size


@dataclass(frozen=True, slots=True)
class ShownSection:
    """A section with its size, and those of its children that are shown."""

    section: Section
    size: Size
    children: tuple[ShownChild, ...]


@dataclass(frozen=True, slots=True)
class ShownRule:
    """What one rule took out of a page: texts, cut where they are long, and how many are not shown."""

    name: str
    reason: str
    kind: str
    texts: tuple[str, ...]
    more: int


@dataclass(slots=True)
class Total:
    """How often a rule removed something, and from how many pages."""

    times: int = 0
    pages: int = 0


@dataclass(slots=True)
class Totals:
    """Counts over all pages, those that are not shown included."""

    pages: int = 0
    sections: int = 0
    chunks: int = 0
    characters: int = 0
    changed: int = 0
    rules: dict[str, Total] = field(default_factory=dict)
    steps: list[int] = field(default_factory=lambda: [0] * _STEPS)

    def add(self, done: Processed, sizes: Iterable[Size]) -> None:
        """Count a page."""
        self.pages += 1
        self.sections += len(done.document.sections)
        self.changed += bool(done.removals)
        for size in sizes:
            self.chunks += 1
            self.characters += size.length
            self.steps[min(_STEPS - 1, int(size.share * _STEPS))] += 1
        for name, group in groupby(sorted(removal.rule for removal in done.removals)):
            total = self.rules.setdefault(name, Total())
            total.times += sum(1 for _ in group)
            total.pages += 1


def reasons() -> dict[str, str]:
    """Each rule's reason: its docstring, or what its reader says about it."""
    written = {rule.name: " ".join((rule.apply.__doc__ or "").split()) for rule in RULES}
    return {**written, **left_out.REASONS, **notion_html.LEFT_OUT, **plain_html.LEFT_OUT}


def render(
    pages: Iterable[Processed],
    skipped: Iterable[Skipped],
    bounds: Bounds,
    why: Mapping[str, str] | None = None,
) -> str:
    """The preview as HTML. `skipped` is read after all pages; `why` has the rules' reasons by name."""
    environment = look.environment(TEMPLATES)
    environment.filters["thousands"] = thousands
    row = environment.get_template("page.html.j2")
    known = reasons() if why is None else why
    totals = Totals()
    rows: list[str] = []
    size = whole = 0
    for done in pages:
        sizes = [
            Size(len(chunk.text), bounds.child_for(chunk.text))
            for part in done.document.sections
            for chunk in part.children
        ]
        totals.add(done, sizes)
        if totals.pages > MOST_LINES:
            continue
        text = _row(row, done, totals.pages, sizes, bounds, known, has_room=size < MOST_BYTES)
        whole += size < MOST_BYTES
        size += len(text.encode())
        rows.append(text)
    return _page(environment, rows, whole, totals, list(skipped), known)


def thousands(number: int) -> str:
    return f"{number:,}"


def _row(
    template: jinja2.Template,
    done: Processed,
    number: int,
    sizes: Sequence[Size],
    bounds: Bounds,
    why: Mapping[str, str],
    *,
    has_room: bool,
) -> str:
    """One page: a line, and below it everything about the page where there is room."""
    start = _start(done)
    shown = done.source[start : start + MOST_SOURCE] if has_room else ""
    cut = max(0, len(done.source) - start - len(shown))
    if done.page.kind in _HTML:
        shown = _LINE.sub("\n", shown)  # Notion writes a page on one line
    sections, cut_chunks = _sections(done.document, sizes, bounds) if has_room else ([], 0)
    return template.render(
        number=number,
        page=done.page,
        document=done.document,
        has_room=has_room,
        removed=len(done.removals),
        chunks=len(sizes),
        characters=sum(each.length for each in sizes),
        rules=_rules(done.removals, why),
        pieces=_labelled(pieces(shown, done.removals)),
        head=start,
        cut_source=cut,
        sections=sections,
        cut_chunks=cut_chunks,
    )


def _page(
    environment: jinja2.Environment,
    rows: Sequence[str],
    whole: int,
    totals: Totals,
    skipped: Sequence[Skipped],
    why: Mapping[str, str],
) -> str:
    css = look.stylesheet(TEMPLATES / "preview.css")
    js = (TEMPLATES / "preview.js").read_text(encoding="utf-8")
    by_count = sorted(totals.rules.items(), key=lambda item: (-item[1].times, item[0]))
    return environment.get_template("preview.html.j2").render(
        css=css,
        js=js,
        style_hash=look.content_hash(css),
        script_hash=look.content_hash(js),
        rows=rows,
        not_whole=len(rows) - whole,
        not_listed=totals.pages - len(rows),
        totals=totals,
        rules=[(name, total, why.get(name, "")) for name, total in by_count],
        steps=[(100 * n // _STEPS, 100 * (n + 1) // _STEPS, count) for n, count in enumerate(totals.steps)],
        skipped=sorted(skipped, key=lambda skip: (not skip.is_error, skip.source)),
        errors=sum(skip.is_error for skip in skipped),
        megabytes=MOST_BYTES // 2**20,
    )


def _start(done: Processed) -> int:
    """Where the source begins to be the page: an HTML file's head is kilobytes of style."""
    found = _BODY.search(done.source) if done.page.kind in _HTML else None
    return found.start() if found else 0


def _labelled(found: Sequence[Piece]) -> list[tuple[Piece, bool]]:
    """Pieces, and whether a piece names its rule: of lines that went together only the last one does."""
    return [
        (piece, piece.removal is not None and not _goes_on(found[number + 1 : number + 3], piece.removal))
        for number, piece in enumerate(found)
    ]


def _goes_on(following: Sequence[Piece], removal: Removal) -> bool:
    """Whether the same rule took out the next line too."""
    rest = [piece for piece in following if piece.removal or piece.text.strip()]
    return bool(rest) and rest[0].removal is not None and rest[0].removal.rule == removal.rule


def _sections(document: Document, sizes: Sequence[Size], bounds: Bounds) -> tuple[list[ShownSection], int]:
    """Sections as far as there is room, and the characters of chunks that are not shown."""
    room = MOST_CHUNKS
    cut = 0
    shown: list[ShownSection] = []
    rest = iter(sizes)
    for section in document.sections:
        children: list[ShownChild] = []
        for chunk, each in zip(section.children, rest, strict=False):
            if each.length <= room:
                children.append(ShownChild(chunk, each))
                room -= each.length
            else:
                cut += each.length
        if children:
            size = Size(len(section_text(section)), bounds.parent)
            shown.append(ShownSection(section, size, tuple(children)))
    return shown, cut


def _rules(removals: Sequence[Removal], why: Mapping[str, str]) -> list[ShownRule]:
    """What each rule took out, in the order in which the rules came."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for removal in removals:
        grouped.setdefault((removal.rule, removal.kind), []).append(removal.text)
    shown = []
    for (name, kind), texts in grouped.items():
        few = tuple(_cut(text) for text in texts[:MOST_REMOVALS])
        shown.append(ShownRule(name, why.get(name, ""), kind, few, len(texts) - len(few)))
    return shown


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_REMOVAL else text[: _LONGEST_REMOVAL - 1] + "…"
