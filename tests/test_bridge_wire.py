"""Chatwoot's requests and answers, the words of the bridge, and what a decision says in which mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.channels import neutral
from bridge.chatwoot import wire
from bridge.settings import Mode
from bridge.speech import AI_UNAVAILABLE, Kind, posts_for, posts_without_answer
from bridge.words import ENGLISH, WORDS, words_for
from kbtool.errors import ContractBroken, Rejected, Unavailable
from kbtool.handoff import Action, Decision, Reason
from kbtool.model import Answer, Hit, Question
from kbtool.smalltalk import Smalltalk

SAMPLES = Path(__file__).parent / "contract" / "chatwoot"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text", ["{{contact.email}}", "{% if agent %}", "{{{", "a {{ b }} {%- c -%}", "{{%", "plain {text}"]
)
def test_what_the_model_writes_is_never_a_template(text: str) -> None:
    escaped = neutral(text)
    assert "{{" not in escaped
    assert "{%" not in escaped
    assert escaped.replace("\u2060", "") == text


@given(st.text(alphabet="{}% a\u2060"))
def test_escaping_breaks_every_opening_and_changes_nothing_else(text: str) -> None:
    escaped = neutral(text)
    assert "{{" not in escaped
    assert "{%" not in escaped
    assert escaped.replace("\u2060", "") == text.replace("\u2060", "")
    assert neutral(escaped) == escaped


def test_a_message_carries_its_mark_and_no_source_id() -> None:
    request = wire.create_message(1, 214, "Hello {{x}}", is_private=False, mark="kbtool:9001:0")
    assert request.path == "/api/v1/accounts/1/conversations/214/messages"
    assert request.json["content_attributes"] == {"kbtool_turn": "kbtool:9001:0"}
    assert request.json["content"] == "Hello {\u2060{x}}"
    assert "source_id" not in request.json


def test_the_answers_of_the_contract_are_understood() -> None:
    assert wire.parse_message_id(sample("api_response_create_message")["body"]) == 9004
    assert wire.parse_status(sample("api_response_toggle_status_bot_handoff")["body"]) == "open"
    shown = wire.parse_conversation(sample("conversation_updated_assignee")["body"])
    assert (shown.status, shown.has_person, shown.marks) == ("open", True, frozenset())


def test_the_marks_of_a_listing_are_found() -> None:
    body = {
        "payload": [
            {"id": 7, "content_attributes": {"kbtool_turn": "a:1:0"}},
            {"id": 5, "content_attributes": None},
        ]
    }
    assert wire.parse_marks(body) == (frozenset({"a:1:0"}), 7)


@pytest.mark.parametrize("body", [None, [], {}, {"payload": None}])
def test_an_answer_of_another_form_is_named(body: Any) -> None:
    for parse in (wire.parse_conversation, wire.parse_message_id, wire.parse_status, wire.parse_marks):
        with pytest.raises(ContractBroken):
            parse(body)


@pytest.mark.parametrize(("name", "body"), [(n, b) for n, b in sample("api_errors").items() if n != "_about"])
def test_each_error_of_the_contract_says_whether_to_try_again(name: str, body: Any) -> None:
    status = int(name[:3])
    error = wire.error_of(status, body, "POST /x")
    assert isinstance(error, Unavailable if status == 429 else Rejected)
    assert str(status) in error.message


def test_a_server_error_may_be_tried_again() -> None:
    assert isinstance(wire.error_of(502, None, "GET /x"), Unavailable)
    assert not wire.is_surely_not_stored(wire.error_of(502, None, "POST /x"))
    assert wire.is_surely_not_stored(wire.error_of(429, None, "POST /x"))


# What is said

HITS = (
    Hit("c", "d", "Refunds #1", "Refunds › Time limit\n\nYou have 30 days.", 0.83),
    Hit("c", "d", "Shipping #2", "Shipping\n\nThree days.", 0.41),
)  # fmt: skip
ANSWER = Answer(Question("How long?"), "You have 30 days.", HITS)


def decided(action: Action, reason: Reason, detail: str = "") -> Decision:
    return Decision(action, reason, 0.83, detail)


def test_a_reply_is_the_answer_and_nothing_else() -> None:
    posts = posts_for(decided(Action.REPLY, Reason.ANSWERED), ANSWER, ENGLISH, Mode.REPLY)
    assert [(post.kind, post.text) for post in posts] == [(Kind.REPLY, "You have 30 days.")]


def test_a_handoff_tells_the_customer_then_people_and_opens_last() -> None:
    posts = posts_for(decided(Action.HANDOFF, Reason.UNSUPPORTED_FACT, "40 eur"), ANSWER, ENGLISH, Mode.REPLY)
    assert [post.kind for post in posts] == [Kind.REPLY, Kind.NOTE, Kind.OPEN]
    assert posts[0].text == ENGLISH.handoff
    assert "unsupported_fact" in posts[1].text
    assert "40 eur" in posts[1].text
    assert "Refunds › Time limit (0.83)" in posts[1].text


@pytest.mark.parametrize("action", list(Action))
def test_a_draft_is_never_seen_by_the_customer(action: Action) -> None:
    detail = Smalltalk.THANKS.value if action is Action.SMALLTALK else ""
    posts = posts_for(decided(action, Reason.ANSWERED, detail), ANSWER, ENGLISH, Mode.DRAFT)
    assert [post.kind for post in posts] == [Kind.NOTE, Kind.OPEN]
    without = posts_without_answer(AI_UNAVAILABLE, "timeout", ENGLISH, Mode.DRAFT)
    assert [post.kind for post in without] == [Kind.NOTE, Kind.OPEN]


@pytest.mark.parametrize("talk", list(Smalltalk))
@pytest.mark.parametrize("language", list(WORDS))
def test_every_language_answers_every_small_talk(talk: Smalltalk, language: str) -> None:
    said = decided(Action.SMALLTALK, Reason.SMALLTALK, talk.value)
    (post,) = posts_for(said, ANSWER, WORDS[language], Mode.REPLY)
    assert post.text


@pytest.mark.parametrize(
    ("text", "hint", "language"),
    [
        ("How do I return it?", "", "en"),
        ("怎么退货", "", "zh"),
        ("返品したいのですが", "en", "ja"),
        ("환불해 주세요", "", "ko"),
        ("Wo ist mein Paket?", "de-CH", "de"),
        ("Où est mon colis ?", "fr", "fr"),
        ("hello", "zh", "en"),
        ("怎么退货", "de", "zh"),
    ],
)
def test_the_customer_is_spoken_to_in_their_language(text: str, hint: str, language: str) -> None:
    assert words_for(text, hint) is WORDS[language]
