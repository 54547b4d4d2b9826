"""One page as Notion writes it in both of its exports: the chunks are the same, but for what is listed.

A folder under cases/exports/pairs holds `page.md` and `page.html`, and for a database row the database's
`database.csv`. `differences.json` lists what may differ, each with its reason; none is there for nothing.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kbtool.chunk import Bounds, split
from kbtool.clean import clean
from kbtool.exports import read
from kbtool.model import Document, Page

PAIRS = Path(__file__).parent / "cases" / "exports" / "pairs"
FOLDERS = sorted(path.parent for path in PAIRS.glob("*/page.md"))
DIFFERENCES = json.loads((PAIRS / "differences.json").read_text(encoding="utf-8"))
ID = "4f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52"
DATABASE = "Devices 0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f"

BLOCKS = {
    "bookmark": 'class="bookmark source"', "bulleted list": "bulleted-list", "callout": "callout",
    "callout of 2026": "<aside", "code": "<pre", "colour": "highlight-red", "columns": "column-list",
    "cover": "page-cover-image", "database": "collection-content", "database file": '.csv"><code>',
    "date": "<time>", "divider": "<hr", "embed": "https://video.example/1", "equation": 'class="equation"',
    "equation of 2026": "data-notion-equation", "file": "codes.pdf", "heading 1": "<h1 id",
    "heading 2": "<h2", "heading 3": "<h3", "heading 4": '<h4 id="d2"', "icon": "page-header-icon",
    "image": 'class="image"',
    "caption": "figcaption", "inline code": "<code>E04", "inline equation": "notion-text-equation-token",
    "line break": "<br/>", "link": 'href="https://fennbrook.example/lime"', "numbered list": "numbered-list",
    "page mention": "Lime%20scale", "properties": "property-row", "quote": "<blockquote",
    "simple table": "simple-table", "sub-page": "link-to-page", "synced block": 'id="c8"',
    "table of contents": "table_of_contents", "to-do": "checkbox-on", "to-do of 2026": "<input",
    "toggle": 'class="toggle"', "toggle heading": "font-size:1.25em", "user": 'class="user"',
    "wrappers of 2025": "display:contents",
}  # fmt: skip


def exported(folder: Path, form: str, place: Path) -> Page:
    """The page of a pair as one of its two exports holds it."""
    title = "Page"
    below = place / (DATABASE if (folder / "database.csv").exists() else "")
    below.mkdir(parents=True, exist_ok=True)
    (below / f"{title} {ID}.{form}").write_bytes((folder / f"page.{form}").read_bytes())
    if below != place:
        (place / f"{DATABASE}_all.csv").write_bytes((folder / "database.csv").read_bytes())
    return clean(next(page for page in read([place]).pages if page.key == ID)).page


def chunks(document: Document) -> list[tuple[tuple[str, ...], str]]:
    return [(chunk.heading_path, chunk.text) for part in document.sections for chunk in part.children]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_both_exports_of_a_page_give_the_same_chunks(folder, tmp_path):
    web, text = (exported(folder, form, tmp_path / form) for form in ("html", "md"))
    markdown = web.markdown
    for difference in DIFFERENCES.get(folder.name, ()):
        assert difference["html"] in markdown, f"no longer needed: {difference['reason']}"
        markdown = markdown.replace(difference["html"], difference["markdown"], 1)
    assert markdown == text.markdown
    same = Page(web.key, web.slug, web.title, markdown, web.source, web.kind)
    assert chunks(split(same, Bounds())) == chunks(split(text, Bounds()))
    assert (web.title, web.key, web.slug) == (text.title, text.key, text.slug)
    assert web.properties == text.properties


def test_every_difference_belongs_to_a_pair_and_gives_its_reason():
    assert set(DIFFERENCES) <= {folder.name for folder in FOLDERS}
    for difference in (entry for entries in DIFFERENCES.values() for entry in entries):
        assert set(difference) == {"html", "markdown", "reason"}
        assert difference["html"] != difference["markdown"]
        assert len(difference["reason"].split()) > 5


@pytest.mark.parametrize("sign", BLOCKS.values(), ids=BLOCKS.keys())
def test_every_kind_of_block_stands_in_a_pair(sign):
    assert any(sign in (folder / "page.html").read_text(encoding="utf-8") for folder in FOLDERS)
