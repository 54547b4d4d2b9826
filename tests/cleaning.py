"""Pages for the cleaning tests, and one pass over the rules, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kbtool.clean import RULES, Rule
from kbtool.clean.code import mask, unmask
from kbtool.clean.rule import View
from kbtool.model import Kind, Page


@dataclass(frozen=True)
class Step:
    """A rule, the page as it is shown to it, and what it makes of it."""

    rule: Rule
    shown: Page
    after: Page


def page_of(markdown: str, kind: Kind = Kind.NOTION_MARKDOWN, **known) -> Page:
    facts = {"key": "k", "slug": "s", "title": "Title", "source": "page.md", **known}
    return Page(markdown=markdown, kind=kind, **facts)


def steps(page: Page) -> Iterator[Step]:
    """Every rule for the page's kind in its order, called whether or not its trigger fires."""
    for rule in RULES:
        if page.kind not in rule.kinds:
            continue
        if rule.view is View.RAW:
            after = rule.apply(page)
            yield Step(rule, page, after)
            page = after
            continue
        masked = mask(page.markdown, indented=rule.view is View.TEXT)
        shown = replace(page, markdown=masked.text)
        after = rule.apply(shown)
        yield Step(rule, shown, after)
        page = replace(after, markdown=unmask(after.markdown, masked))
