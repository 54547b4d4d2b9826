"""Chatwoot expands outgoing text as a Liquid template, in which the contact's data can be named (rule 25)."""

from __future__ import annotations

import regex

_OPENING = regex.compile(r"\{(?=[{%])")
_WORD_JOINER = "\u2060"


def neutral(text: str) -> str:
    """The text with Liquid's openings broken by an invisible character: `{{` and `{%` are then only text."""
    return _OPENING.sub("{" + _WORD_JOINER, text)
