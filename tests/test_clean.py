"""Cleaning by cases: each folder under cases/clean holds a page as exported and as it should be."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kbtool.clean import RULES, clean
from kbtool.clean.record import removals
from kbtool.model import Kind
from tests.cleaning import page_of, steps

CASES = Path(__file__).parent / "cases" / "clean"
FOLDERS = sorted(path.parent for path in CASES.glob("*/*/input.md"))


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
        seen |= {step.rule.name for step in steps(page) if step.after != step.shown}
    assert seen == {rule.name for rule in RULES}


def test_every_rule_says_why_in_one_line():
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert len(rule.reason) > 20
        assert rule.reason.endswith((".", "`."))


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


def dropped(before: str, after: str) -> list[str]:
    return [removal.text for removal in removals("rule", page_of(before), page_of(after))]


def test_of_a_changed_line_the_phrase_that_went_is_on_record():
    assert dropped("Ask the one (or the other) team.", "Ask the one team.") == ["(or the other)"]
    assert dropped("See [Costs](Costs%20ab.md). Call [us](b.md)", "See Costs. Call us") == [
        "Costs%20ab.md",
        "b.md",
    ]


def test_lines_that_went_are_on_record_whole_and_in_order():
    assert dropped("a\n- one two\nb\n- \n- three\nc", "a\nb\nc") == ["- one two", "-", "- three"]


def test_of_equal_lines_as_many_are_on_record_as_went():
    assert dropped("same line\n" * 5, "same line\n" * 2) == ["same line"] * 3


def test_lines_in_another_order_are_not_on_record():
    assert dropped("one\ntwo\nthree\nfour", "three\nfour gone\none\ntwo") == []
    assert dropped("one\ntwo\nthree\nfour", "three\none\ntwo") == ["four"]


def test_spaces_alone_are_nothing_to_record():
    assert dropped("|  a  |   |\n|    |   |\n-  -", "| a | |\n| | |\n- -") == []
