"""Cut a cleaned page into sections (parents) and subsections (children) at its own headings.

Sections are the shallowest heading level present below the page title, subsections the next one: H2 and
H3 in a tidy page, H1 and H2 in many Notion exports, where a page title and a "Heading 1" are both `#`
(design decision 5). Deeper headings stay in the text. Nothing that is not a top-level heading ever cuts:
headings inside code, quotes and lists are text, because `scan` reads blocks as a CommonMark parser does.

    page → outline (stretches under a heading) → parts (a subsection each) → children → sections

Bounds are in characters, as Dify counts them; `breaking.py` knows where a part that is too long is cut.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, groupby
from operator import attrgetter
from typing import Self

from markdown_it import MarkdownIt
from markdown_it.token import Token

from kbtool import breaking
from kbtool.model import Chunk, Document, Page, Section
from kbtool.scan import Block, scan
from kbtool.script import Letters, letters, together

CHILD_SEPARATOR = "\n \n \n"
"""Between children, inside a parent: two lines that hold one space, invisible in Markdown (contract §10)."""

BREADCRUMB = " › "
_LONGEST_BREADCRUMB = 200
_BELOW_BREADCRUMB = "\n\n"
_LEAST_TEXT = 100

SMALLEST_BOUND = _LONGEST_BREADCRUMB + len(_BELOW_BREADCRUMB) + _LEAST_TEXT
"""The shortest bound, in characters, that leaves text its room below the longest breadcrumb."""

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Longest child and parent in characters, prefix lines included.

    Embedders cut silently at 512 tokens; a CJK character is about one token, hence its own bound.
    Raises ValueError for bounds that cannot be kept: a child below `SMALLEST_BOUND`, a parent below a child.
    """

    child: int = 800
    child_cjk: int = 400
    parent: int = 3800

    def __post_init__(self) -> None:
        children = (self.child, self.child_cjk)
        if not SMALLEST_BOUND <= min(children) <= max(children) <= self.parent:
            raise ValueError(f"{self}: a child needs {SMALLEST_BOUND} characters, and a parent holds a child")

    def child_for(self, text: str) -> int:
        return self.child_of(letters(text))

    def child_of(self, count: Letters) -> int:
        return self.child_cjk if count.are_mostly_cjk else self.child


@dataclass(frozen=True, slots=True)
class _Body:
    """A page's lines, and the blocks that they make: scanned once, for the outline and for long parts."""

    lines: Sequence[str]
    blocks: Sequence[Block]

    @classmethod
    def of(cls, markdown: str) -> Self:
        lines = _lines(markdown)
        return cls(lines, tuple(scan(lines)))

    def blocks_within(self, first: int, last: int) -> Sequence[Block]:
        """Those that begin in the lines `first` to `last` (exclusive)."""
        start = bisect_left(self.blocks, first, key=_first)
        return self.blocks[start : bisect_left(self.blocks, last, start, key=_first)]


_first = attrgetter("first")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A heading and what stands below it up to the next one: lines `first` to `last` (exclusive) of the page.

    `path` are the headings that it is under, its own last; a stretch before any heading has level 0.
    """

    level: int
    path: Path
    first: int
    last: int
    is_bare: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A subsection: its path below the page title, and its stretches, one behind the other in the page."""

    section: int
    path: Path
    stretches: tuple[_Stretch, ...]

    @property
    def first(self) -> int:
        return self.stretches[0].first

    @property
    def last(self) -> int:
        return self.stretches[-1].last

    @property
    def is_bare(self) -> bool:
        return all(stretch.is_bare for stretch in self.stretches)


@dataclass(frozen=True, slots=True)
class _Child:
    """A child before its prefix line is known; `length` is with the longest one, the whole breadcrumb."""

    path: Path
    text: str
    covers: tuple[Path, ...]
    length: int


_INLINE = MarkdownIt("commonmark")
_INLINE_MARKS = frozenset("\\`*_[]!<&\n")


def split(page: Page, bounds: Bounds = Bounds()) -> Document:
    """The page as a document of sections; a page without text gives a document without sections."""
    title = _one_line(page.title)
    body = _Body.of(page.markdown)
    parts = _join_bare(_parts(_outline(body)))
    counts = [letters("\n".join(body.lines[part.first : part.last])) for part in parts]
    found = zip(parts, map(bounds.child_of, counts), strict=True)
    sections = tuple(
        section
        for _, group in groupby(found, key=lambda pair: pair[0].section)
        for section in _parents(title, (_children(title, part, body, child) for part, child in group), bounds)
    )
    return Document(
        key=page.key,
        slug=page.slug,
        title=page.title,
        source=page.source,
        language=together(counts).language,
        sections=sections,
        properties=page.properties,
    )


def breadcrumb(path: Sequence[str]) -> str:
    """`Page › Section › Subsection` on one line, cut to a length that leaves room for the text."""
    return BREADCRUMB.join(_short(path))


def _short(path: Sequence[str]) -> Sequence[str]:
    """The names of the path, each cut to its share where together they are too long for a breadcrumb."""
    if len(BREADCRUMB.join(path)) <= _LONGEST_BREADCRUMB:
        return path
    longest = (_LONGEST_BREADCRUMB + len(BREADCRUMB)) // len(path) - len(BREADCRUMB)
    return [name if len(name) <= longest else name[: longest - 1].rstrip() + "…" for name in path]


def section_text(section: Section) -> str:
    """The parent's text: its children, in order, joined by the invisible separator."""
    return CHILD_SEPARATOR.join(child.text for child in section.children)


