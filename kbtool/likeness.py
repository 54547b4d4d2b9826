"""How much two short questions ask the same. Pure; English and Chinese, and whatever has words.

What `kbtool.duplicates` does for pages does not do for questions: they are too short to sample. Here a
question is the pieces of its words, three letters each, so that inflections meet (`refund`, `refunded`), and
the pairs of its Chinese characters; words that every question has are left out. Two questions are as like as
the cosine of their pieces.
"""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache

import regex

from kbtool.script import straight_quotes

ALIKE = 0.62
"""From here on two questions ask the same."""
RELATED = 0.3
"""From here on they do where the same section was the nearest to both."""

_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]+|[\p{L}\p{N}\[\]]+")
_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_PIECE = 3
_STOP_WORDS = """
a about after again all also am an and any anyone are as at be been but by can cannot could did do does done
dear for from get give go got had has have hello help hey hi how i if in into is it its just know let like may
me must my need no not now of ok on or our out please possible quick question should so some someone tell than
thank thanks that the their them then there these they this to too us want was way we were what which who why
will with would you your s t m re ve ll d
"""
_STOP = frozenset(_STOP_WORDS.split())
_STOP_CJK = regex.compile(
    r"请问|你好|您好|你们|您们|我们|我的|想问|一下|怎么样|怎么|怎样|如何|为什么|什么|是否|可以|能不能|可不可以|"
    r"需要|谢谢|麻烦|[的了吗呢吧啊呀么我你您他她它是在有和与及就都也还要想能会把被给让请]"
)


def likeness(one: str, other: str) -> float:
    """From 0, nothing in common, to 1. Texts without a word that tells are like only themselves."""
    a, b = pieces(one), pieces(other)
    if not a or not b:
        return float(" ".join(one.casefold().split()) == " ".join(other.casefold().split()))
    return len(a & b) / math.sqrt(len(a) * len(b))


@lru_cache(maxsize=8192)
def pieces(text: str) -> frozenset[str]:
    """What is compared of a text."""
    folded = unicodedata.normalize("NFKC", straight_quotes(text)).casefold().replace("什么时候", "多久")
    found: set[str] = set()
    for word in _WORD.findall(folded):
        if _CJK.match(word):
            for rest in _STOP_CJK.split(word):
                found |= {rest[at : at + 2] for at in range(max(1, len(rest) - 1))} if rest else set()
        elif word not in _STOP and not word.startswith("["):
            padded = f"^{word}$"
            found |= {padded[at : at + _PIECE] for at in range(max(1, len(padded) - _PIECE + 1))}
    return frozenset(found)
