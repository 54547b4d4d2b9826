"""Rules for links: outside its export a page's path says nothing, and an id is noise in every chunk."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from kbtool.clean.code import outside_code
from kbtool.clean.targets import LINK, has_id, is_page, is_private, is_relative, key, name_of
from kbtool.model import Page

_LINK_LINE = re.compile(rf"^[ \t>]*(?:(?:[-*+]|\d{{1,9}}[.)])[ \t]+)?(?:\*\*)?{LINK.pattern}(?:\*\*)?[ \t]*$")
_PLAIN_LINK_LINE = re.compile(rf"^[ \t>]*{LINK.pattern}[ \t]*$")
_HEADING = re.compile(r"^[ \t>]*#{1,6}[ \t]+(.*)$")
_URL = re.compile(r"https?://\S+")
_DATE_MENTION = re.compile(
    r"(?<![\w@./])@(?=(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r" \d|\d{4}[-/年년]|Today\b|Yesterday\b|Tomorrow\b)"
)


def drop_contents(page: Page) -> Page:
    """A table of contents repeats every heading, so it is "found" for each question and answers none."""
    return _rewrite(page, _without_contents)


def _without_contents(text: str) -> str:
    lines = text.split("\n")
    headings = {key(_label(found[1])) for line in lines if (found := _HEADING.match(line))}
    kept: list[str] = []
    row = 0
    while row < len(lines):
        stop, entries = _contents_at(lines, row, headings)
        if entries < 3:
            kept.append(lines[row])
            row += 1
            continue
        following = next((line for line in lines[stop:] if line.strip()), "#")
        above = next((n for n in range(len(kept) - 1, -1, -1) if kept[n].strip()), None)
        if above is not None and _HEADING.match(kept[above]) and _HEADING.match(following):
            del kept[above:]  # the heading over the table has nothing else under it
        row = stop
    return "\n".join(kept)


def _contents_at(lines: list[str], row: int, headings: set[str]) -> tuple[int, int]:
    """The line after a run of links to headings that begins at `row`, and the number of its links."""
    entries, stop = 0, row
    for number in range(row, len(lines)):
        if not lines[number].strip():
            if not entries:
                break
            continue
        found = _LINK_LINE.match(lines[number])
        if not found or key(_label(found["text"])) not in headings or not key(found["text"]):
            break
        entries, stop = entries + 1, number + 1
    return stop, entries


def _label(text: str) -> str:
    return LINK.sub(lambda link: link["text"], text)


def drop_subpage_lines(page: Page) -> Page:
    """Sub-pages and inline databases leave a paragraph that is nothing but a link to them."""
    return _rewrite(page, partial(_without_subpages, page))


def _without_subpages(page: Page, text: str) -> str:
    lines = text.split("\n")
    kept: list[str] = []
    row = 0
    while row < len(lines):
        stop = row
        while stop < len(lines) and lines[stop].strip():
            stop += 1
        paragraph = lines[row:stop]
        if not paragraph or not all(_is_subpage(page, line) for line in paragraph):
            kept += paragraph
        kept += lines[stop : stop + 1]
        row = stop + 1
    return "\n".join(kept)


def _is_subpage(page: Page, line: str) -> bool:
    found = _PLAIN_LINK_LINE.match(line)
    if not found or not is_page(found["target"], page.links):
        return False
    text, name = key(found["text"]), key(name_of(found["target"]))
    title = key(page.links.get(found["target"], ""))
    # A file name holds the first 50 or so characters of its title.
    return text in {title, name} or (len(name) > 20 and text.startswith(name))


def unlink_pages(page: Page) -> Page:
    """Links to pages and files of the export, and into the private workspace, keep only their text."""
    return _rewrite(page, partial(LINK.sub, partial(_unlinked, page)))


def _unlinked(page: Page, link: re.Match[str]) -> str:
    text, target = link["text"], link["target"]
    if not is_relative(target) and not is_private(target):
        return link.group()
    if is_private(text):
        return page.links.get(target, "")  # the text is a private address too
    return "" if text == target and has_id(target.rsplit("/", 1)[0]) else text


def collapse_bookmarks(page: Page) -> Page:
    """A bookmark repeats its address as its text: `[https://a.example](https://a.example)`."""
    return _rewrite(page, partial(LINK.sub, _collapsed))


def _collapsed(link: re.Match[str]) -> str:
    text, target = link["text"].strip(), link["target"]
    same = _URL.fullmatch(text) and text.rstrip("/") == target.rstrip("/")
    glued = link.string[link.end() : link.end() + 1].isalnum()  # the address would swallow what follows
    return target if same and not glued else link.group()


def plain_dates(page: Page) -> Page:
    """A date mention is written `@March 28, 2023`."""
    return _rewrite(page, partial(_DATE_MENTION.sub, ""))


def _rewrite(page: Page, rewrite: Callable[[str], str]) -> Page:
    return replace(page, markdown=outside_code(page.markdown, rewrite))
