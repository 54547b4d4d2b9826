"""Answers cut out of a passage: always its own words, never longer than allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.embedded.extract import extract, language

PASSAGE = """Refunds › Time limit

## Time limit

You can ask for a refund within 30 days of delivery. Gift cards cannot be refunded. Write to us first.

1. Open Orders
2. Press Return

| Country | Days |
| --- | --- |
| Germany | 5 |"""


@pytest.mark.parametrize(
    ("query", "passage", "limit", "answer"),
    [
        ("gift cards", PASSAGE, 34, "Gift cards cannot be refunded."),
        ("press return", PASSAGE, 40, "1. Open Orders\n2. Press Return"),
        ("germany", PASSAGE, 60, "| Country | Days |\n| --- | --- |\n| Germany | 5 |"),
        ("gift cards", "Exceptions\n\nGift cards cannot be refunded.", 600, "Gift cards cannot be refunded."),
        ("退款", "退款政策 › 时限\n\n三十天内可以退款。礼品卡除外!请联系客服。", 9, "三十天内可以退款。"),
        ("refund", "refund " * 200, 20, "refund refund"),
        ("refund", "", 600, ""),
    ],
)
def test_the_parts_that_answer_best_are_kept(query: str, passage: str, limit: int, answer: str) -> None:
    assert extract(query, passage, limit) == answer


def test_a_short_passage_is_given_whole_without_its_headings() -> None:
    assert extract("refund", PASSAGE) == PASSAGE.split("## Time limit\n\n")[1]


@given(st.text(max_size=300), st.text(max_size=1200), st.integers(40, 600))
def test_an_answer_is_no_longer_than_allowed_and_made_of_the_passage(
    query: str, passage: str, limit: int
) -> None:
    answer = extract(query, passage, limit)
    assert len(answer) <= limit
    assert all(part in passage for part in answer.split("\n\n"))


@pytest.mark.parametrize(
    ("text", "found"),
    [("怎么退款?", "zh"), ("How?", "en"), ("返品できますか", "en"), ("Köln", "en"), ("", "en")],
)
def test_the_language_of_a_question_is_told_by_its_script(text: str, found: str) -> None:
    assert language(text) == found
