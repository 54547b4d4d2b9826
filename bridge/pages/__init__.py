"""What the bridge's pages share: one look, words in English and Chinese, and what keeps them safe.

languages.py   which of the two a browser gets
guarding.py    headers, whose form this is, and the reading of one
rendering.py   template + words → page; styles and scripts under addresses that change with them

A page is server-rendered and works without its script, but for what only a script can do.
"""

from __future__ import annotations

from bridge.pages.guarding import form_of, headers, is_own
from bridge.pages.languages import Language, language_of
from bridge.pages.rendering import Pages

__all__ = ["Language", "Pages", "form_of", "headers", "is_own", "language_of"]
