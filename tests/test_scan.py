"""The scanner beside markdown-it-py: the same blocks for any text, at every depth, and the code in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kbtool.clean.code import mask, outside_code, unmask
from kbtool.scan import Block, parser, scan

PAGES = sorted((Path(__file__).parent / "cases" / "chunk").glob("*/input.md"))
MARKDOWN_IT = MarkdownIt("commonmark", {"maxNesting": 100}).enable("table").disable("inline")
KINDS = {
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

# Lines that begin, continue, end or nearly begin each kind of block.
LINES = [
    *["", " ", "\t", "text", "  text", "   text", "    text", "     text", "      text", "\ttext", "\u00a0"],
    *["# a", "## a ##", "#", "#a", "####### a", "   ### a", "    # a", "# a#", "# a \\#", "\x0c"],
    *["===", "---", "  ==  ", "=-", "-", "--", "    ---", "***", "* * *", "- - -", "_ _ _", "* * x", "__"],
    *["```", "``` a`", "```js", "````", "~~~", "~~~~ `", "    ```", " ~~~", "``", "``` "],
    *["> a", ">", ">a", "> - a", "> ```", "   > # a", "    > a", "> > a", ">\ta", "> \ta"],
    *["- a", "* a", "+ a", "-", "- ", "-a", "1. a", "2. a", "1) a", "01. a", "1.", "1234567890. a"],
    *[
        "-     a",
        "  - a",
        "    - a",
        "   1. a",
        "- - a",
        "- ```",
        "- > a",
        "-\ta",
        "- # a",
        "100. a",
        "- 1. a",
    ],
    *[
        "| a | b |",
        "|---|---|",
        "a | b",
        "--|--",
        ":-- | --:",
        "|",
        "||",
        "|-",
        "-|",
        "- | -",
        r"a \| b",
        "| a",
    ],
    *["<div>", "</div>", "<!-- a", "-->", "<pre>", "</pre>", "<b>", "<b> a", "<?a", "?>", "<!A", "  <p"],
    *[
        "[a]: /u",
        "[a]:",
        "[a]",
        "[",
        "[a",
        "]: /u",
        "'t'",
        "[a](u)",
        r"[\]]: /u",
        "<![CDATA[",
        "]]>",
        "[a]: <",
    ],
]
ABOVE = [
    *[
        "| a |\n|---|\n",
        "| a |\n|---|\n| b |\n",
        "- a\n\n",
        "- a\n\n  b\n",
        "- a\nlazy\n\n",
        "10. a\n",
        "10. a\n\n",
    ],
    *[
        "> a\n",
        ">\n",
        "> - a\n",
        "```\na\n",
        "    a\n\n",
        "[a]:\n",
        "<!--\n",
        "<div>\n",
        "a\nb\n",
        "- a\n  - b\n",
        "-\n",
    ],
]
BEFORE = ["", "", "", "- ", "  ", "    ", "> ", "1. ", "   ", "\t", "10. ", ">"]
NASTY = st.lists(
    st.builds("{}{}{}".format, st.sampled_from(BEFORE), st.sampled_from(BEFORE), st.sampled_from(LINES)),
    max_size=12,
).map("\n".join)
DIRT = st.text(alphabet="#-=>|`~*1. :[]<\\/\t_+a!\n\n\n", max_size=60)
PIECES = st.lists(
    st.one_of(st.sampled_from(LINES), st.sampled_from(BEFORE), st.just("\n"), st.just("\n\n")), max_size=24
).map("".join)
ANY = st.one_of(NASTY, DIRT, PIECES, st.text(max_size=60))

Seen = tuple[int, str, int, int, int, str, str]


def seen_by_markdown_it(text: str) -> list[Seen]:
    """Depth, kind, lines, and what is known of headings and fences, of each block in order."""
    # Without the end of its last line, markdown-it-py sees an open fence end one line too soon.
    tokens = MARKDOWN_IT.parse(text if text.endswith("\n") or not text else text + "\n")
    seen: list[Seen] = []
    for number, token in enumerate(tokens):
        if token.type in KINDS and token.map:
            is_heading, is_fence = token.type == "heading_open", token.type == "fence"
            title = tokens[number + 1].content if is_heading and not token.level else ""
            seen.append(
                (
                    token.level,
                    KINDS[token.type],
                    token.map[0],
                    token.map[1],
                    int(token.tag[1]) if is_heading else 0,
                    token.markup if is_heading or is_fence else "",
                    token.info if is_fence else title,
                )
            )
    return seen


def seen_by_scan(blocks: Iterable[Block], depth: int = 0) -> Iterator[Seen]:
    for block in blocks:
        # How a tab inside a nested heading is written is not the scanner's business.
        text = "" if block.kind == "heading" and depth else block.text
        yield depth, block.kind, block.first, block.last, block.level, block.mark, text
        yield from seen_by_scan(block.inside(), depth + 1)


def assert_equal(text: str) -> None:
    assert list(seen_by_scan(scan(text.split("\n")))) == seen_by_markdown_it(text), repr(text)


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANY)
@example("> >>\t <")
@example(">```\n>")
@example("-\n\t-\n\n\t")
@example("1) 1\n\n\t\x00\n[")
@example("- a\n\n ```\n\nfoo\n```\n\n# b")
@example("- a\n- b | c\n--|--")
@example("<x y=\0>")
@example("a\n| b |\n|---|\n")
@example("- a\nlazy\n\n ```\n\na\n\n# b\n```\n\nc")
@example("-\n\n <!--\n\n# b\n-->\n\nc")
def test_any_text_has_the_blocks_that_markdown_it_sees(text: str) -> None:
    assert_equal(text.replace("\r", " "))


@pytest.mark.parametrize(
    "page", ["{}\n{}", "{}\n{}\n\n# end", "{}\n\n{}\n# end"], ids=["end", "blank", "heading"]
)
def test_any_two_lines_have_the_blocks_that_markdown_it_sees(page: str) -> None:
    for one, other in product(LINES, LINES):
        assert_equal(page.format(one, other))


@pytest.mark.parametrize("below", ["", "\n# end", "\n\n# end", "\n\n\n  end"])
@pytest.mark.parametrize("above", ABOVE)
def test_any_line_below_an_open_block_has_the_blocks_that_markdown_it_sees(above: str, below: str) -> None:
    for line in LINES:
        assert_equal(above + line + below)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.parent.name)
def test_a_case_of_the_checklist_has_the_blocks_that_markdown_it_sees(path: Path) -> None:
    assert_equal(path.read_text(encoding="utf-8"))


def lines_parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many lines the parser is given each time that it is asked."""
    asked: list[int] = []
    parse = parser.parse

    def counted(lines: Sequence[str], first: int) -> list[Block]:
        asked.append(len(lines))
        return parse(lines, first)

    monkeypatch.setattr(parser, "parse", counted)
    return asked


