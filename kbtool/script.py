"""Writing systems: which one a text is in, and when two texts say the same in spite of spelling.

Script ranges are enough to tell Chinese, Japanese and Korean from the rest; telling Latin-script
languages apart is left to whoever knows (a golden question says its language itself).
"""

from __future__ import annotations

import unicodedata

import regex

# Runs, not single characters: a page is asked several times, and what is counted is the length.
_HAN = regex.compile(r"\p{Han}+")
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]+")
_CJK = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]+")
_LETTERS = regex.compile(r"\p{L}+")
_ASCII = bytes(range(128))
_NO_ASCII_LETTER = bytes(code for code in range(256) if not chr(code).isalpha() or code > 127)
_BETWEEN_CJK = regex.compile(
    r"(?<=[\p{Han}\p{Hiragana}\p{Katakana}\p{P}])\s+|\s+(?=[\p{Han}\p{Hiragana}\p{Katakana}])"
)
_NOT_WORD = regex.compile(r"[^\p{L}\p{N}]+")
_ACCENTS = regex.compile(r"[\u0300-\u036f]")
_ACCENTED = regex.compile(r"\p{Latin}[\p{Latin}\p{M}]*")
_STRAIGHT = str.maketrans("‘’‛ʼ´“”„‟", "'" * 5 + '"' * 4)


def is_mostly_cjk(text: str) -> bool:
    """Whether more than half of the letters are Han, kana or hangul (an embedder's token each)."""
    cjk, letters, _ = _counted(text)
    return cjk * 2 > letters > 0


def language(text: str) -> str:
    """The code "zh", "ja" or "ko" by script, else "": Latin script does not say which language."""
    cjk, letters, rest = _counted(text)
    if not cjk * 2 > letters > 0:
        return ""
    kana, han = _length(_KANA, rest), _length(_HAN, rest)
    hangul = cjk - kana - han
    if hangul > han + kana:
        return "ko"
    # Japanese prose is about half kana; a Chinese page may quote a Japanese name.
    return "ja" if kana * 5 > han else "zh"


def _counted(text: str) -> tuple[int, int, str]:
    """CJK characters, letters of any script, and the text without ASCII: bytes are sorted out much faster."""
    if text.isascii():
        return 0, 0, ""
    data = text.encode(errors="ignore")
    ascii_letters = len(data.translate(None, delete=_NO_ASCII_LETTER))
    rest = data.translate(None, delete=_ASCII).decode()
    return _length(_CJK, rest), ascii_letters + _length(_LETTERS, rest), rest


def _length(pattern: regex.Pattern[str], text: str) -> int:
    """Characters in all matches together."""
    return sum(map(len, pattern.findall(text)))


def straight_quotes(text: str) -> str:
    """Apostrophes and quotation marks as a keyboard has them: people type `don't`, models write `don’t`."""
    return text.translate(_STRAIGHT)


def fold(text: str) -> str:
    """The text without what does not change its meaning.

    That is width, case, the shape of quotation marks, and runs of white space (none in CJK).
    """
    folded = " ".join(unicodedata.normalize("NFKC", straight_quotes(text)).casefold().split())
    return _BETWEEN_CJK.sub("", folded)


def plain(text: str) -> str:
    """The text as customers' phrases are looked for: folded, and without the accents that they leave out.

    The voicing marks of kana stay: they make another word.
    """
    folded = fold(text)
    if folded.isascii():
        return folded
    bare = _ACCENTED.sub(lambda m: _ACCENTS.sub("", unicodedata.normalize("NFD", m[0])), folded)
    return bare.replace("œ", "oe")


def as_pattern(text: str) -> regex.Pattern[str] | None:
    """The regular expression that a golden file writes as `/…/`, None for any other text.

    Raises ValueError for one that is no regular expression.
    """
    if len(text) < 3 or not (text.startswith("/") and text.endswith("/")):
        return None
    try:
        return regex.compile(text[1:-1], regex.IGNORECASE | regex.MULTILINE)
    except regex.error as error:
        raise ValueError(f"{text} is no regular expression: {error}") from error


def slugify(text: str) -> str:
    """A readable name in any script: letters and digits, joined by hyphens."""
    return _NOT_WORD.sub("-", unicodedata.normalize("NFKC", text).casefold()).strip("-")
