"""The Notion half of the demo corpus: it comes out of its source byte for byte, and keeps its dirt.

The counts are taken from the zips with patterns of their own, so an edit of the source that loses a kind
of dirt fails here and not in a cleaning rule that silently has nothing left to do.
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
import subprocess
import sys
import uuid
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from corpora import build_notion

ROOT = Path(build_notion.__file__).parent.parent
HELP = ROOT / "corpora" / "notion" / "Export-fennbrook-help.zip"
DEVELOPERS = ROOT / "corpora" / "notion" / "Export-fennbrook-developers-html.zip"
ID = re.compile(r"[0-9a-f]{32}(?=(_all)?\.(md|html|csv)$)")


def merged(outer: Path) -> dict[str, bytes]:
    """All files of the nested Parts of an export."""
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(outer) as export:
        for part in export.namelist():
            if re.fullmatch(r"Export-[0-9a-f-]{36}-Part-\d+\.zip", part):
                with zipfile.ZipFile(io.BytesIO(export.read(part))) as nested:
                    files |= {name: nested.read(name) for name in nested.namelist()}
    return files


FILES = merged(HELP)
PAGES = {n: d.decode() for n, d in FILES.items() if n.endswith(".md") and not n.startswith("__MACOSX")}
BY_TITLE = {text.split("\n", 1)[0].removeprefix("# "): text for text in PAGES.values()}
HTML = {n: d.decode() for n, d in merged(DEVELOPERS).items() if ID.search(n) and n.endswith(".html")}
PROSE = [t for t in PAGES.values() if len(t.split()) > 200]

# Where each kind of dirt is found, and on how many pages or in how many places it must at least be.
MARKDOWN_DIRT = {
    "callout with an emoji": (r"(?m)^<aside>\n[^\x00-\x7f]+ \S", 5),
    "callout with an icon of its own": (r"(?m)^<aside>\n<img src=\"https://www\.notion\.so/icons/", 1),
    "toggle": (r"(?m)^- .+\n {4}\n {4}\S", 3),
    "fence marked jsx": (r"(?m)^```jsx$", 4),
    "junk alt": (r"!\[Untitled\]\(", 2),
    "caption repeated": (r"!\[(.+)\]\(.+\)\n\n\1\n", 4),
    "empty bullet": (r"(?m)^- $", 3),
    "empty number": (r"(?m)^1\. $", 3),
    "empty to-do": (r"(?m)^- \[ \]  $", 2),
    "to-do": (r"(?m)^- \[[ x]\]  \S", 8),
    "no-break space": ("\u00a0", 50),
    "zero-width space": ("\u200b", 8),
    "line separator": ("\u2028", 5),
    "bold around nothing": (r"(?m)^\*\*\*\*\S", 4),
    "bold hyphen": (r"\d\*\*-\*\*\d", 2),
    "bold that swallowed a space": (r"\*\*[^*\n]+ \*\*\S", 8),
    "divider under text": (r"(?m)^[A-Z*].+\n---$", 6),
    "contents made by hand": (r"(?m)(^\[.+\]\(#[a-z0-9-]+\)\n){3,}", 2),
    "line that is only a sub-page link": (r"(?m)^\[[^\]]+\]\(.+[0-9a-f]{32}\.(md|csv)\)$", 40),
    "relation": (r"(?m)^[A-Z][\w ]+: .*\w \(\.\./\S+[0-9a-f]{32}\.md\)", 8),
    "bookmark": (r"(?m)^\[(https://\S+)\]\(\1\)$", 1),
    "equation": (r"(?m)^\$\$\n.+\n\$\$$", 2),
    "mention of a user or date": (r"@(Support|[A-Z][a-z]+ \d+, \d{4})", 2),
}

HTML_DIRT = {
    "style sheet on every page": (r"<style>\n", 12),
    "page icon": (r'class="page-header-icon', 7),
    "cover": (r'class="page-cover-image', 2),
    "properties": (r'<table class="properties">', 4),
    "callout": (r'class="[^"]*\bcallout"', 3),
    "callout with an icon of its own": (r'<img class="icon"', 1),
    "collapsed toggle": (r"<details><summary>", 4),
    "checked": (r'class="checkbox checkbox-on"', 3),
    "unchecked": (r'class="checkbox checkbox-off"', 3),
    "equation three times": (r"<mtext>.+?<annotation .+?katex-html", 2),
    "table of contents": (r"<nav [^>]*table_of_contents", 1),
    "link to page": (r'<figure [^>]*class="link-to-page"', 7),
    "bookmark": (r'class="bookmark source"', 1),
    "collection": (r'<table class="collection-content">', 1),
    "cell class that is no selector": (r'class="cell-\d+&gt;\[\?"', 16),
    "columns": (r'class="column-list"', 2),
    "empty paragraph": (r'<p id="[^"]+" class=""></p>', 12),
}


def body_of(text: str) -> str:
    return text.split("\n", 2)[-1].strip()


def section_count(text: str) -> int:
    below_title = Counter(re.findall(r"(?m)^(#+) ", body_of(text)))
    return below_title[min(below_title, key=len)]


def test_the_committed_zips_are_what_the_source_gives():
    committed = {path.name: path.read_bytes() for path in (HELP, DEVELOPERS)}
    assert build_notion.build() == committed


def test_check_says_so_with_its_exit_code(tmp_path, monkeypatch, capsys):
    assert build_notion.main(["--check"]) == 0
    monkeypatch.setattr(build_notion, "TARGET", tmp_path)
    assert build_notion.main(["--check"]) == 1
    assert not list(tmp_path.iterdir())
    assert HELP.name in capsys.readouterr().out


def test_the_script_runs_by_its_path():
    command = [sys.executable, "corpora/build_notion.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": "."}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("kind", MARKDOWN_DIRT)
def test_the_markdown_export_keeps_its_dirt(kind):
    pattern, least = MARKDOWN_DIRT[kind]
    assert sum(len(re.findall(pattern, text)) for text in PAGES.values()) >= least


def test_every_kind_of_dirt_that_a_page_names_is_really_there():
    tree = build_notion.read_tree(build_notion.SOURCE)
    export = build_notion.Export(tree, "md")
    for page in tree.values():
        names = page.front["dirt"].split(", ") if "dirt" in page.front else []
        full = build_notion.Writer(page, export).text()
        for name in names:
            rest = {**page.front, "dirt": ", ".join(n for n in names if n != name)}
            assert build_notion.Writer(replace(page, front=rest), export).text() != full, (page.path, name)


@pytest.mark.parametrize("kind", HTML_DIRT)
def test_the_html_export_keeps_its_markup(kind):
    pattern, least = HTML_DIRT[kind]
    assert sum(len(re.findall(pattern, text)) for text in HTML.values()) >= least


def test_both_zips_are_outer_zips_of_parts_written_without_an_operating_system():
    for outer in (HELP, DEVELOPERS):
        with zipfile.ZipFile(outer) as export:
            assert {entry.create_system for entry in export.infolist()} == {0}
            assert len([n for n in export.namelist() if re.search(r"^[^_].*-Part-\d\.zip$", n)]) == 2


def test_a_mac_left_its_junk_behind():
    with zipfile.ZipFile(HELP) as export:
        assert ".DS_Store" in export.namelist()
        assert any(n.startswith("__MACOSX/._") and n.endswith("-Part-1.zip") for n in export.namelist())
    assert sum(name.endswith(".DS_Store") for name in FILES) >= 3
    assert any(name.startswith("__MACOSX/") and name.endswith(".md") for name in FILES)


def test_a_customers_zip_is_an_attachment_with_a_page_in_it_that_is_none():
    (name,) = (n for n in FILES if n.endswith(".zip") and not n.startswith("__MACOSX"))
    inside = zipfile.ZipFile(io.BytesIO(FILES[name])).namelist()
    assert "README.md" in inside
    assert unquote(name).split("/")[-1] in BY_TITLE["Sending us a diagnostics file"]


def test_every_page_and_folder_has_an_id_and_begins_with_its_title():
    for name, text in PAGES.items():
        assert ID.search(name), name
        assert all(re.search(r" [0-9a-f]{32}$", folder) for folder in name.split("/")[:-1])
        assert text.startswith("# ")
        assert not re.search(r"[:?]", name)


def test_file_names_are_cut_where_titles_go_on():
    cut = [n for n in PAGES if "owner's manual everything from the t " in n]
    assert len(cut) == 1
    assert PAGES[cut[0]].startswith("# Fennbrook One owner's manual: everything from the tank to the ring\n")


def test_three_titles_begin_with_an_emoji():
    assert sum(bool(re.match(r"[^\x00-\xff]", title)) for title in BY_TITLE) == 3


def test_there_is_enough_to_read():
    assert len(PAGES) >= 46
    fit = [t for t in PROSE if 150 <= len(t.split()) <= 700 and 3 <= section_count(t) <= 8]
    assert len(fit) >= 30
    long = BY_TITLE["Fennbrook One owner's manual: everything from the tank to the ring"]
    assert len(long) > 6000
    assert len(re.findall(r"(?m)^### ", long)) >= 5


def test_a_third_of_the_prose_has_its_sections_as_headings_of_the_titles_level():
    several = [t for t in PROSE if re.search(r"(?m)^# ", body_of(t))]
    assert 0.28 <= len(several) / len(PROSE) <= 0.4


def test_four_pages_are_links_only_and_one_has_no_body():
    link = r"\[.+\]\(.+\)"
    links_only = [t for t in PAGES.values() if re.fullmatch(rf"({link}\s*)+", body_of(t))]
    assert len(links_only) == 4
    assert [t.strip() for t in PAGES.values() if "\n" not in t.strip()] == ["# Holiday closures"]


def test_the_shipping_zones_are_one_long_table():
    rows = re.findall(r"(?m)^\|.+\|$", BY_TITLE["Shipping zones"].split("# Outside the EU")[0])
    assert len(rows) - 2 >= 30


@pytest.mark.parametrize(
    ("name", "rows", "bodies"),
    [("Error codes", 12, 11), ("Parts & prices", 16, 0), ("Release notes", 16, 0), ("Archive", 3, 3)],
)
def test_a_database_is_two_csv_files_and_a_page_for_each_row(name, rows, bodies):
    view, full = sorted(n for n in FILES if re.search(rf"/{name} [0-9a-f]{{32}}(_all)?\.csv$", n))
    assert full.endswith("_all.csv")
    assert FILES[view].startswith(b"\xef\xbb\xbf")
    assert FILES[full].startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(io.StringIO(FILES[full].decode("utf-8-sig"), newline="")))
    pages = {n: t for n, t in PAGES.items() if n.startswith(view.removesuffix(".csv") + "/")}
    assert len(table) == len(pages) == rows
    shown = list(csv.DictReader(io.StringIO(FILES[view].decode("utf-8-sig"), newline="")))
    assert set(shown[0]) < set(table[0])
    assert sum("\n## " in text for text in pages.values()) == bodies
    for row in table:
        title, *keys = row
        block = BY_TITLE[row[title]].split("\n\n")[1].splitlines()
        assert {key for key in keys if row[key]} <= {line.split(": ")[0] for line in block}


def test_lines_inside_a_cell_end_in_crlf_and_break_the_property_block():
    tables = b"".join(data for name, data in FILES.items() if name.endswith("_all.csv"))
    assert b'"Ask for a video of the ring.\r\nNever' in tables
    assert "ring.\nNever suggest" in BY_TITLE["E03 Heater fault"]


def test_some_images_and_links_lead_nowhere_and_all_others_somewhere():
    dead = set()
    for name, text in PAGES.items():
        outside_code = re.sub(r"(?s)```.*?```", "", text)
        for target in re.findall(r"\]\(((?!https?:|#)[^\n]+?\.\w{2,4})\)", outside_code):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(target)))
            dead |= {path.split("/")[-1]} if path not in FILES else set()
    assert dead == {"Untitled.png", "bag-back-2024.png", "diag-export.png", "price-list-offices-2025.pdf"}


def test_part_2_holds_what_pages_of_part_1_show():
    with zipfile.ZipFile(HELP) as export:
        first, second = (
            set(zipfile.ZipFile(io.BytesIO(export.read(n))).namelist())
            for n in export.namelist()
            if n.startswith("Export-")
        )
    assert not first & second
    assert not [n for n in first if n.endswith(".png")]
    assert len([n for n in second if n.endswith(".png") and not n.startswith("__MACOSX")]) == 4
    assert len([n for n in second if n.endswith(".md") and not n.startswith("__MACOSX")]) == 3


def test_outdated_pages_say_so_and_one_page_is_there_twice():
    returns = BY_TITLE["Returns policy 2024 (old)"]
    assert "Status: Outdated" in returns
    assert "within 14 days of delivery" in returns
    assert "This page is outdated" in BY_TITLE["Shipping costs 2023 (old)"]
    original = BY_TITLE["Repairs and loan brewers"].split("\n\n", 1)[1]
    copy = BY_TITLE["Copy of Repairs and loan brewers"].split("\n\n", 2)[2]
    target = re.compile(r"\]\([^\n]+?\.(md|csv)\)")  # the copy lies in another folder
    assert target.sub("]", copy) == target.sub("]", original)


def test_three_pages_are_in_both_exports_under_the_same_id():
    ids = [{found[0] for n in names if (found := ID.search(n))} for names in (PAGES, HTML)]
    assert len(ids[0] & ids[1]) == 3
    assert len(HTML) - 3 >= 8


def test_html_articles_bear_the_id_of_their_file():
    for name, text in HTML.items():
        found = ID.search(name)
        assert found
        assert f'<article id="{uuid.UUID(found[0])}" class="page sans"><header>' in text
