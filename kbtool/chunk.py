"""Cut a cleaned page into sections (parents) and subsections (children) at its own headings.

Sections are the shallowest heading level present below the page title, subsections the next one: H2 and
H3 in a tidy page, H1 and H2 in many Notion exports, where a page title and a "Heading 1" are both `#`
(design decision 5). Deeper headings stay in the text. Nothing that is not a top-level heading ever cuts:
headings inside code, quotes and lists are text, because the page is read by a CommonMark parser.

    page → outline (stretches under a heading) → parts (a subsection each) → children → sections

Bounds are in characters, as Dify counts them; `breaking.py` knows where a part that is too long is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

from kbtool import breaking
from kbtool.model import Chunk, Document, Page, Section
from kbtool.script import is_mostly_cjk, language

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
        return self.child_cjk if is_mostly_cjk(text) else self.child


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A heading and the lines below it up to the next one; level 0 stands before any heading."""

    level: int
    heading: str
    lines: tuple[str, ...]
    is_bare: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A subsection: its path below the page title, its lines, and the heading path each line is under."""

    section: int
    path: Path
    lines: tuple[str, ...]
    line_paths: tuple[Path, ...]
    is_bare: bool

    def after(self, other: _Part) -> _Part:
        """This part with the lines of an empty one in front: an empty section is joined, not lost."""
        return _Part(
            self.section,
            self.path,
            other.lines + self.lines,
            other.line_paths + self.line_paths,
            self.is_bare,
        )


@dataclass(frozen=True, slots=True)
class _Child:
    """A child before its prefix line is known."""

    path: Path
    text: str
    covers: tuple[Path, ...]


_BLOCKS = MarkdownIt("commonmark").enable("table").disable("inline", ignoreInvalid=True)
_INLINE = MarkdownIt("commonmark")


def split(page: Page, bounds: Bounds = Bounds()) -> Document:
    """The page as a document of sections; a page without text gives a document without sections."""
    title = _one_line(page.title)
    parts = _join_bare(_parts(_outline(page.markdown)))
    sections = tuple(
        section
        for _, group in groupby(parts, key=lambda part: part.section)
        for section in _parents(title, list(group), bounds)
    )
    return Document(
        key=page.key,
        slug=page.slug,
        title=page.title,
        source=page.source,
        language=language(page.markdown),
        sections=sections,
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


def _outline(markdown: str) -> list[_Stretch]:
    """The page as stretches that, put together, are the page."""
    lines = markdown.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    # A line of blanks is an empty line to every reader, but two of them would be our child separator.
    lines = [line if line.strip(" \t") else "" for line in lines]
    tokens = _BLOCKS.parse("\n".join(lines))
    headings = [
        (token.map, int(token.tag[1]), _plain(inline.content))
        for token, inline in pairwise(tokens)
        if token.type == "heading_open" and token.level == 0 and token.map
    ]
    first = headings[0][0][0] if headings else len(lines)
    stretches = [_Stretch(0, "", tuple(lines[:first]), is_bare=False)] if any(lines[:first]) else []
    ends = [*(span[0] for span, _, _ in headings), len(lines)][1:]
    for (span, level, heading), end in zip(headings, ends, strict=True):
        is_bare = not any(lines[span[1] : end])
        stretches.append(_Stretch(level, heading, tuple(lines[span[0] : end]), is_bare))
    return stretches


def _plain(inline: str) -> str:
    """Heading text as a reader sees it: no emphasis marks, no link targets."""
    tokens: Iterable[Token] = _INLINE.parseInline(inline)[0].children or ()
    return _one_line("".join(" " if token.type.endswith("break") else token.content for token in tokens))


def _one_line(text: str) -> str:
    return " ".join(text.replace(BREADCRUMB.strip(), "/").split())


def _parts(stretches: Sequence[_Stretch]) -> list[_Part]:
    """Stretches under the two shallowest levels; deeper ones are lines of the part that they stand in."""
    levels = sorted({stretch.level for stretch in stretches if stretch.level})
    section_level = levels[0] if levels else 0
    part_level = levels[1] if len(levels) > 1 else section_level
    parts: list[_Part] = []
    inside: list[tuple[int, str]] = []  # the open headings, shallowest first
    section = 0
    for stretch in stretches:
        inside = [(level, heading) for level, heading in inside if level < stretch.level]
        if stretch.level:
            inside.append((stretch.level, stretch.heading))
        path = tuple(heading for _, heading in inside)
        here = (path,) * len(stretch.lines)
        if stretch.level > part_level and parts:
            last = parts[-1]
            parts[-1] = _Part(
                last.section,
                last.path,
                last.lines + stretch.lines,
                last.line_paths + here,
                last.is_bare and stretch.is_bare,
            )
            continue
        # A subsection that no section holds stands for itself.
        if len(path) < 2:  # a section's path has one name, a subsection's two
            section += 1
        parts.append(_Part(section, path, stretch.lines, here, stretch.is_bare))
    return parts


def _join_bare(parts: Sequence[_Part]) -> list[_Part]:
    """Headings without text go in front of the next part, or behind the last."""
    joined: list[_Part] = []
    waiting: _Part | None = None
    for part in parts:
        whole = part.after(waiting) if waiting else part
        if part.is_bare:
            waiting = whole
        else:
            waiting = None
            joined.append(whole)
    if waiting:
        joined.append(waiting.after(joined.pop()) if joined else waiting)
    return joined


def _parents(title: str, parts: Sequence[_Part], bounds: Bounds) -> Iterator[Section]:
    """One section as one parent, or several where it is over the bound: cut at its subsections first."""
    waiting: list[_Child] = []
    for part in parts:
        children = _children(title, part, bounds)
        groups = [children] if _length(title, children) <= bounds.parent else [[child] for child in children]
        for group in groups:
            if waiting and _length(title, [*waiting, *group]) > bounds.parent:
                yield _section(title, waiting)
                waiting = []
            waiting = [*waiting, *group]
    if waiting:
        yield _section(title, waiting)


def _children(title: str, part: _Part, bounds: Bounds) -> list[_Child]:
    room = bounds.child_for("\n".join(part.lines)) - _head(title, part.path)
    return [
        _Child(part.path, piece.text, tuple(dict.fromkeys(part.line_paths[piece.first : piece.last])))
        for piece in breaking.pieces(part.lines, room)
    ]


def _head(title: str, path: Path) -> int:
    """Characters above a child's text; a child that is not the first needs fewer."""
    return len(breadcrumb((title, *path))) + len(_BELOW_BREADCRUMB)


def _length(title: str, children: Sequence[_Child]) -> int:
    texts = sum(_head(title, child.path) + len(child.text) for child in children)
    return texts + len(CHILD_SEPARATOR) * (len(children) - 1)


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
