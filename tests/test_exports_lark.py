"""Lark's exports and plain Markdown: which form a file is of, its title and front matter, nothing lost."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbtool.clean import clean
from kbtool.exports import front_matter, lark_languages, read
from kbtool.exports.lark_json import LarkDocument
from kbtool.exports.lark_markdown import is_lark
from kbtool.model import Kind, Page

ROOT = Path(__file__).resolve().parent
CORPUS = sorted((ROOT.parent / "corpora" / "lark").iterdir())
CASES = sorted(ROOT.glob("cases/exports/lark_*/*/input.*"))
TOKEN = "boxcnbK20aJ9pePyziodIvjXTce"


MULTIPLIED = "\n".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 4)}]" for a, b in pairwise("abcdefgh"))


def page_of(tmp_path: Path, name: str, text: str) -> Page:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    (page,) = read([path]).pages
    return page


@pytest.mark.parametrize(
    "text",
    [
        f"![]({TOKEN})",
        f"![](static/{TOKEN}.png)",
        ">[!TIP] \nMind the steam.",
        "####### Level seven",
        "Ask ou_0123456789abcdef0123456789abcdef.",
        "<!-- block:doxcn1 -->",
        "<div class=\"callout callout-bg-3\">\n<div class='callout-emoji'>💡</div>\n</div>",
        '<div class="flex gap-3 columns-2" column-size="2">\n</div>',
        '<table header_row="1">\n</table>',
        f'<img src="{TOKEN}" src-width="1" src-height="2"/>',
        "```\n// [Unsupport] Bitable\n{}\n```",
        '<image token="t" width="1"/>',
        "# Heading {align=center}",
    ],
)
def test_each_dialect_is_known_by_what_only_it_writes(text):
    assert is_lark(f"Words.\n\n{text}\n\nMore.")


@pytest.mark.parametrize(
    "text",
    [
        f"`![]({TOKEN})` is a picture without words.",
        "```html\n<callout emoji='bulb'>\n```",
        "> [!TIP]\n> GitHub writes it with a space.",
        '<div class="hero"></div><table><tr><td>x</td></tr></table>',
        "![](picture.png) ![](static/logo.png)",
        "###### Level six",
        "// [Unsupport] in a sentence",
    ],
)
def test_code_samples_and_common_markdown_are_no_lark(text):
    assert not is_lark(text)


@pytest.mark.parametrize(
    ("name", "text", "title", "body"),
    [
        (f"{TOKEN}.md", f"# 标题\n\n# 一\n\n文\n\n![]({TOKEN})", "标题", "# 一\n\n文"),
        ("标题.md", f"# 标题\n\n# 一\n\n文\n\n![]({TOKEN})", "标题", "# 一\n\n文"),
        ("别名.md", f"# 一\n\n文\n\n# 二\n\n文\n\n![]({TOKEN})", "别名", "# 一\n\n文\n\n# 二\n\n文"),
        ("a.md", "---\ntitle: T\n---\n# T\n\ntext", "T", "text"),
        ("a.md", "---\ntitle: T\n---\n# Other\n\ntext", "T", "# Other\n\ntext"),
        ("a.md", "Intro\n\n# T\n\ntext", "T", "Intro\n\ntext"),
        ("a.md", "Intro\n\n# T\n\n# U\n\ntext", "a", "Intro\n\n# T\n\n# U\n\ntext"),
        ("a.md", "Intro\n\n# Use `x`\n\ntext", "a", "Intro\n\n# Use `x`\n\ntext"),
        ("a.md", "```\n# not a heading\n```\n\ntext", "a", "```\n# not a heading\n```\n\ntext"),
        ("a.md", "T\n===\n\ntext", "T", "text"),
        ("a.md", "- T\n===\n\ntext", "a", "- T\n===\n\ntext"),
        ("a.md", "import X from './x'\n\n# T\n\n<X />", "T", "import X from './x'\n\n<X />"),
    ],
)
def test_the_title_is_the_front_matters_else_the_first_heading_else_the_name(
    tmp_path, name, text, title, body
):
    page = page_of(tmp_path, name, text)
    assert (page.title, clean(page).page.markdown) == (title, body)


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        ("---\ntitle: a: b\ntags:\n  - x\n  - y\n---\nbody", {"title": "a: b", "tags": "x, y"}),
        ("---\ntitle: 'a: b'\nno: 1.10\n---\nbody", {"title": "a: b", "no": "1.10"}),
        ("\ufeff---\ndate: 2026-03-01\n---\nbody", {"date": "2026-03-01"}),
        ("---\ntitle: T\nseo:\n  words: [a, b]\n  more:\n    - deep: c\n---\nbody",
         {"title": "T", "seo.words": "a, b", "seo.more.deep": "c"}),
        ("---\ntitle: T\n...\nbody", {"title": "T"}),
        (f"---\ndeep: {'[' * 5000}\n---\nbody", {"deep": "[" * 5000}),
    ],
)  # fmt: skip
def test_front_matter_is_properties(text, properties):
    found, body, _ = front_matter.split(text)
    assert (found, body) == (properties, "body")


@pytest.mark.parametrize(
    "text",
    [
        "---\n\nA divider first.\n\n---\nmore",
        "---\nNote: unplug it first.\n---\nmore",
        "---\n- a\n- list\n---\nmore",
        "---\ntitle: never closed\n\nmore",
        "---\njust: [broken\nprose\n---\nmore",
        "---\n---\nmore",
        f"---\na: &a [x, x, x, x]\n{MULTIPLIED}\n---\nmore",
    ],
)  # fmt: skip
def test_what_is_no_front_matter_stays_in_the_page(text):
    assert front_matter.split(text) == ({}, text, ())


def test_a_comment_and_a_key_without_value_are_on_record():
    _, _, removals = front_matter.split("---\n# who: someone\ntitle: T # really\ndraft:\n---\n")
    assert [removal.text for removal in removals] == ["# who: someone", "# really", "draft"]


YAML_LIKE = st.text(alphabet="-\n:ab [#'\"&*!{},|>\t", max_size=80)


@settings(max_examples=150, deadline=None)
@given(YAML_LIKE)
def test_every_word_of_any_front_matter_is_a_property_in_the_body_or_on_record(yaml):
    text = f"---\ntitle: T\n{yaml}\n---\nbody"
    properties, body, removals = front_matter.split(text)
    kept = Counter(re.findall(r"\w+", " ".join([*properties, *properties.values(), body])))
    kept += Counter(re.findall(r"\w+", " ".join(removal.text for removal in removals)))
    assert set(re.findall(r"\w+", text)) <= set(kept)


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, ""), (2, "abap"), (7, "bash"), (28, "json"), (30, "javascript"), (49, "python"), (63, "typescript"),
     (75, "toml"), (76, ""), (None, ""), ("7", "")],
)  # fmt: skip
def test_a_language_number_is_the_word_behind_the_fence(number, name):
    assert lark_languages.fence_name(number) == name


def answer(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"code": 0, "data": {"items": list(blocks), **more}}


def block(name: str, kind: int, *children: str, **body: Any) -> dict[str, Any]:
    return {"block_id": name, "block_type": kind, "children": list(children), **body}


def text_block(name: str, words: str) -> dict[str, Any]:
    return block(name, 2, text={"elements": [{"text_run": {"content": words}}]})


def test_the_pages_of_an_answer_are_one_document(tmp_path):
    pages = [answer(block("r", 1, "a", "b"), text_block("a", "one"), has_more=True),
             answer(text_block("b", "two"), has_more=False)]  # fmt: skip
    page = page_of(tmp_path, "d.json", json.dumps(pages))
    assert (page.markdown, page.key) == ("one\n\ntwo", "r")
    assert LarkDocument.from_answer(pages[0]).is_cut
    assert not LarkDocument.from_answer(pages).is_cut


def test_a_bare_list_of_blocks_is_a_document(tmp_path):
    blocks = [block("r", 1, "a"), text_block("a", "one")]
    assert page_of(tmp_path, "d.json", json.dumps(blocks)).markdown == "one"


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ([block("r", 1, "a"), block("a", 24, "b"), block("b", 25, "a")], "is its own ancestor"),
        ([block("r", 1, "a", "a"), text_block("a", "x")], "has two parents"),
        ([block("r", 1, "0"), *(block(str(n), 24, str(n + 1)) for n in range(100))], "nested more than 60"),
        ([block("r", 31, "a")], "no page block"),
    ],
)
def test_blocks_that_are_no_tree_are_left_out_with_a_reason(tmp_path, blocks, reason):
    path = tmp_path / "d.json"
    path.write_text(json.dumps(blocks), encoding="utf-8")
    export = read([path])
    assert export.pages == ()
    assert reason in export.skipped[0].reason


def test_tags_in_the_text_of_a_block_are_text(tmp_path):
    words = "Write <b>bold</b> or <callout emoji='x'> &gt; here."
    blocks = [block("r", 1, "a"), text_block("a", words)]
    assert clean(page_of(tmp_path, "d.json", json.dumps(blocks))).page.markdown == words


def raw_words(path: Path) -> Counter[str]:
    """What a reader of the source sees, by means of its own: no tags, no attributes, no tokens."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        text = "\n".join(_strings(json.loads(text)))
    else:
        text = re.sub(r"</?[a-z][^<>\n]*>|<!--.*?-->|\{(?:color|align)=[^}\n]*\}", " ", text)
    text = re.sub(r"(?<=\])\(\S*?\)", " ", text)
    return Counter(re.findall(r"\w+", re.sub("[\u200b\ufeff]", "", text)))


def _strings(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, name)
    elif isinstance(value, str) and name in {"content", "title", "name", "record"}:
        yield value


@pytest.mark.parametrize("path", [*CORPUS, *CASES], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_word_of_the_source_is_in_the_page_or_on_record(path):
    for page in read([path]).pages:
        cleaned = clean(page)
        kept = [cleaned.page.title, cleaned.page.markdown, *page.properties, *page.properties.values()]
        kept += [cleaned.page.title, "title"]  # an answer says it twice, front matter under its name
        kept += [removal.text for removal in cleaned.removals]
        missing = raw_words(path) - Counter(re.findall(r"\w+", "\n".join(kept)))
        assert not missing


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_cleaning_the_page_again_changes_nothing(path):
    (page,) = read([path]).pages
    once = clean(page).page
    assert clean(once).page == once


def test_kinds_of_the_bundled_corpus_are_recognised():
    kinds = Counter(page.kind for page in read([CORPUS[0].parent]).pages)
    assert kinds == {Kind.LARK_BLOCKS: 12, Kind.LARK_MARKDOWN: 11}
