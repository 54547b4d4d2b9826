"""Chatwoot's requests and answers, the words of the bridge, and what a decision says in which mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.channels import neutral
from bridge.chatwoot import wire
from bridge.chatwoot.client import ChatwootClient
from bridge.serve import listen, serving
from kbtool.errors import ContractBroken, Rejected, ServiceError, Unavailable
from kbtool.http import LeanClient
from tests.server import run

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


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response("<html>Sign in</html>", media_type="text/html"), ContractBroken),
        (Response(b'{"status": "pen\xc3', media_type="application/json"), ContractBroken),
        (Response("[" * 200_000, media_type="application/json"), ContractBroken),
        (Response(status_code=302, headers={"location": "https://elsewhere.example/"}), Rejected),
        (Response(b'{"error": "a NUL \\u0000 and half \\ud83d"}', 500), Unavailable),
    ],
)
def test_what_no_chatwoot_says_is_an_error_of_ours_and_done_by_nobody(
    answer: Response, expected: type[ServiceError]
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(scope, receive, send)

    async def scenario() -> None:
        listening = listen("127.0.0.1", 0)
        async with (
            serving((app, listening)),
            LeanClient(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=httpx.Timeout(5.0)) as http,
        ):
            client = ChatwootClient(http, "token")
            for call in (client.conversation(1, 2), client.open(1, 2)):
                with pytest.raises(expected) as raised:
                    await call
                assert "\x00" not in raised.value.message
                raised.value.message.encode()
            if answer.status_code != 200:  # of what says nothing, the status is all there is
                with pytest.raises(expected):
                    await client.set_priority(1, 2, "high")

    run(scenario())
