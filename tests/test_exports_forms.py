"""HTML pages and Lark blocks as Markdown: a folder under cases/exports holds a file and its clean page."""

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
        "notes": [note.text for note in export.notes],
    }
    assert {name: seen[name] for name in facts} == facts


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
