"""From files to pages: identity, titles, slugs, links, databases, doubles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.exports import front_matter, read
from kbtool.exports.names import slug_part, split_id
from kbtool.model import Kind

HOME = "4f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52"
PAGE = "9b2e7d1c4a6f48e0b3c5d8a1f0e2b476"
BASE = "c0b31e6ae40b4661d549519043b59d46"
ROW = "a2e209bb56404cde426214494bfac06c"


def folder(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def test_a_page_has_the_title_of_its_first_line_and_the_slug_of_its_ancestors(tmp_path):
    long = "What does it cost: the fees & who pays them, by country?"
    root = folder(
        tmp_path / "export",
        {
            f"Help {HOME}.md": "# 🆘 Help / Hilfe\n\nWelcome.",
            f"Help {HOME}/What does it cost the fees & who pays them, by c {PAGE}.md": f"# {long}\n\nNone.",
        },
    )
    page = read([root]).pages[1]
    assert (page.key, page.title, page.markdown) == (PAGE, long, "None.")
    assert page.slug == "help-hilfe/what-does-it-cost-the-fees-who-pays-them-by-country"
    assert page.kind is Kind.NOTION_MARKDOWN


def test_folders_without_an_id_belong_to_the_page_beside_them(tmp_path):
    root = folder(tmp_path / "e", {f"Help {HOME}.md": "# Help\n\nx", f"Help/Fees {PAGE}.md": "# Fees\n\nx"})
    assert [page.slug for page in read([root]).pages] == ["help", "help/fees"]


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        (f"Fees {PAGE}", ("Fees", PAGE)),
        (f"@June 8, 2025 {PAGE}", ("@June 8, 2025", PAGE)),
        ("Fees 9b2e7d1c-4a6f-48e0-b3c5-d8a1f0e2b476", ("Fees", PAGE)),
        (PAGE, ("", PAGE)),
        ("Release 2024", ("Release 2024", "")),
    ],
)
def test_ids_are_taken_from_names(stem, expected):
    assert split_id(stem) == expected


def test_short_ids_count_only_behind_the_pages_own_title(tmp_path):
    root = folder(
        tmp_path / "e", {"Binary Sea 1a438.md": "# Binary Sea\n\nx", "Release 2024.md": "# Release 2024\n\nx"}
    )
    assert {page.title: (page.key, page.kind) for page in read([root]).pages} == {
        "Binary Sea": ("1a438", Kind.NOTION_MARKDOWN),
        "Release 2024": ("e/Release 2024.md", Kind.MARKDOWN),
    }


def test_links_are_decoded_once_and_resolved_by_path_or_id(tmp_path):
    body = (
        f"[a](Help%20{HOME}/%23tag%20{PAGE}.md#part) [b](Moved%20{PAGE}.md) [c](gone.md)"
        f" [d](Help%20{HOME}/a%2520b.pdf) [e](https://a.example) [f](#here) `[g](no.md)`"
        f" ![h](Help%20{HOME}/gone.png)"
    )
    root = folder(
        tmp_path / "e",
        {
            f"Help {HOME}.md": f"# Help\n\n{body}",
            f"Help {HOME}/#tag {PAGE}.md": "# #tag\n\nx",
            f"Help {HOME}/a%20b.pdf": b"%PDF",
        },
    )
    page = next(page for page in read([root]).pages if page.key == HOME)
    links = {target: title for target, title in page.links.items() if target != "no.md"}  # it stands in code
    assert links == {
        f"Help%20{HOME}/%23tag%20{PAGE}.md#part": "#tag",
        f"Moved%20{PAGE}.md": "#tag",
        "gone.md": "",
        f"Help%20{HOME}/a%2520b.pdf": "a%20b.pdf",
        "#here": "Help",
        f"Help%20{HOME}/gone.png": "",
    }


def database(root: Path) -> Path:
    every = (
        "\ufeffName,Status,Guide,Note\r\n"
        f'Pump,Live,"Care (Help%20{HOME}/Care%20{PAGE}.md), Lid (x) (Lid%20(x)%20{ROW}.md)","a|b\r\nc"\r\n'
        "Lid,Old,,\r\n"
    )
    return folder(
        root,
        {
            f"Help {HOME}.md": f"# Help\n\n[Parts: what we keep in stock](Parts%20what%20we%20{BASE}.csv)",
            f"Parts what we {BASE}.csv": "\ufeffName\r\nPump\r\n",
            f"Parts what we {BASE}_all.csv": every,
            f"Parts what we {BASE}/Pump {PAGE}.md": "# Pump\n\nStatus: Live\nNote: a|b\n\nOpen it.",
            f"Parts what we {BASE}/Lid {ROW}.md": "# Lid\n\nStatus: Old\n",
        },
    )


def test_a_database_is_one_page_with_all_rows_and_the_title_of_its_links(tmp_path):
    page = next(page for page in read([database(tmp_path / "e")]).pages if page.key == BASE)
    assert (page.kind, page.title, page.slug) == (
        Kind.NOTION_DATABASE, "Parts: what we keep in stock", "parts-what-we-keep-in-stock",
    )  # fmt: skip
    assert page.markdown.split("\n") == [
        "| Name | Status | Guide | Note |",
        "| --- | --- | --- | --- |",
        "| Pump | Live | Care, Lid (x) | a\\|b c |",
        "| Lid | Old |  |  |",
    ]


def test_rows_know_their_columns_and_those_without_text_are_left_out(tmp_path):
    export = read([database(tmp_path / "e")])
    row = next(page for page in export.pages if page.title == "Pump")
    assert row.columns == {"Status", "Guide", "Note"}
    assert row.slug == "parts-what-we-keep-in-stock/pump"
    reasons = {skipped.source.rsplit("/", 1)[-1]: skipped.reason for skipped in export.skipped}
    assert reasons[f"Lid {ROW}.md"] == "only properties: row of Parts: what we keep in stock"
    assert "current view" in reasons[f"Parts what we {BASE}.csv"]


def html(page_id: str, title: str, body: str) -> str:
    dashed = "-".join((page_id[:8], page_id[8:12], page_id[12:16], page_id[16:20], page_id[20:]))
    return (
        f'<html><body><article id="{dashed}" class="page sans">'
        f'<header><h1 class="page-title">{title}</h1></header>'
        f'<div class="page-body">{body}</div></article></body></html>'
    )


def test_a_page_in_two_exports_is_taken_from_the_first(tmp_path):
    web = folder(tmp_path / "web", {f"Fees {PAGE}.html": html(PAGE, "Fees", "<p>html</p>")})
    text = folder(tmp_path / "text", {f"Fees {PAGE}.md": "# Fees\n\nmarkdown"})
    assert [page.markdown for page in read([web, text]).pages] == ["html"]
    export = read([text, web])
    assert [page.markdown for page in export.pages] == ["markdown"]
    assert export.skipped[0].reason == f"also in text/Fees {PAGE}.md"


def test_in_one_source_markdown_is_taken_before_html(tmp_path):
    root = folder(
        tmp_path / "e",
        {f"Fees {PAGE}.html": html(PAGE, "Fees", "<p>html</p>"), f"Fees {PAGE}.md": "# Fees\n\nmarkdown"},
    )
    assert [page.markdown for page in read([root]).pages] == ["markdown"]


def test_pages_with_one_title_get_slugs_that_stay_apart(tmp_path):
    root = folder(tmp_path / "e", {f"A {PAGE}.md": "# Fees\n\nx", f"B {HOME}.md": "# Fees\n\ny"})
    assert sorted(page.slug for page in read([root]).pages) == [f"fees-{HOME[:8]}", f"fees-{PAGE[:8]}"]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("📡 Connecting to Wi-Fi", "connecting-to-wi-fi"),
        ("旧版退换货政策（已过期）", "旧版退换货政策-已过期"),
        ("Ｆｕｌｌ　Width", "full-width"),
        ("C# vs. C++", "c-vs-c"),
        ("Straße", "strasse"),
        ("1️⃣ Erste Schritte", "1-erste-schritte"),
        ("न्यूनतम", "न्यूनतम"),
        ("🎉", ""),
    ],
)
def test_slugs_are_readable_in_any_script(title, slug):
    assert slug_part(title) == slug


@given(st.text())
def test_a_slug_is_its_own_slug(title):
    assert slug_part(slug_part(title)) == slug_part(title)


def test_a_title_without_letters_gets_a_slug_from_the_key(tmp_path):
    root = folder(tmp_path / "e", {f"x {PAGE}.md": "# 🎉\n\nx"})
    assert read([root]).pages[0].slug == PAGE[:8]


def test_a_folder_of_plain_markdown_is_read(tmp_path):
    root = folder(
        tmp_path / "docs",
        {
            "guide/setup.md": "\ufeff---\ntitle: Set up\ntags: [a, b]\nno: 1.10\n---\n\n# Other\n\nText.",
            "guide/index.md": "Setext\n===\n\nText.",
            "a.md": "---\n\ndivider first\n\n---\nmore",
            "b.md": "---\ntitle: a: b\n---\nbroken yaml is read by lines",
            "logo.png": b"\x89PNG",
            "notes.txt": "no",
        },
    )
    export = read([root])
    pages = {page.key: page for page in export.pages}
    setup = pages["docs/guide/setup.md"]
    assert (setup.title, setup.markdown, setup.slug) == ("Set up", "# Other\n\nText.", "guide/set-up")
    assert dict(setup.properties) == {"tags": "a, b", "no": "1.10"}
    assert pages["docs/guide/index.md"].title == "Setext"
    assert pages["docs/a.md"].markdown == "---\n\ndivider first\n\n---\nmore"
    assert (pages["docs/b.md"].title, pages["docs/b.md"].markdown) == ("a: b", "broken yaml is read by lines")
    assert {skipped.source for skipped in export.skipped} == {"docs/logo.png", "docs/notes.txt"}


@given(st.text(alphabet="-\n:ab [#'\"&*!", max_size=60))
def test_front_matter_never_loses_text_that_it_does_not_take(text):
    properties, body, removals = front_matter.split(text)
    assert properties or removals or body == text


def test_lark_markdown_is_known_by_its_tags_and_keeps_its_file_name_as_title(tmp_path):
    root = folder(
        tmp_path / "lark",
        {
            "企业采购.md": '# 起订量 {color="blue"}\n\n文。\n\n# 付款\n\n<callout emoji="a">\n见</callout>',
            "退款.md": '# **退款** {align="center"}\n\n<image token="a"/>\n\n文。',
        },
    )
    pages = {page.title: page for page in read([root]).pages}
    assert set(pages) == {"企业采购", "退款"}
    assert {page.kind for page in pages.values()} == {Kind.LARK_MARKDOWN}
    assert pages["企业采购"].markdown.startswith("# 起订量")
    assert pages["退款"].markdown.startswith("<image")
    assert pages["退款"].key == "lark/退款.md"


def test_excluded_paths_are_left_out_and_named(tmp_path):
    root = folder(tmp_path / "docs", {"drafts/a.md": "# A\n\nx", "b.md": "# B\n\nx"})
    export = read([root], exclude=["drafts/*"])
    assert [page.title for page in export.pages] == ["B"]
    assert export.skipped[0].reason == "excluded by 'drafts/*'"


@pytest.mark.parametrize(
    ("name", "content", "reason", "is_error"),
    [
        ("a.json", b"{broken", "not JSON", True),
        ("a.json", b"[" * 100_000, "nested deeper than any document", True),
        ("a.json", b'{"blocks": 3}', "not a Lark document", False),
        ("a.html", b"<p> </p>", "no text under the title", False),
        ("a.csv", b" ,\n,", "a CSV without rows", False),
        ("a.md", b"\x81", "not text", True),
        ("a.md", b"# Only a title\n", "no text under the title", False),
        ("a.md", b"\n \n", "empty file", False),
    ],
)
def test_what_is_no_page_is_left_out_with_a_reason(tmp_path, name, content, reason, is_error):
    export = read([folder(tmp_path / "e", {name: content})])
    assert export.pages == ()
    (skipped,) = export.skipped
    assert reason in skipped.reason
    assert skipped.is_error is is_error


def test_blocks_that_hold_each_other_are_an_error_that_names_the_block(tmp_path):
    blocks = [
        {"block_id": "root", "block_type": 1, "children": ["a"]},
        {"block_id": "a", "block_type": 12, "children": ["b"], "bullet": {"elements": []}},
        {"block_id": "b", "block_type": 12, "children": ["a"], "bullet": {"elements": []}},
    ]
    (skipped,) = read([folder(tmp_path / "e", {"d.json": json.dumps({"blocks": blocks})})]).skipped
    assert skipped.is_error
    assert "block a is its own ancestor" in skipped.reason


def test_blocks_that_only_lark_can_show_are_counted(tmp_path):
    blocks = [
        {"block_id": "root", "block_type": 1, "children": ["t", "x", "y", "z"]},
        {"block_id": "t", "block_type": 2, "text": {"elements": [{"text_run": {"content": "Text"}}]}},
        {"block_id": "x", "block_type": 18},
        {"block_id": "y", "block_type": 999},
    ]
    document = {"document": {"document_id": "Abc", "title": "T"}, "blocks": blocks}
    export = read([folder(tmp_path / "e", {"d.json": json.dumps(document)})])
    assert [(page.key, page.markdown) for page in export.pages] == [("Abc", "Text")]
    assert export.skipped == ()
    (note,) = export.notes
    assert "1 bitable, 1 block of type 999, 1 missing block" in note.text
