"""Which language a customer is answered in: by common sentences, with and without a channel's hint."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.speech.language import LANGUAGES, language_of
from bridge.speech.when import when
from bridge.speech.words import WORDS, words_for
from kbtool.smalltalk import Smalltalk

SENTENCES = json.loads((Path(__file__).parent / "data" / "customers.json").read_text(encoding="utf-8"))
COMMON = [(language, text) for language, texts in SENTENCES["common"].items() for text in texts]
LATER = [
    (language, text)
    for batch in ("later", "unseen")
    for language, texts in SENTENCES[batch].items()
    for text in texts
]
"""Written after the word lists; `unseen` also after everything else in `bridge.language`."""


@pytest.mark.parametrize(("language", "text"), COMMON, ids=[text for _, text in COMMON])
def test_a_common_sentence_shows_its_language(language: str, text: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(("language", "text"), LATER, ids=[text for _, text in LATER])
def test_with_the_channels_hint_no_sentence_is_taken_for_another_language(language: str, text: str) -> None:
    assert language_of(text, language) == language


def test_without_a_hint_few_sentences_of_few_words_are_taken_for_another_language() -> None:
    """Two words in which nothing but the nouns says it; those that es and pt share."""
    unseen = [(language, text) for language, texts in SENTENCES["unseen"].items() for text in texts]
    wrong = [text for language, text in unseen if language_of(text) != language]
    assert len(wrong) / len(unseen) <= 0.1, wrong


@pytest.mark.parametrize(
    ("text", "hint", "language"),
    [
        ("Wo ist mein Paket?", "en-US", "de"),
        ("怎么退货", "de", "zh"),
        ("返品", "ja", "ja"),
        ("4711", "pt_BR", "pt"),
        ("4711", "", "en"),
        ("4711", "tlh", "en"),
        ("hello", "zh", "en"),
        ("", "fr", "fr"),
        ("https://shop.example/der-die-das", "es", "es"),
    ],
)
def test_what_is_written_comes_before_the_hint_and_english_last(text: str, hint: str, language: str) -> None:
    assert language_of(text, hint) == language


@settings(deadline=None)
@given(st.text(), st.text(max_size=8))
def test_every_text_has_one_of_the_languages_that_the_bridge_speaks(text: str, hint: str) -> None:
    assert words_for(text, hint) is WORDS[language_of(text, hint)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything_in_its_own_words(language: str) -> None:
    words = WORDS[language]
    assert words.language == language
    said = [getattr(words, name) for name in words.__slots__ if name not in {"language", "away"}]
    assert all(said)
    assert len(set(said)) == len(said)
    assert all(words.answer_to(talk) for talk in Smalltalk)
    others = [other for other in LANGUAGES if other != language]
    assert not any(set(said) & {getattr(WORDS[o], n) for n in words.__slots__} for o in others)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bridge_recognises_its_own_sentences(language: str) -> None:
    words = WORDS[language]
    for sentence in (
        words.clarify,
        words.handoff,
        words.degraded,
        words.unheard,
        words.unseen,
        words.in_words,
    ):
        assert language_of(sentence) == language


# When somebody is back

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("before", "language", "said"),
    [
        (timedelta(hours=2), "en", "today at 09:00 (Europe/Berlin)"),
        (timedelta(hours=12), "en", "tomorrow at 09:00 (Europe/Berlin)"),
        (timedelta(days=2), "en", "on Monday at 09:00 (Europe/Berlin)"),
        (timedelta(days=2), "de", "Am Montag ab 09:00 Uhr (Europe/Berlin)"),
        (timedelta(days=2), "pt", "na segunda-feira às 09:00 (Europe/Berlin)"),
        (timedelta(days=9), "fr", "le 2026-11-23 à 09:00 (Europe/Berlin)"),
        (timedelta(hours=2), "ja", "本日 09:00（Europe/Berlin）"),
        (timedelta(hours=12), "zh", "明天 09:00（Europe/Berlin）"),
        (timedelta(hours=12), "es", "mañana a las 09:00 (Europe/Berlin)"),
    ],
)
def test_a_time_is_said_as_people_say_it(before: timedelta, language: str, said: str) -> None:
    assert when(MONDAY, (MONDAY - before).astimezone(UTC), language) == said


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_writes_at_night_is_told_when_somebody_is_back(language: str) -> None:
    said = WORDS[language].away_until(MONDAY, MONDAY - timedelta(days=2))
    assert "09:00" in said
    assert "{" not in said
    assert language_of(said) == language
