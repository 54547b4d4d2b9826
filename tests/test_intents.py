"""What a customer wants that no page should answer: found in seven languages, and not where it is a topic."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool import golden
from kbtool.config import load
from kbtool.intents import NAMES, Intents
from kbtool.script import plain

ROOT = Path(__file__).parent.parent
CASES = tomllib.loads((ROOT / "tests" / "cases" / "intents.toml").read_text(encoding="utf-8"))
LANGUAGES = {"en", "zh", "ja", "es", "de", "fr", "pt"}
SAID = [(intent, text) for intent, each in CASES.items() for texts in each.values() for text in texts]
ALL = Intents()


@pytest.mark.parametrize(("intent", "text"), SAID, ids=[text for _, text in SAID])
def test_an_intent_is_found_and_a_topic_is_not(intent: str, text: str) -> None:
    found = ALL.find(text)
    assert (found.intent if found else "none") == intent


def test_every_intent_has_cases_in_seven_languages() -> None:
    assert set(CASES) == {*NAMES, "none"}
    assert all(set(each) == LANGUAGES for each in CASES.values())


def test_no_golden_question_that_a_page_answers_is_taken_away() -> None:
    settings = load(ROOT / "kb.toml")
    questions = golden.load(settings.root, settings.evals.golden).questions
    taken = [g.id for g in questions if g.answerable and settings.policy.intents.find(g.question)]
    assert taken == []


def test_an_intent_is_switched_off_and_others_are_added() -> None:
    own = Intents.of(
        {"complaint": False, "recall": ("product recall", "/rückruf/"), "legal": ("Paragraf 5",)}
    )
    assert own.find("I want to complain") is None
    found = own.find("Is there a Product  Recall?")
    assert found is not None
    assert (found.intent, found.words) == ("recall", "product recall")
    assert own.find("gibt es einen Rückruf") is None, "an expression is over the text without accents"
    assert Intents.of({"recall": ("/ruckruf/",)}).find("gibt es einen Rückruf") is not None
    assert own.find("PARAGRAF 5!") is not None
    assert own.find("paragraf 51") is None
    assert "complaint" not in own.names
    assert own.names[-1] == "recall"


@pytest.mark.parametrize("phrase", ["", "  ", "/(/", "//"])
def test_a_phrase_that_finds_everything_or_nothing_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match=r"recall|expression"):
        Intents.of({"recall": (phrase,)})


def test_of_a_pasted_document_the_beginning_and_the_end_are_searched() -> None:
    page = "The label costs six euros. " * 2000
    for text in (f"I want my money back. {page}", f"{page} I want my money back."):
        found = ALL.find(text)
        assert found is not None
        assert found.intent == "money_back"
    assert ALL.find(page) is None


def test_who_is_hurt_and_wants_the_money_back_is_hurt() -> None:
    found = ALL.find("I want my money back, I got burned!")
    assert found is not None
    assert found.intent == "injury"


@given(st.text(max_size=200))
def test_any_text_can_be_searched(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    ALL.find(text)
