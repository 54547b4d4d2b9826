"""The Chinese demo corpus: built from its sources, and as untidy as a real Feishu export.

The counts are taken by patterns of their own, not by the build script, so that an edit which loses
a kind of dirt is noticed here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from corpora import build_lark

LARK = Path(__file__).resolve().parent.parent / "corpora" / "lark"
TEMPORARY = r"!\[\]\(https://internal-api-drive-stream\.feishu\.cn/\S+?/authcode/\?code=\w+\)"

# What the Markdown half must hold: pattern -> at least this often, over all documents.
MARKDOWN_DIRT = {
    "callout with a named emoji": (r'<callout emoji="[a-z_]+" background-color="light-\w+"', 5),
    "callout with an emoji": (r'<callout emoji="[^\x00-\x7f]+"', 1),
    "grid": (r'<grid cols="2">\n\n  <column width="50">', 1),
    "table": (
        r'<lark-table rows="\d+" cols="\d+" header-row="true" column-widths="[\d,]+">\n\n  <lark-tr>',
        6,
    ),
    "merged cells": (r'<lark-td (?:rowspan="2"|colspan="3")>', 3),
    "image by token": (r'<image token="\w{27}" width="\d+" height="\d+" align="center"', 4),
    "temporary image": (TEMPORARY, 2),
    "sheet": (r'<sheet token="\w{27}"/>', 2),
    "mention of a document": (r'<mention-doc token="\w{27}" type="docx">[^<]+</mention-doc>', 15),
    "mention of a member": (r'<mention-user id="ou_[0-9a-f]{32}"/>', 2),
    "coloured text": (r'<text color="\w+">[^<]+</text>', 3),
    "coloured heading": (r'(?m)^# .+ \{color="blue"\}$', 4),
    "heading of level 7": (r"(?m)^<h7>.+</h7>$", 3),
    "quote container": (r"<quote-container>\n\n", 2),
    "quote": (r"(?m)^> ", 1),
    "equation": (r"<equation>[^<]+</equation>", 3),
    "equation block": (r"(?m)^\$\$\n.+\n\$\$$", 1),
    "code": (r"(?m)^```(?:json|bash)\n", 2),
    "to-do": (r"(?m)^- \[[ x]\] ", 3),
    "list numbered 1. throughout": (r"(?m)^1\. .+\n1\. ", 5),
    "list nested by a tab": (r"(?m)^\t- ", 4),
    "empty list item": (r"(?m)^- $", 1),
    "percent-encoded link": (r"\]\(https%3A%2F%2F[\w.%-]+\)", 1),
    "space before the closing **": (r"\*\*[^*\n]+ \*\*", 10),
    "bold cut in two": (r"\*\*[^*\n]+\*\*\*\*：\*\*", 6),
    "bold heading": (r"(?m)^# \*\*.+\*\*$", 20),
    "text directly above ---": (r"(?m)^(?!#|<|-).+\n---$", 3),
    "paragraphs without a blank line": (r"。\n(?=[\u4e00-\u9fff])", 5),
    "no-break space": (r"[\u4e00-\u9fff]\u00a0[A-Za-z0-9]", 10),
    "zero-width space": (r"(?m)^- \u200b", 4),
}

# What the blocks half must hold: block type -> (at least, of documents; its name in the API).
BLOCK_DIRT = {
    9: (1, "heading7"), 14: (1, "code"), 15: (1, "quote"), 17: (3, "todo"), 18: (1, "bitable"),
    19: (5, "callout"), 24: (2, "grid"), 25: (2, "grid_column"), 27: (2, "image"), 31: (6, "table"),
    32: (6, "table_cell"), 34: (1, "quote_container"), 999: (2, "undefined"),
}  # fmt: skip


def markdown_documents() -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in LARK.glob("*.md")}


def block_documents() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in LARK.glob("*.json")}


def all_blocks() -> Iterator[dict[str, Any]]:
    for document in block_documents().values():
        yield from document["blocks"]


def elements() -> Iterator[dict[str, Any]]:
    for block in all_blocks():
        for body in block.values():
            if isinstance(body, dict):
                yield from body.get("elements", [])


def test_the_committed_corpus_is_what_the_sources_build():
    assert {path.name: path.read_bytes() for path in LARK.iterdir()} == build_lark.build()


def test_check_says_which_file_differs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build_lark, "TARGET", tmp_path / "lark")
    assert build_lark.main([]) == 0
    assert build_lark.main(["--check"]) == 0
    (tmp_path / "lark" / "电子发票.md").write_text("edited by hand", encoding="utf-8")
    capsys.readouterr()
    assert build_lark.main(["--check"]) == 1
    assert capsys.readouterr().out == "differs: corpora/lark/电子发票.md\n"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("没有文件头", "front matter"),
        ("---\ntitle: 甲\nform: docx\n---\n", "front matter"),
        (
            "---\ntitle: 甲\nform: blocks\n---\n:::callout warning red\n没有结束",
            "甲.md:5: ::: is never closed",
        ),
        ("---\ntitle: 甲\nform: blocks\n---\n:::aside\n:::\n", "甲.md:5: a container is one of"),
        ("---\ntitle: 甲\nform: blocks\n---\n| a | b |\n| --- | --- |\n| 1 |\n", "甲.md:5: not every row"),
        ("---\ntitle: 甲\nform: blocks\n---\n见 [[没有]]", "names no document"),
        ("---\ntitle: 甲\nform: markdown\n---\n:::synced\n同步\n:::\n", "markdown cannot hold 'undefined'"),
    ],
)
def test_a_mistake_in_a_source_is_named_without_a_traceback(tmp_path, source, complaint):
    (tmp_path / "甲.md").write_text(source, encoding="utf-8")
    with pytest.raises(SystemExit) as stop:
        build_lark.build(tmp_path)
    assert complaint in str(stop.value.code)


def test_both_forms_are_well_represented_and_nothing_else_is_in_the_export():
    suffixes = Counter(path.suffix for path in LARK.iterdir())
    assert suffixes[".json"] >= 9
    assert suffixes[".md"] >= 9
    assert set(suffixes) == {".json", ".md"}


@pytest.mark.parametrize("kind", MARKDOWN_DIRT)
def test_the_markdown_half_has_its_dirt(kind):
    pattern, least = MARKDOWN_DIRT[kind]
    assert sum(len(re.findall(pattern, text)) for text in markdown_documents().values()) >= least


def test_the_title_of_a_markdown_document_is_only_in_its_name():
    for title, text in markdown_documents().items():
        assert title not in re.findall(r"(?m)^#+ (.+)$", text)


@pytest.mark.parametrize("number", BLOCK_DIRT)
def test_the_blocks_half_has_its_kinds_of_block(number):
    least, name = BLOCK_DIRT[number]
    holding = {
        token
        for token, document in block_documents().items()
        if any(block["block_type"] == number and name in block for block in document["blocks"])
    }
    assert len(holding) >= least


def test_blocks_form_one_tree_that_children_and_parent_id_agree_on():
    for token, document in block_documents().items():
        by_id = {block["block_id"]: block for block in document["blocks"]}
        assert len(by_id) == len(document["blocks"])
        assert document["document"]["document_id"] == token == document["blocks"][0]["block_id"]
        reached = [token]
        for parent in reached:
            children = by_id[parent].get("children", [])
            assert all(by_id[child]["parent_id"] == parent for child in children)
            reached += children
        assert sorted(reached) == sorted(by_id)
        assert all(re.fullmatch(r"[A-Za-z0-9]{27}", own) for own in by_id)


def test_tables_hold_as_many_cells_as_their_size_says_and_some_are_merged():
    merged = 0
    for block in all_blocks():
        if "table" in block:
            size = block["table"]["property"]
            assert block["table"]["cells"] == block["children"]
            assert len(block["children"]) == size["row_size"] * size["column_size"] == len(size["merge_info"])
            merged += sum(1 for cell in size["merge_info"] if cell["row_span"] > 1 or cell["col_span"] > 1)
    assert merged >= 5


def test_runs_of_text_carry_what_feishu_puts_in_them():
    kinds = Counter(kind for element in elements() for kind in element)
    assert kinds["mention_doc"] >= 15
    assert kinds["mention_user"] >= 3
    assert kinds["equation"] >= 1
    runs = [element["text_run"] for element in elements() if "text_run" in element]
    assert sum(1 for run in runs if not run["content"]) >= len(block_documents())  # empty paragraphs
    assert sum(1 for run in runs if "\n" in run["content"]) >= 2  # line breaks inside a block
    assert sum(1 for run in runs if run["text_element_style"].get("bold") and run["content"][-1] == " ") >= 1
    assert sum(1 for run in runs if "text_color" in run["text_element_style"]) >= 5
    assert sum(1 for run in runs if "\u00a0" in run["content"]) >= 10
    assert sum(1 for run in runs if run["content"].startswith("\u200b")) >= 5


def test_urls_in_blocks_are_percent_encoded():
    styles = [element["text_run"]["text_element_style"] for element in elements() if "text_run" in element]
    urls = [style["link"]["url"] for style in styles if "link" in style]
    urls += [element["mention_doc"]["url"] for element in elements() if "mention_doc" in element]
    assert len(urls) >= 15
    assert all("://" not in url and unquote(url).startswith("https://") for url in urls)


def test_mentions_name_a_document_of_the_corpus_by_its_title():
    titles = set(markdown_documents()) | {d["document"]["title"] for d in block_documents().values()}
    named = [element["mention_doc"]["title"] for element in elements() if "mention_doc" in element]
    for text in markdown_documents().values():
        named += re.findall(r"<mention-doc [^>]+>([^<]+)</mention-doc>", text)
    assert set(named) <= titles


def test_folded_headings_own_the_blocks_below_them():
    folded = [b for b in all_blocks() if b.get("heading1", {}).get("style", {}).get("folded")]
    assert len(folded) >= 4
    assert all(block["children"] for block in folded)


def test_one_document_is_outdated_and_says_so_and_one_is_nearly_empty():
    stale = markdown_documents()["旧版退换货政策（已过期）"]
    assert "已过期" in stale
    assert "10 个工作日" in stale
    texts = {t: "".join(r["content"] for r in runs_of(d)) for t, d in block_documents().items()}
    assert min(texts.values(), key=len) == "水质与滤水（草稿）待补充。"


def runs_of(document: dict[str, Any]) -> Iterator[dict[str, str]]:
    for block in document["blocks"]:
        for body in block.values():
            if isinstance(body, dict):
                yield from (
                    element["text_run"] for element in body.get("elements", []) if "text_run" in element
                )
