"""Blocks of a Notion page, each written as Notion's Markdown and as Notion's HTML.

The forms, with their dirt, are those seen in 907 real Markdown and 114 real HTML pages: a callout's first
line inside `<aside>`, four blanks on a toggle's empty lines, two after a to-do's box, a list element for
each item, KaTeX written three times. `Block.prose` is what no tool may lose.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

Level = Literal[1, 2, 3]
_INLINE = re.compile(r"\*\*(?P<bold>[^*]+)\*\*|`(?P<code>[^`]+)`|\[(?P<text>[^\]]+)\]\((?P<target>[^)]+)\)")


class Block(Protocol):
    """One block; `prose` are the texts in it that must be found again whatever is done to the page."""

    @property
    def prose(self) -> tuple[str, ...]: ...

    def markdown(self) -> str: ...

    def html(self) -> str: ...


def inline(text: str) -> str:
    """Bold, code and links of the Markdown form as HTML."""
    out: list[str] = []
    end = 0
    for found in _INLINE.finditer(text):
        out.append(html.escape(text[end : found.start()], quote=False))
        if found["bold"]:
            out.append(f"<strong>{html.escape(found['bold'])}</strong>")
        elif found["code"]:
            out.append(f"<code>{html.escape(found['code'])}</code>")
        else:
            target = found["target"].removesuffix(".md") + ".html" * found["target"].endswith(".md")
            out.append(f'<a href="{target}">{html.escape(found["text"])}</a>')
        end = found.end()
    return "".join([*out, html.escape(text[end:], quote=False)])


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`shown` is the text as its author's editor left it, with marks; `prose` the sentences in it."""

    shown: str
    prose: tuple[str, ...]

    def markdown(self) -> str:
        return self.shown

    def html(self) -> str:
        return f'<p class="">{inline(self.shown)}</p>'


@dataclass(frozen=True, slots=True)
class Heading:
    level: Level
    text: str

    @property
    def prose(self) -> tuple[str, ...]:
        return (self.text,)

    def markdown(self) -> str:
        return f"{'#' * self.level} {self.text}"

    def html(self) -> str:
        return f'<h{self.level} class="">{inline(self.text)}</h{self.level}>'


@dataclass(frozen=True, slots=True)
class Items:
    """Bullets, numbers or to-dos; an item without text is one that its author left behind."""

    kind: Literal["bullet", "number", "todo"]
    items: tuple[str, ...]

    @property
    def prose(self) -> tuple[str, ...]:
        return tuple(item for item in self.items if item)

    def markdown(self) -> str:
        return "\n".join(f"{self._mark(number)} {item}" for number, item in enumerate(self.items, 1))

    def _mark(self, number: int) -> str:
        todo = "- [x] " if number % 3 == 0 else "- [ ] "
        return {"bullet": "-", "number": f"{number}.", "todo": todo}[self.kind]

    def html(self) -> str:
        return "".join(self._item(number, inline(item)) for number, item in enumerate(self.items, 1))

    def _item(self, number: int, item: str) -> str:
        if self.kind == "bullet":
            return f'<ul class="bulleted-list"><li style="list-style-type:disc">{item}</li></ul>'
        if self.kind == "number":
            return f'<ol type="1" class="numbered-list" start="{number}"><li>{item}</li></ol>'
        state, name = ("on", "checked") if number % 3 == 0 else ("off", "unchecked")
        return (
            f'<ul class="to-do-list"><li><div class="checkbox checkbox-{state}"></div> '
            f'<span class="to-do-children-{name}">{item}</span><div class="indented"></div></li></ul>'
        )


@dataclass(frozen=True, slots=True)
class Callout:
    icon: str
    lines: tuple[str, ...]

    @property
    def prose(self) -> tuple[str, ...]:
        return self.lines

    def markdown(self) -> str:
        return f"<aside>\n{self.icon} " + "\n\n".join(self.lines) + "\n\n</aside>"

    def html(self) -> str:
        body = "".join(f'<p class="">{inline(line)}</p>' for line in self.lines)
        return (
            '<figure class="block-color-gray_background callout" style="white-space:pre-wrap;display:flex">'
            f'<div style="font-size:1.5em"><span class="icon">{self.icon}</span></div>'
            f'<div style="width:100%">{body}</div></figure>'
        )


@dataclass(frozen=True, slots=True)
class Toggle:
    summary: str
    lines: tuple[str, ...]

    @property
    def prose(self) -> tuple[str, ...]:
        return (self.summary, *self.lines)

    def markdown(self) -> str:
        return f"- {self.summary}\n    \n" + "\n    \n".join(f"    {line}" for line in self.lines) + "\n    "

    def html(self) -> str:
        body = "".join(f'<p class="">{inline(line)}</p>' for line in self.lines)
        return (
            f'<ul class="toggle"><li><details><summary>{inline(self.summary)}</summary>'
            f"{body}</details></li></ul>"
        )


