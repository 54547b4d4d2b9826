"""The knowledge base as the improvement queue sees it: where it writes, and what it can ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kbtool.contradictions import Contradiction

NEAREST = 3


@dataclass(frozen=True, slots=True)
class Near:
    """A section that the app's search finds: page, heading path below its title, score, and its beginning."""

    doc: str
    section: tuple[str, ...]
    score: float | None
    excerpt: str

    @property
    def name(self) -> str:
        return " › ".join((self.doc, *self.section))


@dataclass(frozen=True, slots=True)
class Workshop:
    """`root` is the project's folder, `proposals` the file of proposed questions, `pages` that of stubs.

    `nearest` are the sections nearest to a question, best first; `contradictions` those of the corpus. Both
    raise a KbtoolError that says why they cannot be had.
    """

    root: Path
    proposals: Path
    pages: Path
    nearest: Callable[[str], Awaitable[Sequence[Near]]]
    contradictions: Callable[[], Awaitable[Sequence[Contradiction]]]
