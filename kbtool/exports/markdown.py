"""Writing Markdown: the few forms that both the Notion HTML and the Lark reader need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

INDENT = "    "
_ITEM = re.compile(r"(?:(?P<todo>- \[[ x]\] )|(?P<bullet>- )|(?P<ordered>\d{1,9}\. ))")
_STRUCTURE = re.compile(r"^(?:#{1,6}(?=\s|$)|`{3,}|~{3,}|-{3,}\s*$|={3,}\s*$)")


def joined(blocks: Sequence[str]) -> str:
    """Blocks with a blank line between them, but for neighbouring items of one list without blocks inside."""
    out: list[str] = []
    for block in blocks:
        if not block.strip():
            continue
        tight = out and _list_kind(block) and _list_kind(block) == _list_kind(out[-1]) and out[-1][-1] != "\n"
        if out:
            out[-1] = out[-1].rstrip("\n") + ("\n" if tight else "\n\n")
        out.append(block)
    return "".join(out).rstrip("\n")


def _list_kind(block: str) -> str:
    """Which kind of list an item is of; "" for other blocks."""
    found = _ITEM.match(block)
    return found.lastgroup or "" if found else ""


def item(mark: str, text: str, inner: Sequence[str]) -> str:
    """A list item with what hangs from it. One that ends in a block has a blank line after it."""
    lines = text.split("\n")
    head = "\n".join([mark + lines[0], *(INDENT + line for line in lines[1:])])
    body = joined(inner)
    if not body:
        return head
    gap = "\n" if _ITEM.match(body) else "\n\n"
    end = "" if _ITEM.match([block for block in inner if block.strip()][-1]) else "\n"
    return head + gap + indented(body) + end


def indented(text: str) -> str:
    return "\n".join(INDENT + line if line else "" for line in text.split("\n"))


def quoted(text: str) -> str:
    """A quote; "" for no text."""
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n")) if text else ""


def fenced(code: str, language: str = "") -> str:
    """A fence that is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{code.removesuffix(chr(10))}\n{fence}"


def code_span(text: str) -> str:
    """Inline code; backticks inside need longer ones around."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def marked(text: str, mark: str) -> str:
    """`text` between marks; white space at its ends stays outside, or the marks would show."""
    bare = text.strip()
    if not bare:
        return text
    start = len(text) - len(text.lstrip())
    return f"{text[:start]}{mark}{bare}{mark}{text[start + len(bare) :]}"


def link(text: str, target: str) -> str:
    """`[text](target)`; white space at the text's ends stays outside."""
    bare = text.strip()
    if not bare:
        return text
    start = len(text) - len(text.lstrip())
    return f"{text[:start]}[{bare}]({_address(target)}){text[start + len(bare) :]}"


def image(caption: str, target: str) -> str:
    """`![caption](target)`."""
    return f"![{caption}]({_address(target)})"


def _address(target: str) -> str:
    """A target with its spaces and parentheses percent-encoded."""
    return quote(target, safe="/:?#[]@!$&'*+,;=%~-._")


def safe_start(text: str) -> str:
    """A paragraph whose text happens to begin as a heading, fence or divider would, escaped."""
    return f"\\{text}" if _STRUCTURE.match(text) else text
