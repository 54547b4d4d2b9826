"""The value that the scanner hands out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

Kind = Literal[
    "paragraph", "heading", "code", "fence", "html", "rule", "table", "list", "item", "quote"
]  # fmt: skip


class Block(NamedTuple):
    """A block of a page: its lines from `first` to `last` (exclusive), counted from the page's first line.

    `level` is a heading's, 1 to 6. `mark` is what a heading or fence is written with: hashes, the sign of an
    underline, backticks. `text` is a heading's text as Markdown, or a fence's info string. A list and an item
    end where the next block begins, blank lines between included.
    """

    kind: Kind
    first: int
    last: int
    level: int = 0
    mark: str = ""
    text: str = ""
    look_inside: Callable[[], Iterator[Block]] | None = None

    def inside(self) -> Iterator[Block]:
        """The blocks in a list (its items), an item or a quote, read when asked for; others hold none."""
        return self.look_inside() if self.look_inside else iter(())
