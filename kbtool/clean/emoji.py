r"""Emoji at the start of titles and headings.

A sequence pattern, since single properties go wrong: `\p{Emoji}` holds the digits, `#` and `*`, and
`\p{Extended_Pictographic}` holds © ™ ® and misses flags. Signs that are also writing (© ™ ® ↔ ★ ✓) stay.
"""

from __future__ import annotations

import regex

_ONE = (
    r"(?:\p{RI}\p{RI}"
    r"|[0-9#*]\uFE0F?\u20E3"
    r"|(?![\u00A9\u00AE\u2122])"
    r"(?:\p{Emoji_Presentation}|(?![0-9#*])\p{Emoji}\uFE0F|(?=[\u2600-\u27BF\U0001F000-\U0001FAFF])\p{Emoji})"
    r"\uFE0F?\p{EMod}?(?:[\U000E0020-\U000E007F]+)?)"
)
_RUN = regex.compile(rf"(?:{_ONE}(?:\u200D{_ONE})*[\uFE0F\u200D]*[ \t\u00A0]*)+")


def strip_leading(text: str) -> str:
    """`text` without the emoji it begins with; unchanged when it holds nothing else."""
    rest = without_leading(text)
    return rest if rest.strip() else text


def without_leading(text: str) -> str:
    """`text` without the emoji it begins with, even when nothing is left."""
    run = _RUN.match(text)
    return text[run.end() :] if run else text
