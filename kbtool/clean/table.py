"""The cleaning rules in the order in which they run, and for which kinds of page.

Order matters in a few places only, and they say why. The table runs again until nothing changes, since
one rule's work can be another's reason (an image that goes leaves a bullet empty).
"""

from __future__ import annotations

from collections.abc import Callable

from kbtool.clean import blocks, images, lark, lark_html, links, properties, text
from kbtool.model import Kind, Page

Rule = Callable[[Page], Page]

ALL = frozenset(Kind)
NOTION = frozenset({Kind.NOTION_MARKDOWN, Kind.NOTION_HTML, Kind.NOTION_DATABASE})
LARK = frozenset({Kind.LARK_MARKDOWN, Kind.LARK_BLOCKS})
TAGGED = frozenset({Kind.LARK_MARKDOWN})  # blocks hold text: a tag there is one that an author wrote about
EXPORTED = NOTION | LARK  # a plain Markdown folder was written by hand: `---` may make a heading there

RULES: tuple[tuple[Rule, frozenset[Kind]], ...] = (
    (text.unify_newlines, ALL),
    (properties.split_properties, NOTION),  # before anything moves the first line
    (properties.plain_relations, NOTION),
    (text.plain_spaces, ALL),
    (blocks.quote_callouts, NOTION),
    (lark.drop_comments, TAGGED),
    (lark.lark_attributes, TAGGED),
    (lark.lark_inline, TAGGED),  # inline and image tags before the tables and quotes that hold them
    (lark_html.html_marks, TAGGED),
    (lark.lark_addresses, TAGGED),
    (lark.lark_images, TAGGED),
    (lark.lark_placeholders, TAGGED),
    (lark.lark_grids, TAGGED),
    (lark_html.html_paragraphs, TAGGED),  # after the tables, which it would cut; before the quotes of them
    (lark.lark_quotes, TAGGED),
    (lark.lark_layout, TAGGED),
    (lark.lark_headings, TAGGED),
    (lark.lark_breaks, TAGGED),
    (lark.lark_alerts, TAGGED),
    (lark.drop_named_emoji, LARK),
    (lark_html.plain_entities, TAGGED),  # when no tag is left to be read
    (links.drop_contents, ALL),  # while its lines are still links
    (links.drop_subpage_lines, ALL),
    (images.drop_repeated_captions, ALL),  # while the captions are still in the images
    (images.plain_images, ALL),
    (links.unlink_pages, ALL),
    (links.collapse_bookmarks, ALL),
    (links.plain_dates, NOTION),
    (lark.name_members, LARK),  # when what is left is text, whose script says which word
    (text.drop_title_emoji, ALL),
    (text.plain_headings, ALL),
    (text.mend_bold, ALL),
    (blocks.tidy_todos, ALL),
    (blocks.drop_empty_items, EXPORTED),
    (blocks.drop_dividers, EXPORTED),
    (blocks.tidy_lines, ALL),
)
