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
from kbtool.errors import ContractBroken, Rejected, Unavailable

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