@pytest.mark.parametrize("item", ["- a\nlazy\n", "-\n\n", "- a\n" * 3 + "-\n"])
def test_a_long_list_of_odd_items_is_parsed_in_stretches(item: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = lines_parsed(monkeypatch)
    lines = (item * 5000 + "\n# end").split("\n")
    blocks = list(scan(lines))
    assert max(asked) < 2100
    assert {block.kind for block in blocks[:-1]} == {"list"}
    assert [block.text for block in blocks if block.kind == "heading"] == ["end"]
    assert sum(asked) < 2 * len(lines)


def test_a_tidy_page_is_read_by_its_lines_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = lines_parsed(monkeypatch)
    tidy = (
        "# Setup\n\nSome text\non two lines.\n\n- a\n- b\n    - c\n    \n    text of b\n\n1. one\n2. two\n\n"
        "> quoted\n> more\n\n| K | V |\n| --- | --- |\n| a | b |\n\n```sh\n# no heading\n```\n\n"
        "[a](b.md)\n\n<div>\n\nEnd\n---\n"
    )
    assert_equal(tidy)
    assert asked == []


def test_a_long_table_of_short_rows_ends_where_markdown_it_ends_it() -> None:
    header = "|a" * 300
    assert_equal(f"{header}\n{'|-' * 300}\n" + "|x\n" * 250)


def test_what_is_nested_too_deep_to_be_meant_is_not_looked_into() -> None:
    (block,) = scan([">" * 5000 + " a"])
    depth = 0
    while inside := list(block.inside()):
        (block,) = inside
        depth += 1
    assert 20 <= depth <= 100


def indented_code(text: str) -> set[str]:
    """Each block of indented code, at any depth, as it stands in the page."""
    lines = text.split("\n")
    tokens = MARKDOWN_IT.parse(text)
    spans = [token.map for token in tokens if token.type == "code_block" and token.map]
    return {"\n".join(lines[first:last]) for first, last in spans}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(NASTY, PIECES))
@example("- a\n\n      code\n\n  text\n\n\tcode")
def test_indented_code_is_masked_where_markdown_it_sees_it(text: str) -> None:
    # Fences and equations are looked for in other places too, and tags may hold code.
    text = re.sub(r"[`~$<]", "", text)
    masked = mask(text)
    assert set(masked.pieces.values()) == indented_code(text)
    assert unmask(masked.text, masked) == text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a `b  c` d", {"`b  c`"}),
        ("- a\n  - b `c\n    d` e", {"`c", "d`"}),
        ("| `a` | b |\n| - | - |\n| c | ``d`` |", {"`a`", "``d``"}),
        ("`a`\n===\n\n`b", {"`a`"}),
        ("> <pre>\n> a  b\n> </pre>", {"> <pre>\n> a  b\n> </pre>"}),
        ("<aside>\n```\na\n```\n</aside>", {"```\na\n```"}),
        ("$$\nx^2\n$$", {"$$\nx^2\n$$"}),
        ("a \U000f0000 b", {"\U000f0000"}),
        ("$5 and $$ and ~~gone~~ and no code", set()),
    ],
)
def test_what_is_code_is_masked_and_nothing_else(text: str, code: set[str]) -> None:
    masked = mask(text)
    assert set(masked.pieces.values()) == code
    assert unmask(masked.text, masked) == text


def test_the_same_code_is_masked_however_often_it_stands_there() -> None:
    text = "press `OK`  now\n\n" * 70_000
    masked = mask(text)
    assert len(masked.pieces) == 1
    assert unmask(masked.text.replace("  ", " "), masked) == text.replace("  ", " ")


def test_a_page_with_more_pieces_of_code_than_there_are_marks_is_left_alone() -> None:
    text = "\n\n".join(f"`{number}`" for number in range(70_000))
    assert outside_code(text, lambda masked: masked.replace("\n", "")) == text


def test_code_follows_when_a_rule_moves_it_into_a_quote() -> None:
    text = "- a\n\n  ```\n  x\n\n    y\n  ```"
    moved = outside_code(text, lambda masked: re.sub("(?m)^(?=.)", "> ", masked))
    assert moved == "> - a\n\n>   ```\n>   x\n>\n>     y\n>   ```"
