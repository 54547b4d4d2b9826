"""Chunking: the checklist as case files, and the laws that hold for every page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kbtool.chunk import (
    BREADCRUMB,
    CHILD_SEPARATOR,
    SMALLEST_BOUND,
    Bounds,
    breadcrumb,
    section_text,
    split,
)
from kbtool.clean import clean
from kbtool.exports import read
from kbtool.model import Document, Kind, Page
from kbtool.script import is_mostly_cjk

CASES = sorted((Path(__file__).parent / "cases" / "chunk").iterdir())
BOUNDS = Bounds()


def page(markdown: str, title: str = "Manual") -> Page:
    return Page("key", "manual", title, markdown, "manual.md", Kind.MARKDOWN)


def children(document: Document) -> list[tuple[tuple[str, ...], str]]:
    return [(chunk.heading_path, chunk.text) for section in document.sections for chunk in section.children]


def bound_of(text: str) -> int:
    return BOUNDS.child_cjk if is_mostly_cjk(text) else BOUNDS.child


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_the_checklist(case: Path) -> None:  # noqa: C901 one loop a kind of expectation
    expected = tomllib.loads((case / "expect.toml").read_text(encoding="utf-8"))
    export = read([case / "input.md"])
    (read_page,) = export.pages
    chunks = children(split(clean(read_page).page))
    names = {name for path, _ in chunks for name in path}
    everything = "\n".join(text for _, text in chunks)

    for group in expected.get("together", []):
        assert any(all(part in text for part in group) for _, text in chunks)
    for one, other in expected.get("apart", []):
        assert everything.count(one) >= 1
        assert everything.count(other) >= 1
        assert not any(one in text and other in text for _, text in chunks)
    for name in expected.get("has", []):
        assert any(name in known for known in names)
    for name in expected.get("lacks", []):
        assert name not in names
    for text in expected.get("text", []):
        assert text in everything
    for text in expected.get("not_text", []):
        assert text not in everything
    for words, ending in expected.get("path_of", {}).items():
        assert all(path[-len(ending) :] == tuple(ending) for path, text in chunks if words in text)
    for words, unwanted in expected.get("path_lacks", {}).items():
        assert all(not set(unwanted) & set(path) for path, text in chunks if words in text)
    for pattern, needed in expected.get("with_each", []):
        assert all(needed in text for _, text in chunks if re.search(pattern, text))
    if expected.get("bounded"):
        assert len(chunks) > 1
        assert all(len(text) <= bound_of(text) for _, text in chunks)


def letters(text: str) -> list[str]:
    return re.findall(r"\w", text)


names = st.one_of(
    st.sampled_from("ABCD"), st.sampled_from(["long name ", "长标题"]).map(lambda name: name * 60)
)
headings = st.builds("{} {}".format, st.sampled_from(["#", "##", "###", "####"]), names)
words = st.text(alphabet="abc de。退款，. \n", min_size=1, max_size=300)
long_words = st.builds(
    lambda word, times: word * times, st.sampled_from(["x", "word ", "退款。"]), st.integers(1, 1500)
)
code = st.builds("```\n{}\n```".format, st.text(alphabet="ab #\n", max_size=200))
table = st.integers(1, 60).map(
    lambda n: "| K | V |\n| --- | --- |\n" + "\n".join(f"| r{i} | some value {i} |" for i in range(n))
)
lists = st.integers(1, 40).map(lambda n: "\n".join(f"- item {i} with a few words" for i in range(n)))
blocks = st.lists(st.one_of(headings, words, long_words, code, table, lists), max_size=12).map("\n\n".join)
pages = st.one_of(blocks, st.text(max_size=400), st.text(alphabet="#-=>|`~*1. \t\r\nab退", max_size=400))
bounds = st.builds(
    Bounds,
    child=st.integers(SMALLEST_BOUND, 900),
    child_cjk=st.integers(SMALLEST_BOUND, 500),
    parent=st.integers(900, 3800),
)


@settings(deadline=None)
@given(pages, bounds, names)
def test_no_chunk_is_over_its_bound(markdown: str, bounds: Bounds, title: str) -> None:
    for section in split(page(markdown, title), bounds).sections:
        assert len(section_text(section)) <= bounds.parent
        for chunk in section.children:
            # The bound is chosen by the script of the whole subsection.
            assert len(chunk.text) <= max(bounds.child, bounds.child_cjk)


@settings(deadline=None)
@given(pages, bounds)
@example("| " + "wide " * 200 + "| V |\n| --- | --- |\n" + "| some words | v |\n" * 50, Bounds())
@example("```" + "x" * 850 + "\nthe code\n" + "a line\n" * 40 + "```", Bounds())
def test_every_word_of_the_page_is_in_a_chunk_in_order(markdown: str, bounds: Bounds) -> None:
    document = split(page(markdown), bounds)
    chunked = iter(letters("".join(section_text(section) for section in document.sections)))
    assert all(letter in chunked for letter in letters(markdown))


@settings(deadline=None)
@given(pages, names)
def test_a_section_starts_with_its_breadcrumb_and_each_child_with_its_own_name(
    markdown: str, title: str
) -> None:
    for section in split(page(markdown, title)).sections:
        first, *others = section.children
        assert first.text.startswith(breadcrumb(first.heading_path) + "\n\n")
        for chunk in others:
            assert chunk.text.startswith(breadcrumb(chunk.heading_path).split(BREADCRUMB)[-1] + "\n\n")
        assert first.heading_path[: len(section.heading_path)] == section.heading_path
        assert all(chunk.heading_path in section.contains for chunk in section.children)


@settings(deadline=None)
@given(pages)
def test_the_separator_stands_only_between_children(markdown: str) -> None:
    for section in split(page(markdown)).sections:
        assert section_text(section).split(CHILD_SEPARATOR) == [chunk.text for chunk in section.children]


@pytest.mark.parametrize(
    "wrong",
    [{"child": SMALLEST_BOUND - 1}, {"child_cjk": 0}, {"child": -5}, {"parent": 799}],
    ids=str,
)
def test_bounds_that_leave_no_room_for_text_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=str(SMALLEST_BOUND)):
        Bounds(**wrong)


@given(st.lists(st.text(alphabet="ab 长", min_size=1, max_size=300), min_size=1, max_size=7))
def test_a_breadcrumb_leaves_the_text_its_room(path: list[str]) -> None:
    assert len(breadcrumb(path)) <= 200


def test_a_name_too_long_for_the_breadcrumb_is_cut_above_every_child() -> None:
    name = "a name that goes on " * 40
    document = split(page(f"## {name}\n\n" + "Some words of this part. " * 100))
    chunks = children(document)
    assert len(chunks) > 2
    assert all(len(text) <= BOUNDS.child and "…\n\n" in text for _, text in chunks)
    assert all(path[-1] == name.strip() for path, _ in chunks)


def test_sections_are_the_two_shallowest_levels_below_the_title() -> None:
    document = split(page("intro\n\n# Returns\n\n## Time\n\na\n\n### Exceptions\n\nb\n\n## Cost\n\nc\n"))
    assert [section.heading_path for section in document.sections] == [("Manual",), ("Manual", "Returns")]
    assert [chunk.heading_path[1:] for chunk in document.sections[1].children] == [
        ("Returns", "Time"),
        ("Returns", "Cost"),
    ]
    assert ("Manual", "Returns", "Time", "Exceptions") in document.sections[1].contains


def test_a_long_section_is_cut_at_its_subsections_first() -> None:
    body = "\n\n".join(f"### Part {i}\n\n" + "Some words of this part. " * 25 for i in range(12))
    document = split(page(f"## Long\n\n{body}\n\n## Short\n\nx\n"))
    assert len(document.sections) > 2
    starts = [section.children[0].heading_path[-1] for section in document.sections]
    assert all(name.startswith("Part") for name in starts[:-1])
    parts = [chunk.heading_path[-1] for section in document.sections for chunk in section.children]
    assert parts == [*(f"Part {i}" for i in range(12)), "Short"]


def test_code_is_fenced_again_when_it_alone_is_too_long() -> None:
    body = "\n".join(f"line_{i} = {i}" for i in range(200))
    chunks = children(split(page(f"## Code\n\n```python\n{body}\n```\n\nafter\n")))
    assert len(chunks) > 2
    assert all(text.count("```") == 2 for _, text in chunks if "line_" in text)


def test_a_page_without_text_gives_no_sections() -> None:
    assert split(page("\n \n")).sections == ()


def test_a_title_that_looks_like_a_breadcrumb_is_told_apart() -> None:
    document = split(page("text", title=f"Beans{BREADCRUMB}Roasts"))
    assert document.sections[0].heading_path == ("Beans / Roasts",)
