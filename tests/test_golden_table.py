"""Golden questions as a spreadsheet: there and back, and with a line number for what is wrong."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbtool.errors import GoldenError
from kbtool.evaluate.record import Expected, Golden, QuestionKind, Relevant
from kbtool.golden import load
from kbtool.golden.table import COLUMNS, from_csv, to_csv
from kbtool.golden.writing import to_yaml

ROOT = Path(__file__).parent.parent
LINE = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=20)
WORDS = st.one_of(
    LINE, st.sampled_from(["=1+1", "'quoted'", "-5", "1.10", "0800", "yes", "null", "a, b", '"x"'])
)
WORDS = WORDS.map(str.strip).filter(lambda text: text and "|" not in text)
LIST = st.lists(WORDS, max_size=3).map(tuple)
SOURCES = st.lists(
    st.builds(Relevant, doc=WORDS, section=LIST, evidence=st.one_of(st.just(""), WORDS)),
    min_size=1,
    max_size=3,
)
EXPECTED = st.builds(
    Expected,
    must_contain=st.lists(st.lists(WORDS, min_size=1, max_size=3).map(tuple), max_size=2).map(tuple),
    must_not_contain=LIST,
    cite=LIST,
).filter(
    lambda wanted: not {text for group in wanted.must_contain for text in group} & {*wanted.must_not_contain}
)
COMMON = {
    "id": WORDS,
    "question": st.one_of(WORDS, st.just("first line\nsecond line")),
    "lang": st.sampled_from(["", "en", "zh"]),
    "tags": LIST,
    "critical": st.booleans(),
    "history": LIST,
    "expected": EXPECTED,
    "inbox": st.one_of(st.just(""), WORDS),
}
QUESTIONS = st.one_of(
    st.builds(
        Golden,
        **COMMON,
        relevant=SOURCES.map(tuple),
    ),
    st.builds(
        Golden,
        **COMMON | {"history": st.lists(WORDS, min_size=1, max_size=3).map(tuple)},
        kind=st.just(QuestionKind.FOLLOWUP),
        relevant=SOURCES.map(tuple),
    ),
    st.builds(Golden, **COMMON, answerable=st.just(False)),
    st.builds(Golden, **COMMON, answerable=st.just(False), kind=st.just(QuestionKind.SMALLTALK)),
)
SETS = st.lists(QUESTIONS, max_size=4, unique_by=lambda golden: golden.id)


def bare(questions: list[Golden] | tuple[Golden, ...]) -> list[Golden]:
    return [replace(golden, file="", line=0) for golden in questions]


@settings(deadline=None, max_examples=50)
@given(SETS)
def test_a_table_read_back_is_the_same_set(questions):
    assert bare(from_csv(to_csv(questions), file="t.csv")) == questions


@settings(deadline=None, max_examples=50)
@given(questions=SETS)
def test_a_golden_file_read_back_is_the_same_set(questions, tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    (folder / "golden.yaml").write_text(to_yaml(questions), encoding="utf-8")
    assert bare(load(folder, ("*.yaml",)).questions) == questions


def test_the_project_s_own_questions_survive_a_spreadsheet():
    questions = load(ROOT, ("evals/*.yaml",)).questions
    assert bare(from_csv(to_csv(questions), file="t.csv")) == bare(questions)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_of_another_country_s_spreadsheet_is_read(separator):
    lines = ("id,question,answerable", 'coins,"Coins, or notes?",false')
    text = "\r\n".join(separator.join(next(csv.reader([line]))) for line in lines)
    (golden,) = from_csv(text, file="t.csv")
    assert (golden.id, golden.question) == ("coins", "Coins, or notes?")


def test_no_cell_is_a_formula():
    text = to_csv([Golden("=cmd|' /C calc'!A0", "@sum(1)", answerable=False)])
    assert "\n'=cmd" in text
    assert ",'@sum" in text


def test_a_spreadsheet_s_own_line_ends_and_mark_are_read():
    text = '\ufeffid,question,doc,section\r\nwindow,How long?,refunds,"Refunds\r\nTime limit"\r\n,,,\r\n'
    assert from_csv(text, file="t.csv")[0].relevant == (Relevant("refunds", ("Refunds", "Time limit")),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,questoin\na,b\n", "t.csv:1: unknown column 'questoin'"),
        ("id,doc\na,b\n", "t.csv:1: there is no column 'question'"),
        ("id,question,answerable\na,b,false\na,c,false\n", "t.csv:3: the id a is used twice"),
        ("id,question\na,b\n", "t.csv:2: a: an answerable question needs `relevant`"),
        ("id,question,answerable\na,b,maybe\n", "t.csv:2: a: `answerable` must be true or false"),
        ("id,question\na,b,c\n", "t.csv:2: 2 cells were expected"),
        ('id,question\na,"b\n', "t.csv:2: not a CSV"),
        ("", "t.csv:1: there is no column 'id'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, message):
    with pytest.raises(GoldenError) as caught:
        from_csv(text, file="t.csv")
    assert caught.value.message.startswith(message)


def test_a_list_that_a_cell_cannot_hold_is_refused():
    with pytest.raises(GoldenError, match="no cell of a table"):
        to_csv([Golden("a", "b", tags=("one\ntwo",), answerable=False)])


def test_every_field_has_its_column():
    assert set(COLUMNS) >= {
        "id",
        "question",
        "lang",
        "tags",
        "critical",
        "answerable",
        "kind",
        "history",
        "inbox",
    }
