"""Any bytes, any tree of blocks, any zip, any damage: the laws of bad input hold."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kbtool.exports import read
from tests.hostile import GOOD, JUNK, cleaned, titles, zip_of

ID = "4f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52"
SUFFIX = st.sampled_from([".md", ".markdown", ".html", ".htm", ".json", ".csv", ".png", ""])
ODD = ["a", "..", ".", " ", "CON", "~", "%", "%2e%2e", "名前", "a\\b", "C:", f"T {ID}", "X_all", "-Part-1"]
PART = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
NAMES = st.builds(
    lambda parts, suffix: ("/".join(parts) + suffix).replace("\x00", "\x01") or "x",
    st.lists(PART, min_size=1, max_size=4),
    st.one_of(SUFFIX, st.just(".zip")),
)
MARKS = ["# T", "\n", "\n\n", "---", "a: b", "<aside>", "```", "| a |", "- ", "](", "%ZZ", "\r", "$$", "退款"]
SIGNS = ["\x00", "\ufeff", "\u2028", "\ud800", "{", "[", '"blocks"', ":", '"', ","]
TAGS = ["<table>", "<td rowspan=9999>", "<article class=page>", "<li>", "<details>", "<pre>", "<callout>"]
CONTENT = st.one_of(
    st.binary(max_size=80),
    st.lists(st.sampled_from([*MARKS, *SIGNS, *TAGS]), max_size=25).map(
        lambda parts: "".join(parts).encode("utf-8", "surrogatepass")
    ),
)
LEAVES: st.SearchStrategy[Any] = st.sampled_from([None, True, 0, -1, 1.5, "", "a", "b", "\ud800", [], {}])
KEYS = st.sampled_from(
    ["elements", "text_run", "content", "style", "cells", "property", "merge_info", "row_size", "link", "url"]
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=5,
)
KINDS = ("page", "text", "heading1", "bullet", "code", "table", "callout", "image", "grid", "parent_id")
BLOCK = st.fixed_dictionaries(
    {
        "block_id": st.sampled_from("abcd"),
        "block_type": st.one_of(st.integers(0, 50), LEAVES),
        "children": st.one_of(st.lists(st.sampled_from("abcdx"), max_size=4), LEAVES),
    },
    optional=dict.fromkeys(KINDS, JSON),
)
DOCUMENT = st.builds(
    lambda document, listed: json.dumps({"document": document, "blocks": listed}).encode(),
    st.one_of(LEAVES, st.just({"document_id": "a", "title": "T"})),
    st.lists(BLOCK, max_size=5),
)
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def law(*contents: tuple[str, bytes]) -> None:
    """The laws of `cleaned` for these files beside a good one, which must be done."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = [folder / name for name, _ in contents]
        for path, (_, content) in zip(sources, contents, strict=True):
            path.write_bytes(content)
        good = folder / "good.md"
        good.write_text(GOOD, encoding="utf-8")
        result = cleaned(folder, *sources, good)
        assert "Good page" in titles(folder), result.err
        export = read([*sources, good])
        known = {page.source for page in export.pages} | {skip.source for skip in export.skipped}
        for path in sources:
            assert any(source.partition(":")[0] == path.name for source in known), path.name


@QUICK
@given(SUFFIX, CONTENT)
def test_any_bytes_under_any_suffix(suffix: str, content: bytes) -> None:
    law((f"file{suffix}", content))


@QUICK
@given(DOCUMENT)
def test_any_tree_of_lark_blocks(document: bytes) -> None:
    law(("file.json", document))


@QUICK
@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(st.lists(st.tuples(NAMES, CONTENT), max_size=5))
def test_any_zip(entries: list[tuple[str, bytes]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "any.zip"
        path.write_bytes(zip_of([*entries, ("good.md", GOOD.encode())]))
        result = cleaned(Path(folder), path)
        assert "Good page" in titles(Path(folder)), result.err
        export = read([path])
        with zipfile.ZipFile(path) as archive:
            listed = [
                info
                for info in archive.infolist()
                if not info.is_dir() and not any(junk in info.filename for junk in JUNK)
            ]
        parts = sum(info.filename.lower().endswith("-part-1.zip") for info in listed)
        assert len(export.pages) + len(export.skipped) >= len(listed) - parts


@QUICK
@given(st.data())
def test_any_damage_to_a_zip(data: st.DataObject) -> None:
    whole = bytearray(zip_of([(f"{n}.md", f"# Page {n}\n\ntext {n}".encode()) for n in range(3)]))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    law(("damaged.zip", bytes(whole[:cut]) if data.draw(st.booleans()) else bytes(whole)))
