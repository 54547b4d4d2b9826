"""Cutting what is too long: no text and no bound may lose a word."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kbtool.breaking import pieces

LETTERS = st.sampled_from(["a", "b", "word ", "退", "退款。", " "])
CELL = st.builds(lambda part, times: (part * times).strip() or "-", LETTERS, st.integers(1, 300))
WIDE = st.integers(1, 120).map(lambda n: "Column " * n)


def table(header: str, rows: list[str]) -> str:
    return "\n".join(
        [f"| {header} | V |", "| --- | --- |", *(f"| {row} | v{i} |" for i, row in enumerate(rows))]
    )


def fence(mark: str, info: str, code: str) -> str:
    return f"{mark}{info}\n{code}\n{mark}"


TABLES = st.builds(table, st.one_of(CELL, WIDE), st.lists(CELL, max_size=30))
FENCES = st.builds(
    fence,
    st.sampled_from(["```", "~~~~"]),
    st.one_of(st.just(""), st.just("json"), st.integers(1, 300).map(lambda n: "abc" * n)),
    st.text(alphabet="ab退 #|-\n", max_size=600),
)
PLAIN = st.one_of(
    st.builds(lambda part, times: part * times, LETTERS, st.integers(1, 900)),
    st.sampled_from(
        ["## Heading", "[ref]: https://a.example", "é" + "\u0301" * 40, "👩‍👩‍👧‍👦" * 30, "<div>\nb\n</div>"]
    ),
    st.integers(1, 40).map(lambda n: "\n".join(f"{i}. item {i}" for i in range(1, n))),
)
BLOCKS = st.one_of(TABLES, FENCES, PLAIN)
NESTED = st.one_of(
    BLOCKS,
    BLOCKS.map(lambda text: "\n".join(f"> {line}" for line in text.split("\n"))),
    BLOCKS.map(lambda text: "- " + text.replace("\n", "\n  ")),
)
MARKDOWN = st.one_of(
    st.lists(NESTED, max_size=5).map("\n\n".join),
    st.lists(NESTED, max_size=5).map("\n".join),
    st.text(max_size=300),
    st.text(alphabet="#-=>|`~*1. :[]<\t\r\nab退", max_size=300),
)
BOUNDS = st.one_of(st.integers(1, 30), st.integers(1, 1000))


def letters(text: str) -> list[str]:
    return re.findall(r"\w", text)


def cut(text: str, bound: int) -> list[str]:
    return [piece.text for piece in pieces(text.split("\n"), bound)]


@settings(max_examples=200, deadline=None)
@given(MARKDOWN, BOUNDS)
@example(table("wide " * 200, ["word " * 5] * 50), 800)
@example(table("K", ["word " * 300, "short"]), 400)
@example(fence("```", "x" * 850, "code\n" * 40), 800)
@example("[ref]: https://a.example\n" + fence("```", "", "code\n" * 40), 60)
@example("a" + "\u0301" * 50, 10)
def test_every_word_is_in_the_pieces_in_order_and_every_piece_is_within_the_bound(
    text: str, bound: int
) -> None:
    found = cut(text, bound)
    assert all(1 <= len(piece) <= bound for piece in found)
    kept = iter(letters("".join(found)))
    assert all(letter in kept for letter in letters(text))


@settings(deadline=None)
@given(MARKDOWN, BOUNDS)
def test_pieces_say_from_which_lines_they_come(text: str, bound: int) -> None:
    lines = text.split("\n")
    found = pieces(lines, bound)
    assert [piece.first for piece in found] == sorted(piece.first for piece in found)
    told = {number for piece in found for number in range(piece.first, piece.last)}
    assert told >= {number for number, line in enumerate(lines) if letters(line)}
    assert told <= set(range(len(lines)))


@pytest.mark.parametrize("bound", [0, -3])
def test_a_bound_that_holds_no_character_is_refused(bound: int) -> None:
    with pytest.raises(ValueError, match="holds no text"):
        pieces(["text"], bound)


@pytest.mark.parametrize(
    ("rows", "sizes"), [(12, [4, 4, 4]), (11, [4, 4, 3]), (6, [3, 3]), (16, [4, 4, 4, 4])]
)
def test_rows_are_spread_evenly_over_as_few_pieces_as_can_be(rows: int, sizes: list[int]) -> None:
    # Room for five rows of ten characters below the header.
    text = "| K | V |\n|---|---|\n" + "\n".join(f"| {i:02} | x |" for i in range(rows))
    found = cut(text, 20 + 5 * 11)
    assert all(piece.startswith("| K | V |\n|---|---|\n") for piece in found)
    assert sorted((piece.count("x") for piece in found), reverse=True) == sizes


def test_a_row_longer_than_a_piece_does_not_take_the_header_away() -> None:
    found = cut(table("Name", ["word " * 40, "short", "brief"]), 100)
    assert found[0].startswith("| Name | V |\n| --- | --- |\n| word")
    assert found[-1].endswith("\n\n| Name | V |\n| --- | --- |\n| short | v1 |\n| brief | v2 |")


def test_a_long_line_of_code_is_cut_into_full_lines() -> None:
    found = cut(fence("```", "sh", "word " * 100), 120)
    body = [line for piece in found for line in piece.split("\n") if not line.startswith("```")]
    assert all(len(line) > 90 for line in body[:-1])
    assert all(piece.startswith("```sh\n") and piece.endswith("\n```") for piece in found)


def test_a_fence_in_a_quote_is_opened_and_closed_inside_the_quote() -> None:
    code = "\n".join(f"> line {i}" for i in range(40))
    found = cut(f"> ```js\n{code}\n> ```", 100)
    assert len(found) > 2
    assert all(piece.startswith("> ```js\n") and piece.endswith("\n> ```") for piece in found)


def test_a_fence_closed_by_a_longer_one_is_closed_once() -> None:
    found = cut("```\n" + "code\n" * 40 + "`````", 80)
    assert all(piece.count("`") == 6 for piece in found)


def test_link_definitions_around_a_table_are_no_part_of_it() -> None:
    definition = "[ref]: https://a.example"
    found = cut(f"{definition}\n\n" + table("K", ["a value"] * 20) + f"\n\n{definition}", 150)
    assert found[0].startswith(definition)
    assert found[-1].endswith(definition)
    assert all("| K | V |\n| --- | --- |\n| a value" in piece for piece in found if "a value" in piece)


def test_headings_without_text_are_packed_like_lines() -> None:
    found = cut("\n\n".join(f"#### Heading {i:03}" for i in range(100)), 200)
    assert len(found) == 10
    assert all(len(piece) > 150 for piece in found[:-1])


def test_a_heading_goes_with_the_text_below_it() -> None:
    found = cut("## Above\n\n" + "text " * 20 + "\n\n## Below\n\n" + "more " * 20, 130)
    assert [piece.split()[1] for piece in found] == ["Above", "Below"]


def test_each_part_of_a_long_line_of_code_says_from_which_line_it_comes() -> None:
    lines = ["```", "word " * 100, "end", "```"]
    assert all(1 in range(piece.first, piece.last) for piece in pieces(lines, 120)[:-1])
