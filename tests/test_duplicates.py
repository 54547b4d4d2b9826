"""Which pages say the same, and which of them is older."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from kbtool.duplicates import Duplicate, Sketched, find, likeness, sketch

WORDS = [f"{one}{two}" for one in "bdfgklmnprst" for two in ("an", "eto", "ix", "ou", "urr", "y")]


def prose(seed: int, words: int = 400) -> list[str]:
    return random.Random(seed).choices(WORDS, k=words)


def page(name: str, words: list[str], edited: str = "") -> Sketched:
    return Sketched(name, sketch(" ".join(words)), edited)


def test_the_same_text_is_found_whatever_its_marks_and_capitals():
    one, other = sketch("**Two** years, for\neverybody."), sketch("# two years for EVERYBODY")
    assert likeness(one, other) == 1.0
    assert find([Sketched("a", one), Sketched("b", other)]) == [Duplicate("b", "a", 1.0, "")]


def test_a_copy_with_a_few_words_changed_is_found_and_the_older_is_named():
    text = prose(1)
    copy = [*text[:200], "except", "on", "holidays", *text[203:]]
    (found,) = find([page("new", text, "2026-03-01"), page("old", copy, "2024-03-01"), page("x", prose(2))])
    assert (found.name, found.like, found.older) == ("old", "new", "old")
    assert 0.85 <= found.likeness < 1


def test_other_texts_of_the_same_words_are_not_alike():
    assert find(page(str(seed), prose(seed)) for seed in range(30)) == []


def test_pages_without_a_word_are_not_alike():
    assert find([Sketched("a", sketch("")), Sketched("b", sketch("---"))]) == []


def test_the_estimate_is_near_the_truth():
    def pieces(words: list[str]) -> set[str]:
        text = "".join(words)
        return {text[at : at + 5] for at in range(len(text) - 4)}

    text = prose(3)
    for changed in (10, 40, 120):
        other = [*text[:-changed], *prose(4, changed)]
        truth = len(pieces(text) & pieces(other)) / len(pieces(text) | pieces(other))
        assert abs(likeness(sketch(" ".join(text)), sketch(" ".join(other))) - truth) < 0.15


@given(st.text(max_size=500), st.text(max_size=500))
def test_likeness_is_even_handed_and_between_zero_and_one(one, other):
    a, b = sketch(one), sketch(other)
    assert 0.0 <= likeness(a, b) == likeness(b, a) <= 1.0
    assert likeness(a, a) == 1.0
