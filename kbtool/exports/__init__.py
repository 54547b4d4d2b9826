"""Reading exports: zips, folders and files of Notion, Lark or plain Markdown, as pages.

`read` is the edge; what is done to the pages' text afterwards is `kbtool.clean`.
"""

from __future__ import annotations

from kbtool.exports.reading import Export, read

__all__ = ["Export", "read"]
