"""What counts as a keyword of a text: words as they are written, and pairs where no spaces are."""

from __future__ import annotations

import re

_WORDS = re.compile(
    "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}|[^\\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+"
)


def keywords_in(text: str) -> list[str]:
    """Each keyword of `text` once. Case counts: "refunds" is not "Refunds" [186, 191]."""
    return list(dict.fromkeys(_WORDS.findall(text)))
