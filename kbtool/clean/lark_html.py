"""Rules for the HTML that exporters put into Lark's Markdown: emphasis, paragraphs, headings, entities.

feishu-pages writes tables, callouts and columns as HTML, and all that stands in them; a Markdown parser would
show none of it as what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

from kbtool.clean.rule import with_text
from kbtool.model import Page

_MARKS = {"b": "**", "strong": "**", "em": "*", "i": "*", "del": "~~", "s": "~~"}
_SEAM = re.compile(r"</(b|strong|em|i|del|s)>(?=<\1>)<\1>")
_MARKED = re.compile(r"<(b|strong|em|i|del|s)>((?:(?!</?\1>|\n[ \t]*\n)[^|])*?)</\1>")
_CODE = re.compile(r"<code\b[^<>]*>([^<>\n]*)</code>")
_ANCHOR = re.compile(r"<a\b[^<>]*?\bhref=([\"'])([^\"'<>\s]*)\1[^<>]*>((?:(?!</?a\b)[^\[\]])*?)</a>")
_HEADING = re.compile(r"(?m)^([ \t]*)<h([1-6])\b[^<>]*>(.*?)</h\2>[ \t]*$")
_BETWEEN = re.compile(r"(?<![ \t])([ \t]*)<p\b[^<>]*>|</p>[ \t]*")
_ENTITY = re.compile(
    r"&lt;(?=[A-Za-z/!?])[^&<>\n]*&gt;"  # a tag that somebody wrote about: decoded it would be one
    r"|&lt;(?![A-Za-z/!?])|(?<![\n>])(?<!\n )&gt;|&quot;|&#34;|&#39;|&nbsp;|&amp;(?!#?\w{1,31};)"
)


def html_marks(page: Page) -> Page:
    """`<b>`, `<em>`, `<code>`, `<a>` and headings, as Markdown has them."""
    return _rewrite(page, _marks)


def _marks(text: str) -> str:
    text = _CODE.sub(_code, text)
    text = _ANCHOR.sub(_link, text)
    text = _SEAM.sub("", text)
    text = _MARKED.sub(lambda found: f"{_MARKS[found[1]]}{found[2]}{_MARKS[found[1]]}", text)
    return _HEADING.sub(lambda found: f"{found[1]}{'#' * int(found[2])} {found[3].strip()}", text)


def _code(found: re.Match[str]) -> str:
    """Inline code; code with backticks of its own stays as it is."""
    code = unescape(found[1])
    return f"`{code}`" if code.strip() and "`" not in code and "\n" not in code else found.group()


def _link(found: re.Match[str]) -> str:
    words = " ".join(found[3].split())
    target = unescape(found[2])
    if not words or set(target) & set(" ()<>"):
        return found.group() if words else ""
    return f"[{words}]({target})"


def html_paragraphs(page: Page) -> Page:
    """`<p>` is a blank line: a block of tags would hide its Markdown."""
    return _rewrite(page, lambda text: _BETWEEN.sub(_gap, text))


def _gap(found: re.Match[str]) -> str:
    """The blank line between two paragraphs, behind which the second keeps its indent."""
    if found.group().startswith("</"):
        return "" if found.string[found.end() : found.end() + 1] in {"\n", ""} else "\n\n"
    start = found.start()
    alone = start == 0 or found.string[start - 1] == "\n"
    return f"\n{found[1]}" if alone else "\n\n"


def plain_entities(page: Page) -> Page:
    """`&gt;` and the like are signs of the text: `->` is what people search for."""
    return _rewrite(page, lambda text: _ENTITY.sub(_sign, text))


def _sign(found: re.Match[str]) -> str:
    return found.group() if len(found.group()) > 6 else unescape(found.group()).replace("\u00a0", " ")


def _rewrite(page: Page, rewrite: Callable[[str], str]) -> Page:
    return with_text(page, rewrite(page.markdown))
