"""Cleaning: what an exporter added goes, what an author wrote stays, and every removal is on record.

Pure: a page in, a page out. `table.py` lists the rules.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import dropwhile, groupby

from kbtool.clean.code import mask, unmask, without_fences
from kbtool.clean.record import Cleaned, removals
from kbtool.clean.rule import Rule, View, with_text
from kbtool.clean.table import RULES
from kbtool.model import Kind, Page, Removal

__all__ = ["RULES", "Cleaned", "Rule", "clean", "tidied"]

_PASSES = 12  # real pages need two; a text made to need more is left as far as it got


def clean(page: Page) -> Cleaned:
    """The page without its exporter's noise. Cleaning a clean page changes nothing.

    The record begins with what the reader of the page's form left out.
    """
    record: list[Removal] = list(page.removals)
    return Cleaned(_cleaned(page, record), tuple(record))


def tidied(page: Page) -> Page:
    """The page of `clean` without the record, which takes nearly half of the time to make."""
    return _cleaned(page, None)


def _cleaned(page: Page, record: list[Removal] | None) -> Page:
    page = replace(page, removals=())
    for _ in range(_PASSES):
        before = page
        for view, rules in _steps(page.kind):
            page = _run(view, rules, page, record)
        if page == before:
            break
    return page


@cache
def _steps(kind: Kind) -> tuple[tuple[View, tuple[Rule, ...]], ...]:
    """The rules for a kind, in order; those that follow each other in one view share one masking."""
    rules = (rule for rule in RULES if kind in rule.kinds)
    return tuple((view, tuple(group)) for view, group in groupby(rules, key=lambda rule: rule.view))


def _run(view: View, rules: tuple[Rule, ...], page: Page, record: list[Removal] | None) -> Page:
    """The page after `rules`; what they took out is added to `record`, where one is kept.

    The code is masked when the first rule has something to look at, which often is never. In most tidy pages
    that have fences, only what stands in them looks untidy.
    """
    if view is View.RAW:
        for rule in rules:
            page = _apply(rule, page, record)
        return page
    concerned = list(dropwhile(lambda rule: not rule.concerns(page), rules))
    if not concerned:
        return page
    fenceless = with_text(page, without_fences(page.markdown))
    if fenceless is not page and not any(rule.concerns(fenceless) for rule in concerned):
        return page
    masked = mask(page.markdown, indented=view is View.TEXT)
    shown = with_text(page, masked.text)
    taken: list[Removal] | None = None if record is None else []
    after = shown
    for rule in concerned:
        after = _apply(rule, after, taken)
    if after is shown:
        return page
    if record is not None and taken:
        for removal in taken:  # what is printable holds no mark of a piece of code
            text = removal.text
            record.append(removal if text.isprintable() else replace(removal, text=unmask(text, masked)))
    return with_text(after, unmask(after.markdown, masked))


def _apply(rule: Rule, page: Page, record: list[Removal] | None) -> Page:
    if not rule.concerns(page):
        return page
    after = rule.apply(page)
    if after is page:
        return page
    if record is not None:
        record += removals(rule.name, page, after)
    return after
