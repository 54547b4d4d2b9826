"""The built-in model: its terms, and the laws of its score."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.embedded import search
from kbtool.embedded.database import SCHEMA
from kbtool.embedded.search import Statistics, Unit

WORDS = ("refund", "shipping", "germany", "password", "reset", "days", "card", "the", "of", "invoice")
words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=30)
texts = words.map(" ".join)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Refund policy: 14 days!", ["refund", "policy", "14", "days"]),
        ("ÜBER Straße", ["über", "strasse"]),
        ("退款政策", ["退款", "款政", "政策"]),
        ("用iPhone手机付款", ["用", "iphone", "手机", "机付", "付款"]),
        ("返品は30日以内", ["返品", "品は", "30", "日以", "以内"]),
        ("カード払い", ["カー", "ード", "ド払", "払い"]),
        ("환불 정책", ["환불", "정책"]),
        ("ＶＩＰ会員", ["vip", "会員"]),
        ("snake_case x86-64", ["snake_case", "x86", "64"]),
        ("…—·  ", []),
    ],
)
def test_text_becomes_words_and_pairs_of_characters(text: str, terms: list[str]) -> None:
    assert search.tokenize(text) == terms


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        connection.executescript(SCHEMA)
        search.create_index(connection, 1)
        yield connection


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with database() as connection:
        yield connection


def index(db: sqlite3.Connection, *texts: str) -> None:
    units = [Unit(f"document-{at}", f"segment-{at}", None, text) for at, text in enumerate(texts)]
    search.add(db, 1, units, [None] * len(units))


def found(db: sqlite3.Connection, query: str, limit: int = 3) -> list[tuple[str, float]]:
    return [
        (match.segment_id, match.score)
        for match in search.find(db, 1, query, limit, vocabulary=search.Vocabulary())
    ]


def statistics(corpus: list[list[str]]) -> Statistics:
    holding = {term: sum(term in unit for unit in corpus) for unit in corpus for term in unit}
    return Statistics(len(corpus), sum(map(len, corpus)) / len(corpus), holding)


@given(st.lists(texts, min_size=1, max_size=12))
def test_a_text_scores_one_against_itself(corpus: list[str]) -> None:
    units = [search.tokenize(text) for text in corpus]
    for unit in units:
        assert search.scorer(unit, statistics(units))(unit) == pytest.approx(1.0)


@given(st.lists(words, min_size=1, max_size=12), words)
def test_a_score_lies_between_zero_and_one(corpus: list[list[str]], query: list[str]) -> None:
    for unit in corpus:
        assert 0.0 <= search.scorer(query, statistics(corpus))(unit) <= 1.0


@given(st.lists(words, min_size=1, max_size=12), words)
def test_a_word_that_nothing_holds_never_raises_a_score(corpus: list[list[str]], query: list[str]) -> None:
    known = statistics(corpus)
    for unit in corpus:
        assert search.scorer([*query, "zebra"], known)(unit) <= search.scorer(query, known)(unit) + 1e-9


@given(st.lists(texts, min_size=1, max_size=12, unique=True), st.integers(0, 11))
def test_the_index_finds_what_the_formula_says(corpus: list[str], at: int) -> None:
    query = corpus[at % len(corpus)]
    units = [search.tokenize(text) for text in corpus]
    best = max(search.scorer(search.tokenize(query), statistics(units))(unit) for unit in units)
    with database() as connection:
        index(connection, *corpus)
        assert found(connection, query)[0][1] == pytest.approx(best)
    connection.close()


def test_chinese_is_found_without_spaces_between_words(db: sqlite3.Connection) -> None:
    index(db, "您可以在收货后三十天内申请退款。", "礼品卡不支持更换。", "Shipping takes five days.")
    assert found(db, "怎么申请退款?")[0][0] == "segment-0"


def test_what_shares_no_word_fills_the_list_with_score_zero(db: sqlite3.Connection) -> None:
    index(db, "refund policy", "shipping times", "password reset")
    assert [score for _, score in found(db, "zebra unicorn")] == [0.0, 0.0, 0.0]


def test_a_query_of_words_that_every_chunk_holds_still_finds_something(db: sqlite3.Connection) -> None:
    index(db, *(f"help page number {at}" for at in range(600)))
    assert found(db, "help page")[0][1] > 0


def test_removed_units_are_not_found(db: sqlite3.Connection) -> None:
    index(db, "refund policy", "shipping times")
    search.remove(db, 1, of="segment_id", is_id="segment-0")
    assert found(db, "refund policy") == [("segment-1", 0.0)]


def test_only_the_named_documents_are_searched(db: sqlite3.Connection) -> None:
    index(db, "refund policy", "refund policy in detail")
    matches = search.find(db, 1, "refund policy", 5, ["document-1"], vocabulary=search.Vocabulary())
    assert [match.segment_id for match in matches] == ["segment-1"]


def test_counts_that_are_remembered_follow_the_index(db: sqlite3.Connection) -> None:
    remembering = search.Vocabulary()
    index(db, "refund policy", "shipping times")
    search.find(db, 1, "refund zebra", 3, vocabulary=remembering)
    index(db, "zebra crossing", "zebra stripes", "refund again")
    search.remove(db, 1, of="segment_id", is_id="segment-1")
    for query in ("refund zebra", "zebra", "crossing stripes"):
        fresh = search.find(db, 1, query, 5, vocabulary=search.Vocabulary())
        assert search.find(db, 1, query, 5, vocabulary=remembering) == fresh
