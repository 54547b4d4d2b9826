"""The cleaning rules in the order in which they run, for which kinds of page, and when.

Order matters in a few places only, and they say why. The table runs again until nothing changes, since
one rule's work can be another's reason (an image that goes leaves a bullet empty); by then few triggers fire.
"""

from __future__ import annotations

import re

from kbtool.clean import blocks, bold, callouts, contents, images, lark, lark_html, links, properties, text
from kbtool.clean.rule import Rule, View, always, holding, line_with
from kbtool.model import Kind

ALL = frozenset(Kind)
NOTION_MARKDOWN = frozenset({Kind.NOTION_MARKDOWN})
NOTION = frozenset({Kind.NOTION_MARKDOWN, Kind.NOTION_HTML, Kind.NOTION_DATABASE})
LARK = frozenset({Kind.LARK_MARKDOWN, Kind.LARK_BLOCKS})
TAGGED = frozenset({Kind.LARK_MARKDOWN})  # blocks hold text: a tag there is one that an author wrote about
EXPORTED = NOTION | LARK  # a plain Markdown folder was written by hand: `---` may make a heading there

_LINK_FIRST = line_with(links.FIRST_IN_LINE)
_IMAGE = holding("![")
_TAG = holding("<")

RULES: tuple[Rule, ...] = (
    Rule(text.unify_newlines, ALL, holding("\r", "\ufeff"), View.RAW),
    Rule(properties.split_properties, NOTION, always, View.RAW),  # before anything moves the first line
    Rule(properties.plain_relations, NOTION, always, View.RAW),
    Rule(
        blocks.outdent_children, NOTION_MARKDOWN, blocks.may_have_children, View.RAW
    ),  # or they pass for code
    Rule(text.plain_spaces, ALL, text.is_unusual, titles=True),
    Rule(callouts.quote_callouts, NOTION, holding("<aside>")),
    Rule(lark.drop_comments, TAGGED, holding("<!--"), View.TAGS),
    Rule(lark.lark_attributes, TAGGED, holding("{"), View.TAGS),
    Rule(lark.lark_inline, TAGGED, _TAG, View.TAGS),  # before the tables and quotes that hold inline tags
    Rule(lark_html.html_marks, TAGGED, _TAG, View.TAGS),
    Rule(lark.lark_addresses, TAGGED, re.compile("%3a", re.IGNORECASE).search, View.TAGS),
    Rule(lark.lark_images, TAGGED, holding("<", "!["), View.TAGS),
    Rule(lark.lark_placeholders, TAGGED, _TAG, View.TAGS),
    Rule(lark.lark_grids, TAGGED, _TAG, View.TAGS),
    Rule(lark_html.html_paragraphs, TAGGED, _TAG, View.TAGS),  # would cut tables; stand inside quotes
    Rule(lark.lark_quotes, TAGGED, _TAG, View.TAGS),
    Rule(lark.lark_layout, TAGGED, _TAG, View.TAGS),
    Rule(lark.lark_headings, TAGGED, holding("<", "#######"), View.TAGS),
    Rule(lark.lark_breaks, TAGGED, holding("<br"), View.TAGS),
    Rule(lark.lark_alerts, TAGGED, holding("[!", ">"), View.TAGS),  # an icon may begin any quote
    Rule(lark.drop_named_emoji, LARK, holding(":"), View.TAGS),
    Rule(lark_html.plain_entities, TAGGED, holding("&"), View.TAGS),  # when no tag is left to be read
    Rule(contents.drop_contents, ALL, contents.may_have_contents),  # while its lines are still links
    Rule(links.drop_subpage_lines, ALL, _LINK_FIRST),
    Rule(links.drop_attachments, EXPORTED, _LINK_FIRST),
    Rule(images.drop_repeated_captions, ALL, _IMAGE),  # while the captions are still in the images
    Rule(images.plain_images, ALL, _IMAGE),
    Rule(links.unlink_pages, ALL, links.LOCAL.search),
    Rule(links.collapse_bookmarks, ALL, links.ADDRESS_AS_TEXT.search),
    Rule(links.plain_dates, NOTION, links.DATE_MENTION.search),
    Rule(lark.name_members, LARK, holding("<mention-user", "ou_"), View.TAGS),  # when what is left is text
    Rule(text.drop_title_emoji, ALL, text.MAY_BE_PICTORIAL.search, titles=True),
    Rule(text.plain_headings, ALL, re.compile(r"#[ \t]+\*\*").search),
    Rule(bold.mend_bold, ALL, bold.is_broken),
    Rule(blocks.tidy_todos, ALL, re.compile(r"\[[ xX]\][ \t]{2}").search),
    Rule(blocks.drop_empty_items, EXPORTED, line_with(blocks.EMPTY_ITEM)),
    Rule(blocks.drop_dividers, EXPORTED, line_with(blocks.DIVIDER)),
    Rule(blocks.tidy_lines, ALL, blocks.is_untidy),
)
