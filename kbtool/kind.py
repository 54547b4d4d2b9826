"""What an export is made of. By itself, since the command line needs no more of the model to start."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """The export form that a page came from; the cleaning rules are chosen by it."""

    NOTION_MARKDOWN = "notion-markdown"
    NOTION_HTML = "notion-html"
    NOTION_DATABASE = "notion-database"
    LARK_BLOCKS = "lark-blocks"
    LARK_MARKDOWN = "lark-markdown"
    DOCX = "docx"
    SPREADSHEET = "spreadsheet"
    MARKDOWN = "markdown"
    HTML = "html"