def _lines(markdown: str) -> list[str]:
    lines = markdown.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # A line of blanks is an empty line to every reader, but two of them would be our child separator.
    return [line if line.strip(" \t") else "" for line in lines]


def _outline(body: _Body) -> list[_Stretch]:
    """The page as stretches that, put together, are the page."""
    lines = body.lines
    headings = [block for block in body.blocks if block.kind == "heading"]
    first = headings[0].first if headings else len(lines)
    stretches = [_Stretch(0, (), 0, first, is_bare=False)] if any(lines[:first]) else []
    ends = [*(heading.first for heading in headings[1:]), len(lines)]
    open_headings: list[tuple[int, str]] = []  # shallowest first
    for heading, end in zip(headings, ends, strict=False):
        open_headings = [(level, name) for level, name in open_headings if level < heading.level]
        open_headings.append((heading.level, _plain(heading.text)))
        path = tuple(name for _, name in open_headings)
        is_bare = not any(lines[heading.last : end])
        stretches.append(_Stretch(heading.level, path, heading.first, end, is_bare))
    return stretches


def _plain(inline: str) -> str:
    """Heading text as a reader sees it: no emphasis marks, no link targets."""
    if _INLINE_MARKS.isdisjoint(inline):
        return _one_line(inline)
    tokens: Iterable[Token] = _INLINE.parseInline(inline)[0].children or ()
    return _one_line("".join(" " if token.type.endswith("break") else token.content for token in tokens))


def _one_line(text: str) -> str:
    return " ".join(text.replace(BREADCRUMB.strip(), "/").split())


def _parts(stretches: Sequence[_Stretch]) -> list[_Part]:
    """Stretches under the two shallowest levels; deeper ones are lines of the part that they stand in."""
    levels = sorted({stretch.level for stretch in stretches if stretch.level})
    part_level = levels[min(1, len(levels) - 1)] if levels else 0
    begun: list[list[_Stretch]] = []
    for stretch in stretches:
        if stretch.level > part_level and begun:
            begun[-1].append(stretch)
        else:
            begun.append([stretch])
    # A section's path has one name, a subsection's two; a subsection that no section holds stands for itself.
    sections = accumulate(int(len(first.path) < 2) for first, *_ in begun)
    return [_Part(section, part[0].path, tuple(part)) for section, part in zip(sections, begun, strict=True)]


def _join_bare(parts: Sequence[_Part]) -> list[_Part]:
    """Headings without text go in front of the next part, or behind the last: they are joined, not lost."""
    joined: list[_Part] = []
    waiting: list[_Part] = []
    for part in parts:
        waiting.append(part)
        if not part.is_bare:
            joined.append(_together(part, waiting))
            waiting = []
    if waiting:
        last = joined.pop() if joined else waiting[-1]
        joined.append(_together(last, waiting if last in waiting else [last, *waiting]))
    return joined


def _together(named: _Part, parts: Sequence[_Part]) -> _Part:
    """One part of several that follow each other, under the name of one of them."""
    return _Part(named.section, named.path, tuple(chain.from_iterable(part.stretches for part in parts)))


def _parents(title: str, parts: Iterable[list[_Child]], bounds: Bounds) -> Iterator[Section]:
    """One section as one parent, or several where it is over the bound: cut at its subsections first."""
    waiting: list[_Child] = []
    length = 0
    for children in parts:
        groups = [children] if _length(children) <= bounds.parent else [[child] for child in children]
        for group in groups:
            longer = _length(group) + (len(CHILD_SEPARATOR) + length if waiting else 0)
            if waiting and longer > bounds.parent:
                yield _section(title, waiting)
                waiting, longer = [], _length(group)
            waiting += group
            length = longer
    if waiting:
        yield _section(title, waiting)


def _children(title: str, part: _Part, body: _Body, bound: int) -> list[_Child]:
    head = len(breadcrumb((title, *part.path))) + len(_BELOW_BREADCRUMB)
    blocks = body.blocks_within(part.first, part.last)
    return [
        _Child(
            part.path,
            piece.text,
            tuple(_covered(part.stretches, piece.first, piece.last)),
            head + len(piece.text),
        )
        for piece in breaking.pieces(
            body.lines, bound - head, first=part.first, last=part.last, blocks=blocks
        )
    ]


def _covered(stretches: Sequence[_Stretch], first: int, last: int) -> Iterator[Path]:
    """The heading paths that lines `first` to `last` (exclusive) are under."""
    index = bisect_right(stretches, first, key=lambda stretch: stretch.first) - 1
    while index < len(stretches) and stretches[index].first < last:
        yield stretches[index].path
        index += 1


def _length(children: Sequence[_Child]) -> int:
    """Characters of a parent of these children, at most: only the first has the whole breadcrumb."""
    return sum(child.length for child in children) + len(CHILD_SEPARATOR) * (len(children) - 1)


def _section(title: str, children: Sequence[_Child]) -> Section:
    paths = [(title, *child.path) for child in children]
    return Section(
        heading_path=_shared(paths),
        children=tuple(
            Chunk(path, (_short(path)[-1] if index else breadcrumb(path)) + _BELOW_BREADCRUMB + child.text)
            for index, (path, child) in enumerate(zip(paths, children, strict=True))
        ),
        contains=tuple(
            dict.fromkeys((title, *path) for child in children for path in (child.path, *child.covers))
        ),
    )


def _shared(paths: Sequence[Path]) -> Path:
    """The longest beginning that all paths share."""
    length = 0
    for names in zip(*paths, strict=False):
        if len(set(names)) > 1:
            break
        length += 1
    return paths[0][:length]
