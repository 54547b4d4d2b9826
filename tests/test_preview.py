"""The preview: one file that is whole without scripts or a network, bounded, and that no page can break."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from hypothesis import given
from hypothesis import strategies as st

from kbtool import look, preview
from kbtool.chunk import Bounds, split
from kbtool.clean import RULES, clean
from kbtool.model import Kind, Page, Removal, Skipped
from kbtool.preview import Processed, reasons, render
from kbtool.preview.marks import pieces

ROOT = Path(__file__).parent.parent
BOUNDS = Bounds()
HOSTILE = '</script><script>alert(1)</script> & "quotes" \'n <b>bold</b> {{ 7 * 7 }} \u2028'
NOTION = """Use the [terms](Terms%204f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52.md).

---

## Steps

-
- Pack it.
"""


def processed(
    markdown: str, *, title: str = "Returns", source: str = "", kind: Kind = Kind.NOTION_MARKDOWN
) -> Processed:
    """A page as `kbtool chunk` hands it over."""
    page = Page("k" * 32, "returns", title, markdown, f"export.zip:{title}.md", kind)
    cleaned = clean(page)
    return Processed(
        source or f"# {title}\n\n{markdown}", cleaned.page, cleaned.removals, split(cleaned.page, BOUNDS)
    )


def parsed(pages: list[Processed], skipped: list[Skipped] | None = None) -> BeautifulSoup:
    return BeautifulSoup(render(pages, skipped or [], BOUNDS), "lxml")


def one(page: BeautifulSoup | Tag, selector: str) -> Tag:
    """The first element that a selector names; fails where there is none."""
    found = page.select_one(selector)
    assert found is not None, selector
    return found


def text(node: Tag) -> str:
    return " ".join(node.get_text().split())


def test_a_page_shows_its_source_its_chunks_and_what_was_removed():
    page = parsed([processed(NOTION)])
    assert "- Pack it." in one(page, ".source pre").get_text()
    chunks = [chunk.get_text() for chunk in page.select(".chunks pre")]
    assert chunks == [child.text for part in processed(NOTION).document.sections for child in part.children]
    named = {name.get_text() for name in page.select(".rules b")}
    assert named == {"unlink_pages", "drop_dividers", "drop_empty_items"}


def test_what_was_removed_is_struck_through_in_the_source_and_names_its_rule():
    source = one(parsed([processed(NOTION)]), ".source pre")
    struck = {(piece.get_text(), piece["title"]) for piece in source.select("del")}
    assert ("Terms%204f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52.md", "unlink_pages") in struck
    assert ("---", "drop_dividers") in struck
    assert "drop_dividers" in {label.get_text() for label in source.select("small")}


def test_the_struck_source_reads_as_the_source():
    source = one(parsed([processed(NOTION)]), ".source pre")
    for label in source.select("small"):
        label.decompose()
    assert source.get_text() == f"# Returns\n\n{NOTION}"


def test_every_rule_that_can_fire_gives_its_reason():
    known = reasons()
    assert all(len(reason.split()) > 3 for reason in known.values())
    assert {rule.name for rule in RULES} <= known.keys()
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "kbtool/exports").glob("*.py"))
    named = set(re.findall(r'[Rr]emoval\("(\w+)"', written))
    assert "relation_paths" in named
    assert named <= known.keys()


def test_totals_count_every_rule_once_for_each_removal_and_page():
    page = parsed([processed(NOTION), processed(NOTION, title="Again"), processed("Nothing to remove.")])
    rows = {
        one(row, "code").get_text(): [text(cell) for cell in row.select("td")]
        for row in page.select("#totals .scroll tbody tr")
    }
    assert rows["drop_dividers"] == ["2", "2"]
    assert text(one(page, "h1")) == "3 pages, 5 chunks"
    assert "✂ something removed 2" in text(one(page, ".filters"))


def test_sizes_stand_against_the_bound_of_their_script():
    meters = parsed([processed("一二三四五六七八九十" * 20, title="退货")]).select(".chunks .size")
    assert [text(meter) for meter in meters] == ["section, 1 chunk204 of 3,800", "chunk204 of 400"]
    assert [one(meter, "meter")["max"] for meter in meters] == ["3800", "400"]


def test_no_text_of_a_page_becomes_markup():
    done = processed(f"## {HOSTILE}\n\n{HOSTILE}", title=HOSTILE, source=HOSTILE)
    removal = Removal(HOSTILE, HOSTILE)
    page = replace(done.page, properties={HOSTILE: HOSTILE}, slug=HOSTILE, source=HOSTILE)
    html = render(
        [replace(done, page=page, removals=[removal])], [Skipped(HOSTILE, HOSTILE, is_error=True)], BOUNDS
    )
    found = BeautifulSoup(html, "lxml")
    assert len(found.find_all("script")) == 1
    assert not [bold for bold in found.find_all("b") if bold.get_text() == "bold"]
    assert "49" not in html
    assert text(one(found, ".ask")) == " ".join(HOSTILE.split())


def test_nothing_is_fetched_and_only_our_own_style_and_script_may_run():
    page = parsed([processed(NOTION)])
    assert not page.find_all(["link", "img", "iframe", "object", "base"])
    assert all(link["href"].startswith("#") for link in page.find_all("a"))
    policy = one(page, "meta[http-equiv=Content-Security-Policy]")["content"]
    assert look.content_hash(one(page, "style").get_text()) in policy
    assert look.content_hash(one(page, "script").get_text()) in policy
    assert not page.find_all(style=True)
    assert not [tag for tag in page.find_all(True) if any(name.startswith("on") for name in tag.attrs)]


def test_files_that_could_not_be_read_come_first_and_are_named_at_the_top():
    skipped = [Skipped("a.png", "attachment"), Skipped("b.md", "not text", is_error=True)]
    page = parsed([], skipped)
    items = [" ".join(item.get_text(" ").split()) for item in page.select("#skipped li")]
    assert items == ["! could not be read: b.md not text", "· a.png attachment"]
    assert "1 file could not be read" in text(one(page, "header"))


def test_a_long_page_is_cut_and_says_by_how_much(monkeypatch):
    monkeypatch.setattr(preview, "MOST_SOURCE", 100)
    monkeypatch.setattr(preview, "MOST_CHUNKS", 900)
    done = processed("\n\n".join(f"## H{n}\n\n" + "word " * 100 for n in range(5)))
    page = parsed([done])
    assert f"{len(done.source) - 100:,} more characters of the source are not shown." in text(page)
    shown = sum(len(chunk.get_text()) for chunk in page.select(".chunks pre"))
    whole = sum(len(child.text) for part in done.document.sections for child in part.children)
    assert f"{whole - shown:,} more characters of chunks are not shown." in text(page)
    assert 0 < shown <= 900


def test_many_removals_of_one_rule_are_cut_and_counted(monkeypatch):
    monkeypatch.setattr(preview, "MOST_REMOVALS", 3)
    done = replace(processed("Text"), removals=[Removal("drop_contents", f"line {n}") for n in range(8)])
    page = parsed([done])
    assert len(page.select(".rules del")) == 3
    assert "and 5 more" in text(one(page, ".rules"))


def test_a_full_file_lists_the_rest_and_then_only_counts(monkeypatch):
    monkeypatch.setattr(preview, "MOST_BYTES", 5000)
    monkeypatch.setattr(preview, "MOST_LINES", 20)
    page = parsed([processed(NOTION, title=f"Page {n}") for n in range(30)])
    assert text(one(page, "h1")) == "30 pages, 60 chunks"
    rows = page.select("#pages > details")
    whole = [row for row in rows if row.select(".source")]
    assert len(rows) == 20
    assert 0 < len(whole) < 10
    assert f"the last {20 - len(whole)} pages of the list are only counted" in text(page)
    assert "10 more pages are not listed" in text(page)


def test_an_html_source_begins_at_the_page_and_has_lines():
    source = "<html><head><style>body{}</style></head><body><p>One</p><p>Two</p></body></html>"
    page = parsed([processed("One\n\nTwo", source=source, kind=Kind.NOTION_HTML)])
    assert one(page, ".source pre").get_text() == "<body>\n<p>One</p>\n<p>Two</p></body></html>"
    assert f"not shown: {source.index('<body')} characters" in text(one(page, ".source"))


def test_a_page_without_text_or_source_says_so():
    done = processed("")
    page = parsed([replace(done, source="")])
    assert "The file holds no text that could be shown." in text(page)
    assert "No chunk: there is no text besides title and properties." in text(page)


def test_pages_are_read_before_the_skipped_files():
    read: list[str] = []

    def pages() -> Iterator[Processed]:
        yield processed("Text")
        read.append("page")

    def skipped() -> Iterator[Skipped]:
        read.append("skipped")
        yield Skipped("a.png", "attachment")

    render(pages(), skipped(), BOUNDS)
    assert read == ["page", "skipped"]


WORDS = st.sampled_from(["a", "ab", "link", "(x.md)", "---", "\n", " ", "中", "<del>"])


@given(
    st.lists(WORDS, max_size=30).map("".join),
    st.lists(st.lists(WORDS, min_size=1, max_size=4).map("".join), max_size=6),
)
def test_pieces_are_the_source_and_mark_only_what_was_removed(source, texts):
    removals = [Removal("rule", removed) for removed in texts]
    found = pieces(source, removals)
    assert "".join(piece.text for piece in found) == source
    marked = [piece.text for piece in found if piece.removal]
    assert all(marked.count(one) <= [removed.strip() for removed in texts].count(one) for one in marked)


@pytest.mark.parametrize(
    ("source", "removed", "marked"),
    [
        ("one two three", ["two"], ["two"]),
        ("two and two", ["two"], []),  # which of them it was cannot be told
        ("two and two", ["two", "two"], ["two", "two"]),
        ("- x\n---\ntable | --- |", ["---"], ["---"]),  # the one that is a line
        ("another", ["other"], []),
        ("a b", ["a"], []),  # too short to be sure
        ("long line here", ["line", "long line"], ["long line"]),
    ],
)
def test_a_piece_is_struck_only_where_there_is_no_doubt(source, removed, marked):
    found = pieces(source, [Removal("rule", one) for one in removed])
    assert [piece.text for piece in found if piece.removal] == marked
