"""Pages of HTML: no word is lost without a record, whatever the tags. What they become are cases on disk."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kbtool.exports import notion_html, plain_html, read
from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.html_tables import spread
from kbtool.model import Kind

CASES = Path(__file__).parent / "cases" / "exports"
PAGES = sorted([*CASES.glob("*/*/input.html"), *CASES.glob("pairs/*/page.html")])
DASHED = "4f1c0a9e-5b7d-4c2e-8a6f-3b1d9c0e7a52"
WORD = re.compile(r"\w+")


def notion(body: str) -> str:
    return f'<article id="{DASHED}"><div class="page-body">{body}</div></article>'


def draft_of(text: str) -> Draft:
    """The page in a file of its own; fails for a file that is none."""
    file = File("tree", "page.html", "page.html", "page.html", None)
    draft = notion_html.parse(file, text) or plain_html.parse(file, text)
    assert isinstance(draft, Draft)
    return draft


def words_in(draft: Draft) -> Counter[str]:
    """Every word of the page, its title and properties, and of what the reader left out."""
    texts = [draft.title, draft.markdown, *draft.properties, *draft.properties.values()]
    return Counter(WORD.findall(" ".join([*texts, *(removal.text for removal in draft.removals)])))


def words_of_source(text: str) -> Counter[str]:
    """The words of a page, taken out by another parser that knows nothing of its form."""
    soup = BeautifulSoup(text, "html.parser")
    root = soup.select_one(f"article[id='{DASHED}']") or soup
    for silent in root.find_all(["style", "script"]):
        silent.decompose()
    return Counter(WORD.findall(root.get_text(" ")))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.parent.name}/{path.parent.name}")
def test_no_word_of_a_page_is_lost_without_a_record(path):
    text = path.read_text(encoding="utf-8")
    assert not words_of_source(text) - words_in(draft_of(text))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.parent.name}/{path.parent.name}")
def test_each_removal_names_a_rule_that_gives_its_reason(path):
    draft = draft_of(path.read_text(encoding="utf-8"))
    reasons = plain_html.LEFT_OUT if draft.kind is Kind.HTML else notion_html.LEFT_OUT
    assert {removal.rule for removal in draft.removals} <= set(reasons)
    assert all(removal.text.strip() for removal in draft.removals)


@pytest.mark.parametrize("reader", [notion_html, plain_html])
def test_each_rule_of_a_reader_fires_on_some_page(reader):
    drafts = [draft_of(path.read_text(encoding="utf-8")) for path in PAGES]
    assert set(reader.LEFT_OUT) <= {removal.rule for draft in drafts for removal in draft.removals}


def test_properties_of_an_html_page_are_what_the_markdown_export_says():
    rows = {
        "Status": '<span class="selected-value">Live</span>',
        "Tags": '<span class="selected-value">a</span><span class="selected-value">b</span>',
        "Checked": '<div class="checkbox checkbox-on"></div>',
        "Until": "<time>@March 1, 2026</time>",
        "Owner": '<span class="user"><img class="icon"/>Ana</span>',
        "Guide": '<a href="A.html">A, b</a><a href="C.html">C</a>',
        "Empty": "",
    }
    icon = '<span class="icon property-icon"><svg><path d="M1"></path></svg></span>'
    cells = "".join(f"<tr><th>{icon}{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    header = f'<header><h1 class="page-title">T</h1><table class="properties">{cells}</table></header>'
    draft = draft_of(f'<article id="{DASHED}">{header}<div class="page-body"><p>Text</p></div></article>')
    assert draft.properties == {
        "Status": "Live",
        "Tags": "a, b",
        "Checked": "Yes",
        "Until": "March 1, 2026",
        "Owner": "Ana",
        "Guide": "A, b, C",
    }
    assert [(removal.rule, removal.text) for removal in draft.removals] == [("empty_properties", "Empty")]


TAGS = [
    *[
        "p",
        "li",
        "details",
        "summary",
        "table",
        "tr",
        "td",
        "th",
        "h1",
        "pre",
        "code",
        "figure",
        "div",
        "b",
        "hr",
        "img",
        "annotation",
        "ul",
        "span",
        "nav",
        "dl",
        "dt",
        "dd",
        "math",
        "svg",
        "footer",
        "button",
        "tt",
        "br",
        "input",
    ],
    *(
        [
            "/p",
            "/li",
            "/ul",
            "/details",
            "/figure",
            "/table",
            "/h1",
            "/code",
            "/a",
            "/div",
            "/span",
            "/b",
            "/td",
            "/tr",
            "/svg",
            "/math",
            "/nav",
        ]
    ),
    *("ul class='toggle'", "ul class='to-do-list'", "ol start='x'", "a href='x'", "span class='katex'"),
    *("div class='checkbox checkbox-on'", "figcaption", "blockquote", "figure class='image'", "a", "i"),
    *("figure class='equation'", "span class='icon'", "div class='bookmark-href'", "span class='user'"),
    *("table class='properties'", "h1 class='page-title'", "td rowspan=9 colspan=999", "h4", "aside"),
]
PIECES = st.one_of(
    st.sampled_from([f"<{tag}>" for tag in TAGS]), st.sampled_from([" ", "\n", "&amp;"]), st.just("w")
)


def numbered(pieces: list[str]) -> str:
    """The pieces as one text, in which each word is another one."""
    return "".join(f" word{number} " if piece == "w" else piece for number, piece in enumerate(pieces))


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40).map(numbered), st.booleans())
@example("<ul> word1 <li> word2 <ul><li> word3 </ul> word4 ", True)
@example("<table><caption> word1 <tr><td> word2 <table><tr><td> word3 ", True)
@example("<figure class='image'> word1 <a href='x'> word2 </a><figcaption> word3 ", True)
@example("<details> word1 <summary> word2 </summary><summary> word3 ", True)
@example("<div class='checkbox checkbox-on'> word1 ", True)
@example("<dl> word1 <dt> word2 <dd> word3 ", False)
def test_no_word_is_lost_whatever_the_tags(body, is_notion):
    draft = draft_of(notion(body) if is_notion else f"<body>{body}")
    assert set(re.findall(r"word\d+", body)) <= set(words_in(draft))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
@example(b"<article id=x><p>a\x00b</p>")
@example(b"<article id='4f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52'><div class=page-body><p>\xff\xfe")
def test_any_bytes_are_a_page_or_are_left_out(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("html") / "page.html"
    path.write_bytes(data)
    export = read([path])
    assert len(export.pages) + len(export.skipped) == 1


@pytest.mark.parametrize(
    "body",
    ["<div>" * 900 + "deep", "<span>" * 20_000 + "deep", "<b><i>" * 300 + "deep", "<ul><li>" * 400 + "deep"],
    ids=["blocks", "spans", "marks", "lists"],
)
def test_deep_nesting_is_read(body):
    assert "deep" in draft_of(notion(body)).markdown


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * 10_000 + "deep" + "</div>" * 10_000,
        "</div>" * 5000 + "<blockquote>" * 10_000,
        "".join(f"<b id={number}>" for number in range(9000)) + "<p>x" * 2000,
    ],
    ids=["blocks", "after closing tags", "marks that are never closed"],
)
def test_nesting_that_no_author_makes_is_left_out_with_the_reason(body, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(notion(body), encoding="utf-8")
    export = read([path])
    assert not export.pages
    assert "nested more than" in export.skipped[0].reason
    assert export.skipped[0].is_error


def test_a_large_page_is_read_whole():
    rows = 4000
    draft = draft_of(notion("<p>Ask <b>now</b></p><ul><li>one<ul><li>two</li></ul></li></ul>" * rows))
    assert words_in(draft)["Ask"] == words_in(draft)["two"] == rows


@pytest.mark.parametrize(
    ("body", "markdown"),
    [
        (
            '<p>One<div class="indented"><p>Two<div class="indented"><p>Three</p></div></p></div></p>',
            "One\n\nTwo\n\nThree",
        ),
        ("<p>open <strong>bold", "open **bold**"),
        ("<p>5 &lt; 6 &amp;amp; &#x4E2D;&nbsp;&copy</p>", "5 < 6 &amp; 中\u00a0©"),
        ('<p id="x">a</p><p id="x">b</p>', "a\n\nb"),
        ("<strong>one<br/><br/>two</strong>", "**one**\n\n**two**"),
        ("<p># no heading</p>", "\\# no heading"),
        ("<pre><code>\n\n  a<br/>b\n</code></pre>", "```\n\n\n  a\nb\n```"),
        ("<ul><li>a</li>loose<ul><li>b</li></ul></ul>", "- a\n\nloose\n\n- b"),
        ('<ul class="toggle"><li><details><summary></summary><p>x</p></details></li></ul>', "- \n\n    x"),
        ("<h2> </h2><p>x</p>", "x"),
        (
            '<a href="https://a.example/x y"><h3>Card</h3><p>text</p></a>',
            "[Card  text](https://a.example/x%20y)",
        ),
    ],
)
def test_tags_that_are_not_as_they_should_be(body, markdown):
    assert draft_of(notion(body)).markdown == markdown


def test_cells_are_repeated_in_the_rows_that_they_cover():
    grid = [[("a", 2, 1), ("b", 1, 2)], [("c", 1, 1)], [("d" * 300, 9, 1)], [("e", 1, 1)]]
    assert spread(grid) == [["a", "b", ""], ["a", "c"], ["d" * 300], ["", "e"]]


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.integers(1, 999)), max_size=5),
        max_size=8,
    )
)
def test_a_table_of_any_spans_has_all_its_cells_and_a_bounded_width(grid):
    rows = spread(grid)
    assert len(rows) == len(grid)
    assert (
        max((len(row) for row in rows), default=0) <= 200 + 5 * 8
    )  # a cell needs a column even beyond the bound
    for cells, row in zip(grid, rows, strict=True):
        assert not Counter(text for text, _, _ in cells) - Counter(row)


def test_the_index_of_an_export_is_no_page(tmp_path):
    path = tmp_path / "index.html"
    path.write_text('<body><ul id="id::1"><li><a href="A.html">A</a></li></ul></body>', encoding="utf-8")
    assert [skip.reason for skip in read([path]).skipped] == ["index of the export"]


def test_a_site_page_whose_article_has_an_id_is_no_notion_page():
    draft = draft_of('<main><article id="post-7"><h1>Returns</h1><p>30 days.</p></article></main>')
    assert (draft.kind, draft.title, draft.markdown) == (Kind.HTML, "Returns", "30 days.")


def test_the_properties_of_a_page_that_a_formatter_went_over_are_read():
    text = (CASES / "notion_html" / "formatted" / "input.html").read_text(encoding="utf-8")
    assert draft_of(text).properties == {"Status": "Live"}
