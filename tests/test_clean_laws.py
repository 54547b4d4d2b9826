"""What must hold for any page. The word and fence extraction here shares no code with the rules."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kbtool.clean import clean, code, tidied
from kbtool.clean.code import mask, outside_code
from kbtool.clean.record import removals
from kbtool.model import Kind, Page
from kbtool.scan import scan
from tests import cleaning

PAGE_ID = "a834d55573614857a48a9ce9ec4194e3"
WORDS = st.sampled_from(
    [
        "refund",
        "brew",
        "E07",
        "退款",
        "配网",
        "2024",
        "naïve",
        "can't",
        "¥15",
        "™",
        "a_b",
        "I/O",
        "返金",
        "x*y",
    ]
)
TEXT = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
CODE = st.text(alphabet="ab \n`*[]()#>-{}|\u00a0<:", max_size=40).filter(lambda code: "```" not in code)


def fence(code: str) -> str:
    return f"```jsx\n{code}\n```"


def link(words: str) -> str:
    return f"[{words}](Folder%20{PAGE_ID}/Page%20{PAGE_ID}.md)"


BLOCKS = st.one_of(
    TEXT,
    TEXT.map(link),
    TEXT.map(lambda words: f"See {link(words)} first."),
    TEXT.map(lambda words: f"<aside>\n💡 {words}\n\n</aside>"),
    TEXT.map(lambda words: f"- {words}\n    \n    {words}\n    "),
    TEXT.map(lambda words: f"{words}:\n\n    {words}\n\n    - {words}"),
    TEXT.map(lambda words: f"**{words}：**{words}, {words}**“{words}”**{words}"),
    TEXT.map(lambda words: f"<aside>\n💡\n\n{words}\n\n<aside>\n{words}\n</aside>\n\n{words}\n</aside>"),
    TEXT.map(lambda words: f"[{words}.pdf](Folder%20{PAGE_ID}/{words[0]}.pdf)"),
    TEXT.map(lambda words: f"# {words}\n\n" + f"- [{words}](#a)\n    " * 3),
    TEXT.map(lambda words: f"## 🎉 **{words}**"),
    TEXT.map(lambda words: f"# {words}"),
    TEXT.map(lambda words: f"{words}\n---"),
    TEXT.map(lambda words: f"**{words} **{words} ****{words}"),
    TEXT.map(lambda words: f"- [ ]  {words}\n- [x]  {words}\n- [ ]  "),
    TEXT.map(lambda words: f"| {words} | b |\n| --- | --- |\n| c | {words} |"),
    TEXT.map(lambda words: f"![{words}](Folder%20{PAGE_ID}/a.png)\n\n{words}"),
    TEXT.map(lambda words: f"`{words}  `` {words}`"),
    TEXT.map(lambda words: f"[https://a.example/{words[0]}](https://a.example/{words[0]})"),
    st.sampled_from(
        ["- ", "1. ", "- [ ]  ", "", "    ", "![Untitled](x.png)", "![](https://a.example/b.png)"]
    ),
    CODE.map(fence),
)
NOTION_PAGES = st.lists(BLOCKS, max_size=8).map("\n\n".join)
LARK_BLOCKS = st.one_of(
    TEXT.map(lambda words: f'<callout emoji="warning" background-color="light-red">\n{words}\n</callout>'),
    TEXT.map(lambda words: f"<quote-container>\n{words}\n</quote-container>"),
    TEXT.map(lambda words: f'<grid cols="2">\n<column width="50">\n\n    {words}\n\n</column>\n</grid>'),
    TEXT.map(
        lambda words: (
            "<lark-table><lark-tr><lark-td>\n\na\n\n</lark-td><lark-td>\n\n"
            f"{words}\n\n</lark-td></lark-tr></lark-table>"
        )
    ),
    TEXT.map(lambda words: f'# {words} {{color="blue"}}'),
    TEXT.map(lambda words: f'<text color="red">{words}</text> <u>{words}</u>'),
    TEXT.map(
        lambda words: f'<mention-doc token="t" type="docx">{words}</mention-doc><mention-user id="ou_1"/>'
    ),
    TEXT.map(lambda words: f"<h7>{words}</h7>"),
    st.just('<image token="Ccl5FXbi2nHD2YRh7rNBr50k1th" width="1" height="1"/>'),
    BLOCKS,
)
LARK_PAGES = st.lists(LARK_BLOCKS, max_size=8).map("\n\n".join)
KINDS = st.sampled_from(sorted(Kind))
DIRT = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("#*`-[]()!<>|{}=\"':. \n\t1ax~$\\_")),
        st.sampled_from(
            ["\u00a0", "\u2028", "\u200b", "\r", "🎉", "\ufe0f", "\u200d", "\U000f0000", "\U00100000"]
        ),
    ),
    max_size=120,
)
MARKS = [
    "<aside>",
    "</aside>",
    "<callout>",
    "</callout>",
    "<lark-table>",
    "<lark-tr>",
    "<lark-td>",
    "</lark-td>",
    "</lark-tr>",
    "</lark-table>",
    "<column>",
    "</column>",
    "<h7>",
    "</h7>",
    "<br/>",
    "<!--",
    "-->",
    "\n",
    "```\n",
    "> ",
    "- ",
    "    ",
    "**",
    "# ",
    "$$\n",
    "![](",
    "](x.md)",
    "[",
    "`",
    "\n\n",
    "---\n",
    "<pre>",
]
CODED = st.sampled_from(
    ["", "", "a", "`b", "`c` d", "    e", "\tf", "- g", "  - h", "- ", "1. i", "      j", "> k", ">     l",
     "```", "~~~", "$$", "<pre>", "</pre>", "<!--", "-->", "<div>", "</div>", "# m", "---", "| n |", "| - |",
     "[o]:", "\u00a0"]
)  # fmt: skip
"""Lines that make code, or keep each other from being code."""
TAGGED = st.lists(st.one_of(st.sampled_from(MARKS), TEXT), max_size=25).map("".join)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def page_of(markdown: str, kind: Kind = Kind.NOTION_MARKDOWN) -> Page:
    return cleaning.page_of(markdown, kind, columns=frozenset({"Status", "a"}))


# A removed target or attribute list was never words to a reader, with or without its brackets.
TARGET = r"#\S*|\S*[%/]\S*\.(?:md|png)|https?://\S+|\{color=.*\}"


def words(markdown: str) -> Counter[str]:
    """What a reader sees: no tags, no link targets, no invisible characters."""
    seen = re.sub("[\u200b\u2060\ufeff\u00ad]", "", markdown)
    seen = re.sub(r"(?<=\])\(\S*?\)(?=\W|$)", " ", seen)
    seen = re.sub(r"</?[a-z][^<>\n]*>", " ", seen)
    return Counter(re.findall(r"\w+", seen))


def fences(markdown: str) -> list[str]:
    return [token.content for token in MarkdownIt("commonmark").parse(markdown) if token.type == "fence"]


def accounted(page: Page) -> tuple[Counter[str], Counter[str]]:
    """Words before, and words afterwards with those of the record."""
    cleaned = clean(page)
    after = words(cleaned.page.markdown)
    for removal in cleaned.removals:
        if not re.fullmatch(TARGET, removal.text):
            after += words(removal.text)
    return words(page.markdown), after


@QUICK
@given(NOTION_PAGES)
def test_every_word_of_a_notion_page_is_in_the_page_or_on_record(markdown):
    before, after = accounted(page_of(re.sub(r"\[https://\S+\]\(\S+\)", "", markdown)))
    assert before == after


@QUICK
@given(LARK_PAGES)
def test_every_word_of_a_lark_page_is_in_the_page_or_on_record(markdown):
    text = re.sub(r"\{color=\"blue\"\}|\[https://\S+\]\(\S+\)", "", markdown)
    before, after = accounted(page_of(text, Kind.LARK_MARKDOWN))
    members = text.count("<mention-user")
    # The only words that cleaning adds: one stand-in for each member whose name is not in the export.
    stand_in = before + Counter({"同事": members}), before + Counter({"a": members, "colleague": members})
    assert after in stand_in


@QUICK
@given(NOTION_PAGES)
def test_every_word_that_a_rule_takes_is_on_the_record_of_that_rule(markdown):
    for step in cleaning.steps(page_of(re.sub(r"\[https://\S+\]\(\S+\)", "", markdown))):
        after = words(step.after.markdown)
        for removal in removals(step.rule.name, step.shown, step.after):
            if not re.fullmatch(TARGET, removal.text):
                after += words(removal.text)
        assert after == words(step.shown.markdown), step.rule.name


@QUICK
@given(st.one_of(NOTION_PAGES, LARK_PAGES, TAGGED), KINDS)
def test_the_record_holds_only_what_stood_in_the_page(markdown, kind):
    page = page_of(markdown, kind)
    for removal in clean(page).removals:
        if len(removal.text.split()) == 1:
            assert removal.text in markdown


@QUICK
@given(st.one_of(NOTION_PAGES, LARK_PAGES, DIRT, TAGGED), DIRT, KINDS)
def test_a_rule_whose_trigger_does_not_fire_would_change_nothing(text, title, kind):
    for step in cleaning.steps(replace(page_of(text, kind), title=title)):
        assert step.rule.concerns(step.shown) or step.after == step.shown, step.rule.name


@QUICK
@given(st.one_of(NOTION_PAGES, LARK_PAGES), KINDS)
def test_a_rule_that_changes_nothing_gives_back_the_page_that_it_was_given(markdown, kind):
    for step in cleaning.steps(page_of(markdown, kind)):
        assert step.after is step.shown or step.after != step.shown, step.rule.name


@QUICK
@given(NOTION_PAGES, KINDS)
def test_cleaning_a_clean_page_changes_nothing(markdown, kind):
    once = clean(page_of(markdown, kind)).page
    again = clean(once)
    assert again.page == once
    assert again.removals == ()


@QUICK
@given(st.one_of(DIRT, TAGGED), KINDS)
def test_any_text_is_cleaned_without_an_error_and_for_good(text, kind):
    once = clean(page_of(text, kind)).page
    assert clean(once).page == once


@QUICK
@given(st.lists(st.one_of(BLOCKS, LARK_BLOCKS), max_size=6), CODE, KINDS)
def test_fenced_code_is_untouched_byte_for_byte(blocks, code, kind):
    markdown = "\n\n".join([*blocks, fence(code), *blocks])
    assert fences(clean(page_of(markdown, kind)).page.markdown) == fences(markdown)


@QUICK
@given(NOTION_PAGES)
def test_a_rewrite_that_does_nothing_gives_the_same_text(markdown):
    assert outside_code(markdown, lambda text: text) == markdown


@QUICK
@given(st.one_of(NOTION_PAGES, DIRT, st.lists(CODED, max_size=12).map("\n".join)), st.booleans())
def test_scanning_only_where_code_may_be_finds_the_same_code(text, indented):
    mask.cache_clear()
    found = mask(text, indented=indented)
    mask.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "_suspects", scan)
        assert mask(text, indented=indented) == found
    mask.cache_clear()


@QUICK
@given(DIRT)
def test_masking_is_undone_for_any_text(text):
    assert outside_code(text, lambda masked: masked) == text


@QUICK
@given(st.one_of(NOTION_PAGES, LARK_PAGES, TAGGED), KINDS)
def test_without_a_record_the_page_is_the_same(markdown, kind):
    assert tidied(page_of(markdown, kind)) == clean(page_of(markdown, kind)).page
