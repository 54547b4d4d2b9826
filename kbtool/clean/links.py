"""Rules for links: outside its export a page's path says nothing, and an id is noise in every chunk."""

from __future__ import annotations

import re
from functools import partial

from kbtool.clean.rule import with_text, without_lines
from kbtool.clean.targets import (
    LINK,
    file_name,
    has_id,
    is_file,
    is_page,
    is_private,
    is_relative,
    key,
    name_of,
)
from kbtool.model import Page

FIRST_IN_LINE = r"[ \t>]*\["
_FIRST = re.compile(rf"\n{FIRST_IN_LINE}")
_LINK_LINE = re.compile(rf"[ \t>]*{LINK.pattern}[ \t]*$")
LOCAL = re.compile(r"\]\(<?(?:(?![A-Za-z][A-Za-z0-9+.-]*:|//)|[^\s()]*?(?:notion|soundefined|#))")
"""The target of a link that leads into the export or the workspace, or to a heading."""
ADDRESS_AS_TEXT = re.compile(r"\[[ \t]*(?:https?://|\]\(<?https?://)")
_URL = re.compile(r"https?://\S+")
DATE_MENTION = re.compile(
    r"@(?<![\w@./]@)(?=(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r" \d|\d{4}[-/年년]|Today\b|Yesterday\b|Tomorrow\b)"
)


def drop_subpage_lines(page: Page) -> Page:
    """Sub-pages, linked pages and inline databases leave a paragraph that is nothing but a link to them."""
    return with_text(page, _without_paragraphs(page.markdown, partial(_is_subpage, page)))


def drop_attachments(page: Page) -> Page:
    """An attached file leaves a paragraph that is only its name: no answer can hand the file over."""
    return with_text(page, _without_paragraphs(page.markdown, partial(_is_attachment, page)))


def _without_paragraphs(text: str, is_noise: partial[bool]) -> str:
    """`text` without the paragraphs whose every line is a link that is noise."""
    gone: list[tuple[int, int]] = []
    for found in _FIRST.finditer(f"\n{text}"):
        first = found.start()
        above = text[text.rfind("\n", 0, max(first - 1, 0)) + 1 : first]
        if not above.strip() and (last := _end_of_noise(text, first, is_noise)):
            gone.append((first, last))
    return without_lines(text, gone)


def _end_of_noise(text: str, first: int, is_noise: partial[bool]) -> int:
    """Where the paragraph ends that begins at `first`; 0 if a line of it is more than noise."""
    last = 0
    while line := text[first : (end := _end_of_line(text, first))].strip():
        link = _LINK_LINE.match(text, first, end) if "](" in line else None
        if link is None or not is_noise(link):
            return 0
        first, last = end + 1, end
    return last


def _end_of_line(text: str, first: int) -> int:
    end = text.find("\n", first)
    return end if end >= 0 else len(text)


def _is_subpage(page: Page, link: re.Match[str]) -> bool:
    target = link["target"]
    if is_private(target):
        return True
    if not is_page(target, page.links):
        return False
    title = page.links.get(target, "")
    if title and link["text"] == title:
        return True
    text, name = key(link["text"]), key(name_of(target))
    # A file name holds the first 50 or so characters of its title.
    return text in {key(title), name} or (len(name) > 20 and text.startswith(name))


def _is_attachment(page: Page, link: re.Match[str]) -> bool:
    text, target = link["text"].strip(), link["target"]
    if not is_file(target, page.links):
        return False
    if text == target or text.endswith(f".{target.rpartition('.')[2]}"):
        return True
    return key(text) in {key(file_name(target)), key(name_of(target))}


def unlink_pages(page: Page) -> Page:
    """Links to pages and files of the export, and into the private workspace, keep only their text."""
    return with_text(page, LINK.sub(partial(_unlinked, page), page.markdown))


def _unlinked(page: Page, link: re.Match[str]) -> str:
    text, target = link["text"], link["target"]
    if not is_relative(target) and not is_private(target):
        return link.group()
    if is_private(text):
        return page.links.get(target, "")  # the text is a private address too
    return "" if text == target and has_id(target.rsplit("/", 1)[0]) else text


def collapse_bookmarks(page: Page) -> Page:
    """A bookmark repeats its address as its text, or shows nothing: `[](https://a.example)`."""
    return with_text(page, LINK.sub(_collapsed, page.markdown))


def _collapsed(link: re.Match[str]) -> str:
    text, target = link["text"].strip(), link["target"]
    same = _URL.fullmatch(text or target) and (text or target).rstrip("/") == target.rstrip("/")
    glued = link.string[link.end() : link.end() + 1].isalnum()  # the address would swallow what follows
    return target if same and not glued else link.group()


def plain_dates(page: Page) -> Page:
    """A date mention is written `@March 28, 2023`."""
    return with_text(page, DATE_MENTION.sub("", page.markdown))
