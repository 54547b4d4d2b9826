"""Whether a text is written as a language is: by the scripts of its words."""

from __future__ import annotations

import regex


def is_written_in(text: str, language: str) -> bool:
    """Whether the text is in the writing system of a language (`en`, `zh-TW`), word by word.

    Names of products stay in Latin letters in every language, so where others are written in, a quarter of
    the words is enough; for Latin letters it is half. A text without letters is in every language, and so is
    any text where a language's script is not known here. Which of two languages of one script it is in,
    script alone cannot say, but for Chinese, Japanese and Korean.
    """
    script = _SCRIPTS.get(language.split("-", maxsplit=1)[0].casefold(), "")
    counts = {name: len(pattern.findall(text)) for name, pattern in _WORDS_OF.items()}
    total = sum(counts.values())
    if not script or not total:
        return True
    if script == "Japanese":  # kanji alone is a heading; prose has kana
        return counts["Kana"] > 0 or counts["Han"] * 4 >= total
    if script == "Han" and counts["Kana"] * 5 > counts["Han"]:
        return False
    return counts[script] * (2 if script == "Latin" else 4) >= total


_SCRIPTS = {
    code: script
    for script, codes in {
        "Latin": "en de fr es it pt nl pl cs sk hu ro sv da nb nn no fi et lv lt sl hr tr id ms vi ca eu ga",
        "Cyrillic": "ru uk bg be mk",
        "Greek": "el",
        "Arabic": "ar fa ur",
        "Hebrew": "he",
        "Thai": "th",
        "Devanagari": "hi mr ne",
        "Hangul": "ko",
        "Japanese": "ja",
        "Han": "zh",
    }.items()
    for code in codes.split()
}
_WORDS_OF = {
    **{
        script: regex.compile(rf"\p{{{script}}}[\p{{{script}}}\p{{M}}'’]*")
        for script in ("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari")
    },
    # Without spaces between words a word is about two signs; in Hangul and Thai a little more.
    "Han": regex.compile(r"\p{Han}{1,2}"),
    "Kana": regex.compile(r"[\p{Hiragana}\p{Katakana}ー]{1,3}"),
    "Hangul": regex.compile(r"\p{Hangul}{1,3}"),
    "Thai": regex.compile(r"[\p{Thai}\p{M}]{1,5}"),
}
