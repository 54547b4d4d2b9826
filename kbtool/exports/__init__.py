"""Reading exports: zips, folders and files of Notion, Lark or plain Markdown, as pages.

    archive → catalog     what files there are; nothing is read yet
    reading               one file → draft, by the reader of its form
    survey → tree         what is known of each page → where each stands
    placing               draft + place → page

What is done to the pages' text afterwards is `kbtool.clean`.
"""

from __future__ import annotations

from kbtool.exports.pages import Export, read

__all__ = ["Export", "read"]
