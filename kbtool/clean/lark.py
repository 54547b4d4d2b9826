"""Rules for what Lark's Markdown writes as tags, attributes and named emoji.

The tags are those of Lark's own Markdown form (larksuite/cli, `docs +fetch`); the defects those that its
`fixExportedMarkdown` repairs. Two `div` forms of feishu-pages, a common exporter, are here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from textwrap import dedent
from urllib.parse import unquote

from kbtool.clean import lark_tables
from kbtool.clean.emoji import without_leading
from kbtool.clean.rule import with_text
from kbtool.clean.targets import LINK
from kbtool.model import Page
from kbtool.script import is_mostly_cjk

_QUOTES = re.compile(
    r"(?P<indent>(?m:^)[ \t]*)?"
    r"<(?:(?P<tag>callout|quote-container)\b|(?P<box>div)[ \t]+class=[\"']callout[ \"'])[^<>]*>"
    r"(?P<body>(?:(?!<(?:callout|quote-container|div)\b).)*?)</(?:(?P=tag)|(?P=box))>[ \t]*",
    re.DOTALL,
)
_EMPTY_CALLOUT = re.compile(r"<callout\b[^<>]*/>")
_ALERT = re.compile(r"^(?P<mark>[ \t]*>)[ \t]*\[!\w+\][ \t]*(?P<rest>.*)$")
_QUOTE_LINE = re.compile(r"^(?P<mark>[ \t]*>[ \t]?)(?P<rest>.*)$")
_COLUMN = re.compile(r"<column\b[^<>]*>((?:(?!</?column\b).)*)</column>[ \t]*", re.DOTALL)
_LAYOUT = re.compile(r"</?(?:grid|column|view|div|synced_block|synced-block)\b[^<>]*>[ \t]*")
_ICON_DIV = re.compile(r"<div\b[^<>]*callout-emoji[^<>]*>[^<>]*</div>")
_LOWER_HEADING = re.compile(r"(?m)^([ \t]*)<h([7-9])\b[^<>]*>(.*?)</h\2>[ \t]*$")
_LOWER_MARKS = re.compile(r"(?m)^([ \t]*)#{7,9}[ \t]+(\S(?:.*\S)?)[ \t]*$")
_INLINE = re.compile(r"</?(?:text|u|font|span|ins|sup|sub|mention-doc|cite)\b(?:[ \t][^<>]*)?>")
_EQUATION = re.compile(r"<equation\b[^<>]*>([^<>]*)</equation>")
_NAMED_MEMBER = re.compile(r"<mention-user\b[^<>]*(?<!/)>[ \t]*([^<>\s][^<>]*)</mention-user>")
_MEMBER = r"(?:<mention-user\b[^<>]*(?:/>|>[ \t]*</mention-user>)|@?\bou_[0-9a-f]{32}\b)"
_MEMBERS = re.compile(rf"{_MEMBER}(?:[ \t]*{_MEMBER})*")
_NOT_TEXT = re.compile(r"<[^<>]*>|\]\([^()\s]*\)")
_NAMES = (
    "file|whiteboard|sheet|bitable|base|board|iframe|add-ons|task|chat-card|isv|mindnote|diagram|poll|okr"
)
_PLACEHOLDER = re.compile(rf"<(?P<name>{_NAMES})\b[^<>]*?(?:/>|>[^<]*</(?P=name)>)|</?(?:{_NAMES})\b[^<>]*>")
_EMBEDDED = re.compile(
    r"<iframe\b[^<>]*?\b(?:src|url)=[\"'](https?://[^\"'<>\s]+)[\"'][^<>]*>(?:[^<]*</iframe>)?"
)
_IMAGE = re.compile(r"<(?:image|img)\b([^<>]*)>(?:</image>)?")
_CAPTION = re.compile(r"\b(?:alt|caption)=(?:\"([^\"]*)\"|'([^']*)')")
_SOURCE = re.compile(r"\bsrc=[\"']([^\"'\s]*)[\"']")
_HEADING = re.compile(r"[ \t>]*#{1,6}[ \t]")
_ATTRIBUTES = re.compile(r"\{[ \t]*(?:[a-z-]+=(?:\"[^\"\n]*\"|[\w#-]++)[ \t]*+)+\}")
_NAMED_EMOJI = re.compile(
    r"(?m)^([ \t>]*(?:#{1,6}[ \t]+|[-*+][ \t]+)?(?:\*\*)?)(?::[a-z][a-z0-9_+-]*[a-z0-9]:[ \t]*)+"
)
_TOKEN_IMAGE = re.compile(r"!\[[ \t]*\]\([A-Za-z0-9]{27}\)")
_ENCODED = re.compile(r"https?%3A%2F%2F", re.IGNORECASE)
_BREAK = re.compile(r"<br[ \t]*/?>[ \t]*")
_COMMENT = re.compile(r"<!--(?:(?!<!--|-->).)*-->", re.DOTALL)


def _rewrite(page: Page, rewrite: Callable[[str], str]) -> Page:
    return with_text(page, rewrite(page.markdown))


def drop_comments(page: Page) -> Page:
    """Exporters leave block ids in HTML comments."""
    return _rewrite(page, lambda text: _COMMENT.sub("", text))


def lark_attributes(page: Page) -> Page:
    """Colour and alignment behind a heading: `# Shipping {color="blue"}`."""
    return _rewrite(
        page,
        lambda text: "\n".join(
            strip_attributes(line) if _HEADING.match(line) else line for line in text.split("\n")
        ),
    )


def strip_attributes(line: str) -> str:
    """A heading or title without the attributes at its end."""
    bare = line.rstrip()
    start = bare.rfind("{")
    return bare[:start].rstrip() if start >= 0 and _ATTRIBUTES.fullmatch(bare, start) else line


def lark_inline(page: Page) -> Page:
    """Colour, underline and mention tags keep their text."""
    return _rewrite(page, _inline)


def _inline(text: str) -> str:
    text = _EQUATION.sub(lambda found: f"${found[1].strip()}$", text)
    return _INLINE.sub("", text)


def name_members(page: Page) -> Page:
    """A mentioned member is an id without a name: "a colleague", or the sentence would lack somebody."""
    somebody = "同事" if is_mostly_cjk(_NOT_TEXT.sub("", page.markdown)) else "a colleague"

    def named(found: re.Match[str]) -> str:
        start, end = found.span()
        before, after = found.string[max(start - 1, 0) : start], found.string[end : end + 1]
        return f"{' ' * before.isalnum()}{somebody}{' ' * after.isalnum()}"

    return _rewrite(page, lambda text: _MEMBERS.sub(named, _NAMED_MEMBER.sub(r"\1", text)))


def lark_addresses(page: Page) -> Page:
    """Lark percent-encodes whole addresses, `https%3A%2F%2F...`, so that no link works."""
    return _rewrite(page, lambda text: LINK.sub(_address, text))


def _address(link: re.Match[str]) -> str:
    if not _ENCODED.match(link["target"]):
        return link.group()
    target = unquote(link["target"])
    for sign in " ()<>":
        target = target.replace(sign, f"%{ord(sign):02X}")
    return f"[{link['text']}]({target})"


def lark_images(page: Page) -> Page:
    """An image tag holds a token that only Lark can open; a caption is kept."""
    return _rewrite(page, lambda text: _TOKEN_IMAGE.sub("", _IMAGE.sub(_image, text)))


def _image(found: re.Match[str]) -> str:
    caption = _CAPTION.search(found[1])
    words = unescape((caption[1] or caption[2] or "").strip()) if caption else ""
    source = _SOURCE.search(found[1])
    if source and source[1].startswith(("http://", "https://")):
        return f"![{words}]({source[1]})"
    return words


def lark_placeholders(page: Page) -> Page:
    """Sheets, boards, files and tasks are not in the export: their tags hold only tokens.

    An embedded video or page is its address.
    """
    return _rewrite(page, lambda text: _PLACEHOLDER.sub("", _EMBEDDED.sub(r"\1", text)))


def lark_quotes(page: Page) -> Page:
    """Callouts and quote containers become quotes, without icon and colours."""
    return _rewrite(page, _quotes)


def _quotes(text: str) -> str:
    text = _EMPTY_CALLOUT.sub("", _ICON_DIV.sub("", text))
    return _QUOTES.sub(_quote, text)


def _quote(found: re.Match[str]) -> str:
    body = dedent(found["body"].strip("\n")).split("\n")
    if found["tag"] != "quote-container":
        body[0] = without_leading(body[0].lstrip())
    while body and not body[0].strip():
        body.pop(0)
    while body and not body[-1].strip():
        body.pop()
    indent = found["indent"] or ""
    quoted = "\n".join(f"{indent}> {line}".rstrip() for line in body)
    return f"\n\n{quoted}\n\n" if quoted else ""


def lark_alerts(page: Page) -> Page:
    """feishu2md begins each callout with `>[!TIP]`, and leaves the mark of a quote off its other lines.

    feishu-docx writes the callout's icon into the quote.
    """
    return _rewrite(page, _alerts)


def _alerts(text: str) -> str:
    out: list[str] = []
    mark = ""  # of the alert whose lines these are
    quoted = False
    for line in text.split("\n"):
        alert, quote = _ALERT.match(line), _QUOTE_LINE.match(line)
        if alert:
            mark = alert["mark"]
            out += [f"{mark} {without_leading(alert['rest'])}"] if alert["rest"].strip() else []
        elif quote:
            bare = quote["rest"] if quoted else without_leading(quote["rest"])
            out.append(f"{quote['mark']}{bare}")
        else:
            mark = mark if line.strip() else ""
            out.append(f"{mark} {line.lstrip()}" if mark else line)
        quoted = bool(alert or quote)
    return "\n".join(out)


def lark_layout(page: Page) -> Page:
    """Columns and boxes are layout: their content stands on its own, one after the other."""
    return _rewrite(page, lambda text: _LAYOUT.sub("\n\n", _COLUMN.sub(_column, text)))


def _column(found: re.Match[str]) -> str:
    return f"\n\n{dedent(found[1].strip(chr(10)))}\n\n"  # without the tags an indent would make it code


def lark_headings(page: Page) -> Page:
    """Levels 7 to 9 do not exist in Markdown: they become bold lines."""
    return _rewrite(
        page,
        lambda text: _LOWER_MARKS.sub(
            r"\1**\2**", _LOWER_HEADING.sub(lambda h: f"{h[1]}**{h[3].strip()}**", text)
        ),
    )


def lark_grids(page: Page) -> Page:
    """Tables of tags become GFM tables, which chunking keeps whole."""
    return _rewrite(page, lark_tables.to_gfm)


def lark_breaks(page: Page) -> Page:
    """`<br/>` is a space inside a table row and a line end elsewhere."""
    return _rewrite(
        page,
        lambda text: "\n".join(
            _BREAK.sub(" " if line.lstrip().startswith("|") else "\n", line) for line in text.split("\n")
        ),
    )


def drop_named_emoji(page: Page) -> Page:
    """Lark writes some emoji as names at the start of a line: `:warning: Do not immerse`."""
    return _rewrite(page, lambda text: _NAMED_EMOJI.sub(r"\1", text))
