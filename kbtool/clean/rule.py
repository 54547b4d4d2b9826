"""What a cleaning rule is: a pure function, and when it is worth calling."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from kbtool.model import Kind, Page

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
    return page if markdown == page.markdown else replace(page, markdown=markdown)