@dataclass(frozen=True, slots=True)
class Code:
    """Notion's old default language stood on most fences, whatever was in them."""

    language: str
    lines: tuple[str, ...]
    prose: tuple[str, ...] = ()

    def markdown(self) -> str:
        return f"```{self.language}\n" + "\n".join(self.lines) + "\n```"

    def html(self) -> str:
        code = html.escape("\n".join(self.lines))
        return f'<pre class="code"><code class="language-{self.language.title()}">{code}</code></pre>'


@dataclass(frozen=True, slots=True)
class Table:
    rows: tuple[tuple[str, ...], ...]

    @property
    def prose(self) -> tuple[str, ...]:
        return tuple(cell for row in self.rows for cell in row)

    def markdown(self) -> str:
        lines = [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join([lines[0], "| --- " * len(self.rows[0]) + "|", *lines[1:]])

    def html(self) -> str:
        rows = ["".join(f'<td class="">{inline(cell)}</td>' for cell in row) for row in self.rows]
        body = "".join(f"<tr>{row}</tr>" for row in rows[1:])
        return (
            '<table class="simple-table"><thead class="simple-table-header">'
            f"<tr>{rows[0]}</tr></thead><tbody>{body}</tbody></table>"
        )


@dataclass(frozen=True, slots=True)
class Image:
    """Its caption, if it has one, is written twice; without one the alternative text is a file name."""

    target: str
    caption: str

    @property
    def prose(self) -> tuple[str, ...]:
        return (self.caption,) if self.caption else ()

    def markdown(self) -> str:
        if self.caption:
            return f"![{self.caption}]({self.target})\n\n{self.caption}"
        return f"![Untitled]({self.target})"

    def html(self) -> str:
        caption = f"<figcaption>{inline(self.caption)}</figcaption>" if self.caption else ""
        return (
            f'<figure class="image"><a href="{self.target}">'
            f'<img style="width:720px" src="{self.target}"/></a>{caption}</figure>'
        )


@dataclass(frozen=True, slots=True)
class SubPage:
    """A line that is nothing but a link to another page: navigation, which a tool may drop."""

    title: str
    target: str
    prose: tuple[str, ...] = ()

    def markdown(self) -> str:
        return f"[{self.title}]({self.target})"

    def html(self) -> str:
        target = self.target.removesuffix(".md") + ".html"
        return f'<figure class="link-to-page"><a href="{target}">{html.escape(self.title)}</a></figure>'


@dataclass(frozen=True, slots=True)
class Contents:
    """A block of links to the page's own headings: in HTML only, its Markdown form leaves nothing."""

    headings: tuple[str, ...]
    prose: tuple[str, ...] = ()

    def markdown(self) -> str:
        return ""

    def html(self) -> str:
        links = "".join(
            '<div class="table_of_contents-item table_of_contents-indent-0">'
            f'<a class="table_of_contents-link" href="#{number}">{html.escape(heading)}</a></div>'
            for number, heading in enumerate(self.headings)
        )
        return f'<nav class="block-color-gray table_of_contents">{links}</nav>'


@dataclass(frozen=True, slots=True)
class Divider:
    """Written without a blank line above it, so that CommonMark makes a heading of the line before."""

    above: str

    @property
    def prose(self) -> tuple[str, ...]:
        return (self.above,)

    def markdown(self) -> str:
        return f"{self.above}\n---"

    def html(self) -> str:
        return f'<p class="">{inline(self.above)}</p><hr/>'


@dataclass(frozen=True, slots=True)
class Equation:
    tex: str
    prose: tuple[str, ...] = ()

    def markdown(self) -> str:
        return f"$$\n{self.tex}\n$$"

    def html(self) -> str:
        shown = html.escape(self.tex.replace("\\", " "))
        return (
            "<figure class=\"equation\"><style>@import url('katex.min.css')</style>"
            '<div class="equation-container"><span class="katex-display"><span class="katex">'
            f'<span class="katex-mathml"><math><semantics><mrow><mtext>{shown}</mtext></mrow>'
            f'<annotation encoding="application/x-tex">{html.escape(self.tex)}</annotation>'
            "</semantics></math>"
            f'</span><span class="katex-html" aria-hidden="true"><span class="mord">{shown}</span></span>'
            "</span></span></div></figure>"
        )


def prose(blocks: tuple[Block, ...]) -> Iterator[str]:
    """Every text of the blocks that must be found again."""
    for block in blocks:
        yield from block.prose
