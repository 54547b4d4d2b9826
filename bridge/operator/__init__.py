"""The operator's pages: who may see them, their words, their templates. What they show is other rooms'.

They stand on the operator's address, which is this machine's alone, so nobody logs in. What a browser can be
made to do from another site is refused all the same (`guard.py`).
"""

from __future__ import annotations

from pathlib import Path

from bridge.operator.words import WORDS
from bridge.pages import Pages

PREFIX = "/operator"
"""Where their style and script are."""


def operator_pages() -> Pages:
    """Made once: it reads the templates."""
    return Pages(Path(__file__).parent, "operator", PREFIX, WORDS)
