"""The block structure of a page, at the speed of its lines.

A Markdown parser in Python takes milliseconds for a page of 10 kB. What chunking and cleaning want to know of
it, where headings, code, tables and lists stand, can be seen from the beginnings of its lines. The result is
the one that markdown-it-py gives (CommonMark with tables): `tests/test_scan.py` holds both side by side, and
what the scanner does not read itself is read by that parser.

    line.py     what a line can begin or end
    blocks.py   the blocks of a page, one after the other
    nested.py   lists and quotes: where they end, and the blocks inside them
    parser.py   the odd rest, by markdown-it-py
"""

from __future__ import annotations

from kbtool.scan.block import Block
from kbtool.scan.blocks import begins_anew, scan

__all__ = ["Block", "begins_anew", "scan"]
