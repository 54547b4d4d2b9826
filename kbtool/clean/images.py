"""Rules for images. A search reads no pictures: what counts is a caption, and an address that works."""

from __future__ import annotations

import re

from kbtool.clean.rule import line_below, with_text, without_lines
from kbtool.clean.targets import IMAGE, file_name, is_relative, key, label
from kbtool.model import Page

_FILE_NAME = re.compile(r"\.(?:png|jpe?g|gif|webp|svg|bmp|heic|avif|tiff?)$", re.IGNORECASE)
_DEFAULT_NAMES = re.compile(
    r"untitled|unbenannt|sanstitre|sintítulo|semtítulo|senzatitolo|zondertitel|beznázvu"
    r"|безназвания|제목없음|無題|未命名|无标题|無標題|名称未設定|image|img|picture|pic|photo|dsc"
    r"|pasted|pastedimage|clipboard|clipboardimage|capture|bild|screenshot|screenclip"
    r"|screenrecording|cleanshot|snipaste|whatsappimage|bildschirmfoto|bildschirmaufnahme"
    r"|capturedécran|schermafbeelding|capturadepantalla|スクリーンショット|화면캡처|스크린샷|图片|圖片|图像|截图"
    r"|截圖|截屏|屏幕截图|螢幕截圖|屏幕快照|微信图片|微信截图|企业微信截图|画像|캡처"
)
"""What applications call an image that nobody named, as `key` writes it, without numbers."""
_COUNTERS = re.compile(r"\d+|\b(?:at|um|à|om|a las|am|pm|x)\b|(?:上午|下午|午前|午後|오전|오후)|[年月日]")
_HASH = re.compile(r"(?=.*\d)[0-9a-f-]{16,}")
_TEMPORARY = re.compile(
    r"data:|https?://internal-api-drive-stream\.|https?://\S*(?:X-Amz-Signature|X-Amz-Credential)="
    r"|https?://(?:s3\.\S*amazonaws\.com/)?secure\.notion-static\.com|https?://prod-files-secure\.s3"
    r"|https?://\S*/authcode/\?code=",
    re.IGNORECASE,
)
_ICON = re.compile(r"https?://(?:www\.|app\.)?notion\.(?:so|com)/icons/|/icons/\w+\.svg$")
_ALONE = re.compile(rf"\n[ \t>]*(?:(?:[-*+]|\d{{1,9}}[.)])[ \t]+)?{IMAGE.pattern}[ \t]*(?=\n|\Z)")


def drop_repeated_captions(page: Page) -> Page:
    """Notion writes an image's caption twice: as alternative text and as the paragraph under it."""
    return with_text(page, _without_repeats(f"\n{page.markdown}")[1:])


def _without_repeats(text: str) -> str:
    gone: list[tuple[int, int]] = []
    for image in _ALONE.finditer(text):
        caption = key(_caption(image))
        if not caption or (gone and image.start() < gone[-1][1]):
            continue  # the second image of two alike is a repetition, and has none itself
        below = line_below(text, image.end())
        if below and key(label(text[below[0] : below[2]])) == caption:
            gone.append((below[0], below[2]))
    return without_lines(text, gone)


def _caption(image: re.Match[str]) -> str:
    return "" if _is_junk(image["alt"], image["target"]) else label(image["alt"].strip())


def plain_images(page: Page) -> Page:
    """Files of the export and addresses that expire show nothing in an answer: only the caption stays."""
    return with_text(page, IMAGE.sub(_plain, page.markdown))


def _plain(image: re.Match[str]) -> str:
    target = image["target"]
    words = "" if _is_junk(image["alt"], target) else image["alt"].strip()
    if not target or is_relative(target) or _TEMPORARY.match(target) or _ICON.match(target):
        return words
    return f"![{words}]({target})"


def _is_junk(alt: str, target: str) -> bool:
    """Whether the alternative text is a file name, an address or an application's default."""
    bare = alt.strip()
    if _FILE_NAME.search(bare) and (" " not in bare or key(bare) == key(file_name(target))):
        return True
    if bare == target or bare.startswith(("http://", "https://", "data:")):
        return True
    folded = bare.casefold().replace("_", " ")
    return (
        not key(bare).strip("0123456789")
        or bool(_DEFAULT_NAMES.fullmatch(key(_COUNTERS.sub("", folded))))
        or bool(_HASH.fullmatch(folded))
    )
