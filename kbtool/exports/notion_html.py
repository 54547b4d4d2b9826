"""Notion's HTML export: one page per file, as the Markdown that the other export would give, cleaned.

What Markdown has no form for (styles, icons, covers, the table of contents) goes here; links and images
stay as they are for the cleaning rules, which know what they lead to.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from bs4 import BeautifulSoup, Tag

from kbtool.exports.archive import File
from kbtool.exports.draft import Draft
from kbtool.exports.markdown import joined
from kbtool.exports.names import split_id
from kbtool.exports.notion_blocks import blocks
from kbtool.exports.notion_inline import is_checked, plain
from kbtool.model import Kind, Skipped

_NOISE = (
    "style, script, link, svg, nav.table_of_contents, img.icon, span.icon, .page-header-icon, "
    "img.page-cover-image, .katex-html, .bookmark-image"
)


def parse(file: File, text: str) -> Draft | Skipped:
    """The page in `file`; what is no Notion page (a site, the workspace's index) is skipped."""
    soup = BeautifulSoup(text, "lxml")
    article = soup.find("article")
    if not isinstance(article, Tag) or not article.get("id"):
        index = PurePosixPath(file.path).name.lower() == "index.html"
        return Skipped(file.source, "index of the export" if index else "not a Notion page")
    for noise in article.select(_NOISE):
        noise.decompose()
    title = article.select_one("h1.page-title")
    body = article.select_one("div.page-body")
    name, named_id = split_id(PurePosixPath(file.path).stem)
    key = str(article["id"]).replace("-", "").casefold()
    return Draft(
        file,
        Kind.NOTION_HTML,
        (plain(title) if title else "") or name or "Untitled",
        joined(blocks(body)) if body else "",
        key=key if len(key) == 32 else named_id or key,
        properties=dict(_properties(article)),
    )


def _properties(article: Tag) -> Iterator[tuple[str, str]]:
    """Names and values; empty ones are left out, as in the Markdown export."""
    for row in article.select("table.properties tr"):
        name, value = row.find("th"), row.find("td")
        if isinstance(name, Tag) and isinstance(value, Tag) and (words := _value(value)):
            yield plain(name), words


def _value(cell: Tag) -> str:
    box = cell.select_one("div.checkbox")
    if box is not None:
        return "Yes" if is_checked(box) else "No"
    many = cell.select("span.selected-value") or cell.select("span.user") or cell.find_all("a")
    words = [text for part in many if (text := plain(part))] if len(many) > 1 else [plain(cell)]
    return ", ".join(word.removeprefix("@") for word in words)
