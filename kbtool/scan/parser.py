"""What the scanner does not read itself, read by markdown-it-py and told in the scanner's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from markdown_it import MarkdownIt
from markdown_it.token import Token

from kbtool.scan.block import Block, Kind

# Lists and quotes in each other count two and one. Beyond the limit the parser reads nothing any more, so it
# is far above what people write and far below what the interpreter's stack holds.
_PARSER = MarkdownIt("commonmark", {"maxNesting": 100}).enable("table").disable("inline")
_KINDS: dict[str, Kind] = {
    "paragraph_open": "paragraph",
    "heading_open": "heading",
    "code_block": "code",
    "fence": "fence",
    "html_block": "html",
    "hr": "rule",
    "table_open": "table",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "list_item_open": "item",
    "blockquote_open": "quote",
}


def parse(lines: Sequence[str], first: int) -> list[Block]:
    """The blocks of these lines, the first of which is line `first` of the page."""
    # With the last line ended too, blank lines at the end count as they would inside the page.
    tokens = _PARSER.parse("".join(f"{line}\n" for line in lines))
    return list(_blocks(tokens, 0, len(tokens), first))


def _blocks(tokens: Sequence[Token], start: int, stop: int, first: int) -> Iterator[Block]:
    index = start
    while index < stop:
        token = tokens[index]
        after = _after(tokens, index)
        kind = _KINDS.get(token.type)
        if kind and token.map:
            is_heading = kind == "heading"
            holds_blocks = kind in {"list", "item", "quote"}
            yield Block(
                kind,
                first + token.map[0],
                first + token.map[1],
                level=int(token.tag[1]) if is_heading else 0,
                mark=token.markup if kind in {"heading", "fence"} else "",
                text=tokens[index + 1].content if is_heading else token.info if kind == "fence" else "",
                look_inside=partial(_blocks, tokens, index + 1, after - 1, first) if holds_blocks else None,
            )
        index = after


def _after(tokens: Sequence[Token], index: int) -> int:
    """The token after the block that begins at `index`."""
    depth = 0
    while True:
        depth += tokens[index].nesting
        index += 1
        if not depth:
            return index
