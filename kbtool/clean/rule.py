"""What a cleaning rule is: a pure function, and when it is worth calling."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from kbtool.model import Kind, Page

_SIGN = re.compile(r"\S")

Trigger = Callable[[str], object]
"""What is true of a text, such as a pattern's `search`."""


class View(Enum):
    """What a rule is shown of the code in a page."""

    RAW = "raw"
    """Everything as it stands."""
    TEXT = "text"
    """Each piece of code is one private-use character: see `kbtool.clean.code`."""
    TAGS = "tags"
    """The same, but what is merely indented is text: tags are indented, and what stands in them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    `apply` says in its docstring why it exists, and gives back the very page that it was given when it finds
    nothing. `trigger` is true of every text in which it finds anything, and is cheap to ask, so that a rule
    that cannot apply costs microseconds. With `titles`, the rule is for the title too, which its trigger
    then sees as a heading.
    """

    apply: Callable[[Page], Page]
    kinds: frozenset[Kind]
    trigger: Trigger
    view: View = View.TEXT
    titles: bool = False

    @property
    def name(self) -> str:
        return self.apply.__name__

    @property
    def reason(self) -> str:
        """The first line of the rule's docstring."""
        return (self.apply.__doc__ or "").partition("\n")[0]

    def concerns(self, page: Page) -> bool:
        """Whether the rule can find anything in the page."""
        return bool(self.trigger(page.markdown) or (self.titles and self.trigger(f"# {page.title}")))


def holding(*parts: str) -> Trigger:
    """A text that holds one of `parts`."""
    return lambda text: any(part in text for part in parts)


def line_with(pattern: str) -> Trigger:
    """A text that has a line beginning with `pattern`.

    Looking for a line end first is three times as fast as trying the pattern at every sign.
    """
    search = re.compile(rf"\n(?:{pattern})").search
    return lambda text: search(f"\n{text}")


def always(_: str) -> bool:
    """Any text: for rules that look at more than the text, and look there first."""
    return True


def with_text(page: Page, markdown: str) -> Page:
    """The page with another body; the same page when the body is the same."""
    if markdown == page.markdown:
        return page
    # As dataclasses.replace does it, in half the time: it is done a dozen times for each page.
    return Page(
        page.key, page.slug, page.title, markdown, page.source, page.kind,
        page.properties, page.links, page.columns, page.removals,
    )  # fmt: skip


def without_lines(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """`text` without these runs of whole lines, each from its first sign to behind its last."""
    kept: list[str] = []
    start = 0
    for first, last in spans:
        kept.append(text[start:first])
        start = last + 1  # with its line end
    if start > len(text) and kept:
        kept[-1] = kept[-1].removesuffix("\n")  # the last line has none; it goes with the one before
    return "".join([*kept, text[start:]])


def line_below(text: str, end: int) -> tuple[int, int, int] | None:
    """The next line that holds something, behind the line that ends at `end`: its start, text and end."""
    found = _SIGN.search(text, end)
    if found is None:
        return None
    first = text.rfind("\n", 0, found.start()) + 1
    last = text.find("\n", found.start())
    return first, found.start(), last if last >= 0 else len(text)
