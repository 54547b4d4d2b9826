"""Notion HTML and Lark blocks as Markdown: a folder under cases/exports holds a file and its clean page."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbtool.clean import clean
from kbtool.exports import read

CASES = Path(__file__).parent / "cases" / "exports"
FOLDERS = sorted({path.parent for path in CASES.glob("*/*/input.*")})
ID = "4f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52"
DASHED = "4f1c0a9e-5b7d-4c2e-8a6f-3b1d9c0e7a52"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_page_is_as_expected(folder):
    """`facts.toml`, where there is one, says what else must be known of the page."""
    (source,) = folder.glob("input.*")
    export = read([source])
    (page,) = export.pages
    cleaned = clean(page)
    assert cleaned.page.markdown == (folder / "expected.md").read_text(encoding="utf-8").rstrip("\n")

    facts = tomllib.loads(path.read_text("utf-8")) if (path := folder / "facts.toml").exists() else {}
    seen = {
        "title": cleaned.page.title,
        "kind": page.kind,
        "key": page.key,
        "properties": dict(cleaned.page.properties),
        "removed": [[removal.rule, removal.text] for removal in cleaned.removals],
        "notes": [skip.reason for skip in export.skipped],
    }
    assert {name: seen[name] for name in facts} == facts


def test_both_notion_exports_of_a_page_give_the_same_clean_page(tmp_path):
    web, text = tmp_path / f"Brew ratios {ID}.html", tmp_path / f"Brew ratios {ID}.md"
    web.write_bytes((CASES / "pairs" / "brew_ratios" / "page.html").read_bytes())
    text.write_bytes((CASES / "pairs" / "brew_ratios" / "page.md").read_bytes())
    one, other = (clean(read([path]).pages[0]).page for path in (web, text))
    assert (one.markdown, one.title, one.key, one.slug) == (
        other.markdown,
        other.title,
        other.key,
        other.slug,
    )


def test_properties_of_an_html_page_are_what_the_markdown_export_says(tmp_path):
    rows = {
        "Status": '<span class="selected-value">Live</span>',
        "Tags": '<span class="selected-value">a</span><span class="selected-value">b</span>',
        "Checked": '<div class="checkbox checkbox-on"></div>',
        "Until": "<time>@March 1, 2026</time>",
        "Owner": '<span class="user"><img class="icon"/>Ana</span>',
        "Guide": f'<a href="A%20{ID}.html">A, b</a><a href="C.html">C</a>',
        "Empty": "",
    }
    icon = '<span class="icon property-icon"><svg><path d="M1"></path></svg></span>'
    cells = "".join(f"<tr><th>{icon}{name}</th><td>{value}</td></tr>" for name, value in rows.items())
    header = f'<header><h1 class="page-title">T</h1><table class="properties">{cells}</table></header>'
    path = tmp_path / "page.html"
    body = '<div class="page-body"><p>Text</p></div>'
    path.write_text(f'<article id="{DASHED}">{header}{body}</article>', encoding="utf-8")
    assert dict(read([path]).pages[0].properties) == {
        "Status": "Live",
        "Tags": "a, b",
        "Checked": "Yes",
        "Until": "March 1, 2026",
        "Owner": "Ana",
        "Guide": "A, b, C",
    }


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 45), st.sampled_from(["root", "a", "b", "", "x"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                [
                    "blocks",
                    "block_id",
                    "block_type",
                    "children",
                    "document",
                    "text",
                    "elements",
                    "text_run",
                    "content",
                    "table",
                    "cells",
                    "property",
                    "column_size",
                    "merge_info",
                    "row_span",
                    "image",
                    "caption",
                    "heading1",
                    "style",
                    "link",
                    "url",
                    "code",
                ]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(JSON, max_size=6), JSON)
def test_any_json_is_read_or_left_out_and_never_raises(tmp_path_factory, blocks, children):
    root = {"block_id": "root", "block_type": 1, "children": children}
    path = tmp_path_factory.mktemp("lark") / "d.json"
    path.write_text(json.dumps({"blocks": [root, *blocks]}), encoding="utf-8")
    export = read([path])
    assert len(export.pages) + len(export.skipped) >= 1


TAGS = st.sampled_from(
    [
        *(
            f"<{name}>"
            for name in [
                "p",
                "li",
                "details",
                "summary",
                "table",
                "tr",
                "td",
                "h1",
                "pre",
                "code",
                "figure",
                "div",
                "b",
                "hr",
                "img",
                "annotation",
            ]
        ),
        *(f"</{name}>" for name in ["p", "li", "ul", "details", "figure", "table", "h1", "code", "a", "div"]),
        *(
            "<ul class='toggle'>",
            "<figure class='image'>",
            "<ol start='x'>",
            "<a href='x'>",
            "<span class='katex'>",
        ),
        *("<div class='checkbox checkbox-on'>", "<figcaption>", "<blockquote>", "<!-- c -->", "text", " "),
    ]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(TAGS, max_size=30).map("".join))
def test_any_tags_are_read_without_an_error(tmp_path_factory, body):
    path = tmp_path_factory.mktemp("html") / "page.html"
    path.write_text(f'<article id="{DASHED}"><div class="page-body">{body}</div></article>', encoding="utf-8")
    export = read([path])
    assert len(export.pages) + len(export.skipped) == 1
