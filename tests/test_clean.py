"""Cleaning by cases: each folder under cases/clean holds a page as exported and as it should be."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from kbtool.clean import RULES, Rule, clean
from kbtool.clean.code import mask, unmask
from kbtool.clean.rule import View
from kbtool.model import Kind, Page

CASES = Path(__file__).parent / "cases" / "clean"
FOLDERS = sorted(path.parent for path in CASES.glob("*/*/input.md"))


def at_work(page: Page) -> list[tuple[Rule, Page, Page]]:
    """Each rule that changes the page in one pass, with what it was shown and what it made of it."""
    found = []
    for rule in RULES:
        if page.kind in rule.kinds:
            masked = mask(page.markdown, indented=rule.view is View.TEXT)
            shown = page if rule.view is View.RAW else replace(page, markdown=masked.text)
            after = rule.apply(shown)
            if after != shown:
                found.append((rule, shown, after))
            text = after.markdown if rule.view is View.RAW else unmask(after.markdown, masked)
            page = replace(after, markdown=text)
    return found


def page_of(markdown: str, kind: Kind = Kind.NOTION_MARKDOWN, **known) -> Page:
    facts = {"key": "k", "slug": "s", "title": "Title", "source": "page.md", **known}
    return Page(markdown=markdown, kind=kind, **facts)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_page_is_as_expected(folder):
    facts = tomllib.loads((folder / "page.toml").read_text(encoding="utf-8"))
    expected = facts.pop("expected", {})
    kind = Kind(facts.pop("kind"))
    columns = frozenset(facts.pop("columns", ()))
    source = (folder / "input.md").read_bytes().decode("utf-8")

    cleaned = clean(page_of(source, kind, columns=columns, **facts))

    assert cleaned.page.markdown == (folder / "expected.md").read_text(encoding="utf-8").rstrip("\n")
    assert cleaned.page.title == expected.get("title", facts.get("title", "Title"))
    assert dict(cleaned.page.properties) == expected.get("properties", {})
    listed = [removal.text for removal in cleaned.removals]
    for text in expected.get("removed", ()):
        assert text in listed


def test_every_rule_is_seen_at_work_in_some_case():
    seen: set[str] = set()
    for folder in FOLDERS:
        facts = tomllib.loads((folder / "page.toml").read_text(encoding="utf-8"))
        facts.pop("expected", None)
        kind = Kind(facts.pop("kind"))
        facts["columns"] = frozenset(facts.pop("columns", ()))
        page = page_of((folder / "input.md").read_bytes().decode("utf-8"), kind, **facts)
        seen |= {rule.name for rule, _, _ in at_work(page)}
    assert seen == {rule.name for rule in RULES}


def test_a_row_without_a_known_database_keeps_its_first_lines_as_text():
    prose = "Note: here is the **image**:\nPrice: ask us"
    assert clean(page_of(prose)).page.markdown == prose


def test_properties_are_reported_as_metadata_and_not_as_lost():
    cleaned = clean(page_of("Status: Open\n\nBody", columns=frozenset({"Status"})))
    assert [(r.rule, r.text, r.kind) for r in cleaned.removals] == [
        ("split_properties", "Status: Open", "metadata"),
    ]


def test_a_word_that_only_moved_is_not_reported():
    table = "<lark-table><lark-tr><lark-td>\none\n</lark-td><lark-td>\ntwo\n</lark-td></lark-tr></lark-table>"
    assert clean(page_of(table, Kind.LARK_MARKDOWN)).removals == ()


def test_setext_headings_and_dividers_of_hand_written_pages_stay():
    text = "Returns\n---\n\nWithin 30 days.\n\n***\n\nLast"
    assert clean(page_of(text, Kind.MARKDOWN)).page.markdown == text
