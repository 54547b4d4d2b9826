"""Cleaning: what an exporter added goes, what an author wrote stays, and every removal is on record.

Pure: a page in, a page out. `table.py` lists the rules.
"""

from __future__ import annotations

from dataclasses import replace

from kbtool.clean.cleaned import Cleaned, removals
from kbtool.clean.table import RULES
from kbtool.model import Page, Removal

__all__ = ["RULES", "Cleaned", "clean"]

_PASSES = 12  # real pages need two; a text made to need more is left as far as it got


def clean(page: Page) -> Cleaned:
    """The page without its exporter's noise. Cleaning a clean page changes nothing.

    The record begins with what the reader of the page's form left out.
    """
    record: list[Removal] = list(page.removals)
    page = replace(page, removals=())
    for _ in range(_PASSES):
        before = page
        for rule, kinds in RULES:
            if page.kind in kinds:
                after = rule(page)
                record += removals(rule.__name__, page, after)
                page = after
        if page == before:
            break
    return Cleaned(page, tuple(record))
