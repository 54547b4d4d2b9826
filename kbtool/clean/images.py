"""Rules for images. A search reads no pictures: what counts is a caption, and an address that works."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from kbtool.clean.code import outside_code
from kbtool.clean.targets import IMAGE, is_relative, key
from kbtool.model import Page

_FILE_NAME = re.compile(r"\S+\.(?:png|jpe?g|gif|webp|svg|bmp|heic|avif|tiff?)", re.IGNORECASE)
_DEFAULT_NAMES = frozenset(
    {"untitled", "image", "img", "unbenannt", "제목없음", "無題", "未命名", "无标题", "图片", "截图", "截屏"}
)
_NUMBER = re.compile(r"\d+$")
_TEMPORARY = re.compile(
    r"data:|https?://internal-api-drive-stream\.|https?://\S*(?:X-Amz-Signature|X-Amz-Credential)="
    r"|https?://(?:s3\.\S*amazonaws\.com/)?secure\.notion-static\.com|https?://prod-files-secure\.s3"
    r"|https?://\S*/authcode/\?code=",
    re.IGNORECASE,
)
_ICON = re.compile(r"https?://(?:www\.|app\.)?notion\.(?:so|com)/icons/|/icons/\w+\.svg$")
_ALONE = re.compile(rf"^[ \t>]*{IMAGE.pattern}[ \t]*$")


def drop_repeated_captions(page: Page) -> Page:
    """Notion writes an image's caption twice: as alternative text and as the paragraph under it."""
    return replace(page, markdown=outside_code(page.markdown, _without_repeats))


def _without_repeats(text: str) -> str:
    lines = text.split("\n")
    kept: list[str] = []
    caption = ""
    for line in lines:
        image = _ALONE.match(line)
        if caption and key(line) == caption and line.strip():
            caption = ""
            continue
        kept.append(line)
        if image:
            caption = "" if _is_junk(image["alt"], image["target"]) else key(image["alt"])
        elif line.strip():
            caption = ""
    return "\n".join(kept)


def plain_images(page: Page) -> Page:
    """Files of the export and addresses that expire show nothing in an answer: only the caption stays."""
    return replace(page, markdown=outside_code(page.markdown, partial(IMAGE.sub, _plain)))


def _plain(image: re.Match[str]) -> str:
    alt, target = image["alt"].strip(), image["target"]
    words = "" if _is_junk(alt, target) else alt
    if not target or is_relative(target) or _TEMPORARY.match(target) or _ICON.match(target):
        return words
    return f"![{words}]({target})"


def _is_junk(alt: str, target: str) -> bool:
    """Whether the alternative text is a file name, an address or an application's default."""
    if not key(alt):
        return True
    name = _NUMBER.sub("", key(alt))
    return (
        not name
        or name in _DEFAULT_NAMES
        or bool(_FILE_NAME.fullmatch(alt.strip()))
        or alt.strip() == target
        or alt.strip().startswith(("http://", "https://", "data:"))
    )
