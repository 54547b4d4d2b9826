"""The three forms in which a page can lie in Dify, by name; what each sends is in `render.py`. Pure.

A dataset's first document fixes its `doc_form`, so another form needs another dataset (recording 081).
"""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """`[dify] form`.

    parent-child  sections are answered from, subsections searched; cut by Dify at our separators
    flat          one chunk per subsection, searched and answered from; Dify strips symbols at its beginning
    segments      as parent-child, but every section is sent by itself: exact to the character, and slower
    """

    PARENT_CHILD = "parent-child"
    FLAT = "flat"
    SEGMENTS = "segments"

    @property
    def doc_form(self) -> str:
        """Dify's own name."""
        return "text_model" if self is Form.FLAT else "hierarchical_model"
