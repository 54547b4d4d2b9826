"""Webhook bodies: who speaks, whether it wants an answer, and that no body makes parsing fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.events import Role, Verdict, parse, verdict

SAMPLES = Path(__file__).parent / "contract" / "chatwoot"

# Every sample of a message, with who speaks in it and whether it wants an answer.
MESSAGES = {
    "message_created_csat_whatsapp": (Role.SYSTEM, Verdict.NOT_INCOMING),
    "message_created_csat_whatsapp_template_sender_null": (Role.SYSTEM, Verdict.NOT_INCOMING),
    "message_created_incoming_email": (Role.CUSTOMER, Verdict.ASKS),
    "message_created_incoming_image_web": (Role.CUSTOMER, Verdict.ASKS),
    "message_created_incoming_text_web": (Role.CUSTOMER, Verdict.ASKS),
    "message_created_incoming_text_web__bot_owner_4_16plus": (Role.CUSTOMER, Verdict.ASKS),
    "message_created_incoming_text_whatsapp": (Role.CUSTOMER, Verdict.ASKS),
    "message_created_incoming_voice_whatsapp": (Role.CUSTOMER, Verdict.ASKS),
    "message_created_outgoing_automation_rule": (Role.SYSTEM, Verdict.NOT_INCOMING),
    "message_created_outgoing_bot": (Role.BOT, Verdict.NOT_INCOMING),
    "message_created_outgoing_human_agent": (Role.PERSON, Verdict.NOT_INCOMING),
    "message_created_outgoing_native_app_echo_whatsapp": (Role.PERSON, Verdict.NOT_INCOMING),
    "message_created_private_note_bot": (Role.NOTE, Verdict.PRIVATE),
    "message_created_private_note_human": (Role.NOTE, Verdict.PRIVATE),
    "message_created_template_greeting": (Role.SYSTEM, Verdict.NOT_INCOMING),
    "message_created_template_input_email": (Role.SYSTEM, Verdict.NOT_INCOMING),
    "message_updated_csat_response_web": (Role.SYSTEM, Verdict.NOT_A_NEW_MESSAGE),
    "message_updated_delivery_status_whatsapp": (Role.BOT, Verdict.NOT_A_NEW_MESSAGE),
    "message_updated_failed_whatsapp_window": (Role.BOT, Verdict.NOT_A_NEW_MESSAGE),
    "message_updated_input_select_answer_web": (Role.CUSTOMER, Verdict.ASKS),
}


def body_of(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))["body"]
    return body


def changed(name: str, **fields: Any) -> bytes:
    return json.dumps(body_of(name) | fields).encode()


def verdict_of(body: bytes, inboxes: frozenset[int] = frozenset()) -> Verdict:
    event = parse(body)
    assert event is not None
    return verdict(event, inboxes)


def test_every_message_sample_is_judged_here() -> None:
    assert {path.stem for path in SAMPLES.glob("message_*.json")} == set(MESSAGES)


@pytest.mark.parametrize(("name", "expected"), MESSAGES.items(), ids=list(MESSAGES))
def test_a_sample_has_its_speaker_and_its_verdict(name: str, expected: tuple[Role, Verdict]) -> None:
    event = parse(json.dumps(body_of(name)).encode())
    assert event is not None
    assert event.message is not None
    assert (event.message.role, verdict(event, frozenset())) == expected


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("conversation_*.json")), ids=lambda path: path.stem)
def test_a_conversation_event_shows_its_conversation(path: Path) -> None:
    body = body_of(path.stem)
    event = parse(json.dumps(body).encode())
    assert event is not None
    assert event.conversation is not None
    shown, body = event.conversation, body.get("conversation", body)
    assert (shown.account_id, shown.id, shown.status) == (1, body["id"], body["status"])
    assert shown.at == body["updated_at"]
    assert shown.has_person is (body["meta"]["assignee_type"] == "User")


def test_a_question_is_read_from_the_web_widget() -> None:
    event = parse(changed("message_created_incoming_text_web"))
    assert event is not None
    assert event.message is not None
    assert event.conversation is not None
    assert event.message.text == "Hi, how do I reset my password?"
    assert (event.message.id, event.message.contact_id, event.message.inbox_id) == (9001, 101, 3)
    assert (event.conversation.account_id, event.conversation.id) == (1, 214)
    assert event.conversation.language == "en"
    assert event.message.at == pytest.approx(1781776800.412)


def test_a_mail_is_read_under_its_subject_and_without_what_it_quotes() -> None:
    event = parse(changed("message_created_incoming_email"))
    assert event is not None
    assert event.message is not None
    assert event.message.text == "Invoice 8841 was charged twice\n\nHello,\nI was charged twice."


def test_a_mail_that_was_sent_by_a_machine_is_not_answered() -> None:
    body = body_of("message_created_incoming_email")
    body["content_attributes"]["email"]["auto_reply"] = True
    assert verdict_of(json.dumps(body).encode()) is Verdict.AUTO_REPLY
    body = body_of("message_created_incoming_email")
    body["sender"]["email"] = "no-reply@shop.example"
    assert verdict_of(json.dumps(body).encode()) is Verdict.AUTO_REPLY


def test_a_voice_message_is_its_transcript_where_there_is_one() -> None:
    body = body_of("message_created_incoming_voice_whatsapp")
    event = parse(json.dumps(body).encode())
    assert event is not None
    assert event.message is not None
    assert (event.message.text, [one.kind for one in event.message.attachments]) == ("", ["audio"])
    body["attachments"][0]["transcribed_text"] = "where is my parcel"
    event = parse(json.dumps(body).encode())
    assert event is not None
    assert event.message is not None
    assert event.message.text == "where is my parcel"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"private": True}, Verdict.PRIVATE),
        ({"sender": None}, Verdict.NOT_A_CUSTOMER),
        ({"sender": {"id": 2, "name": "Bot", "type": "agent_bot"}}, Verdict.NOT_A_CUSTOMER),
        ({"sender": {"id": 4, "name": "P", "type": "user"}}, Verdict.NOT_A_CUSTOMER),
        ({"content_type": "voice_call"}, Verdict.VOICE_CALL),
        ({"content_type": "input_select"}, Verdict.CONTENT_TYPE),
        ({"content_type": "sticker"}, Verdict.ASKS),
        ({"message_type": 0}, Verdict.NOT_INCOMING),
        ({"event": "message_updated"}, Verdict.NOT_A_NEW_MESSAGE),
        ({"event": "message_deleted"}, Verdict.NOT_A_NEW_MESSAGE),
        ({"conversation": None}, Verdict.NOT_A_NEW_MESSAGE),
        ({"id": "9001"}, Verdict.NOT_A_NEW_MESSAGE),
        ({"a_field": {"that": "is new"}}, Verdict.ASKS),
    ],
)
def test_one_condition_that_fails_is_enough(fields: dict[str, Any], expected: Verdict) -> None:
    assert verdict_of(changed("message_created_incoming_text_web", **fields)) is expected


def test_a_bridge_speaks_in_its_own_inboxes_only() -> None:
    body = changed("message_created_incoming_text_web")
    assert verdict_of(body, frozenset({3})) is Verdict.ASKS
    assert verdict_of(body, frozenset({4})) is Verdict.OTHER_INBOX


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_object_is_unreadable_and_nothing_worse(body: bytes) -> None:
    assert parse(body) is None


ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**70,
        1e300,
        float("nan"),
        "",
        "user",
        "incoming",
        "\ud800",
        "2026-13-45",
        [],
        [None],
        {},
    ]
)
JSON = (
    ODD
    | st.lists(ODD, max_size=2)
    | st.dictionaries(st.sampled_from(["id", "email", "type"]), ODD, max_size=2)
)
FIELDS = st.sampled_from(
    [
        *body_of("message_created_incoming_email"),
        *body_of("conversation_updated"),
        "attachments",
    ]
)


@given(
    st.sampled_from(["message_created_incoming_email", "message_created_incoming_voice_whatsapp"]),
    st.dictionaries(FIELDS, JSON, max_size=6),
)
def test_no_body_makes_parsing_fail(name: str, fields: dict[str, Any]) -> None:
    event = parse(json.dumps(body_of(name) | fields).encode())
    assert event is not None
    verdict(event, frozenset({3}))
    if event.message is not None:
        event.message.text.encode()
