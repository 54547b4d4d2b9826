"""What Dify does to every text it stores, whatever the rules of the dataset say.

Its cleaner's control-character class was written in bytes, so that three letters fall into it, and it
rewrites two model markers (recorded on 1.13.0; contract §10). We send what survives, and compare what
comes back with `stored`, so that a difference means that somebody else changed something.
"""

from __future__ import annotations

import re

_SPELLED_OTHERWISE = {"ï": "i\u0308", "Ï": "I\u0308", "¾": "3/4", "=====KBTOOL=====": "==== KBTOOL ===="}
_LEADING_SYMBOLS = re.compile(
    "^[\\[\\]\u2000-\u2025\u2027-\u206f\u2e00-\u2e7f\u3000-\u300f\u3011-\u303f\"#$%&'()*+,./:;<=>?@^_`~]+"
)
_DROPPED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xef\xbf\xbe\ufffe]")


def sendable(text: str) -> str:
    """The same text in what survives: `ï` decomposed, `¾` written out, our own separator broken."""
    for lost, kept in _SPELLED_OTHERWISE.items():
        text = text.replace(lost, kept)
    return text


def storable(text: str) -> str:
    """The same text as every database takes it. JSON can carry half a character, and a stream both halves in
    two events: they are put together, and what stays half becomes `�`. NUL, which PDFs leave in pages, goes.
    """
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return whole.replace("\x00", "")


def stored(text: str) -> str:
    """What Dify will have stored for a text that was sent: `¿` and control characters gone, `<|` as `<`."""
    return _DROPPED.sub("", text.replace("<|", "<").replace("|>", ">"))


def stored_chunk(text: str) -> str:
    """What Dify will have stored as one chunk: a full stop at its beginning is lost too (recording 199)."""
    kept = stored(text)
    return kept[1:].strip() if kept.startswith((".", "。")) else kept


def flat_chunk(text: str) -> str:
    """What Dify will have stored as a chunk of the flat form: symbols at its beginning go (recording 033)."""
    return _LEADING_SYMBOLS.sub("", stored(text)).strip()
