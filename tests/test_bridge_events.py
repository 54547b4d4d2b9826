"""Webhook bodies: who speaks, whether it wants an answer, and that no body makes parsing fail."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.events import Attachment, Role, Verdict, parse, verdict

SAMPLES = Path(__file__).parent / "contract" / "chatwoot"
CASES = sorted((Path(__file__).parent / "cases" / "bridge" / "reading").glob("*.json"))

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


def set_in(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The body with values set by path (`a.b.0.c`)."""
    for path, value in changes.items():
        *way, last = path.split(".")
        place: Any = body
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        place[int(last) if isinstance(place, list) else last] = value
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


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_payload_is_read_as_it_is_meant(path: Path) -> None:
    """A sample, what is changed in it by path, and what of its message then counts."""
    case = json.loads(path.read_text(encoding="utf-8"))
    event = parse(json.dumps(set_in(body_of(case["sample"]), case["change"])).encode())
    assert event is not None
    assert event.message is not None
    shown = {name: getattr(event.message, name) for name in case["message"]}
    if "attachments" in shown:
        shown["attachments"] = list(map(str, shown["attachments"]))
    assert (shown, verdict(event, frozenset())) == (case["message"], case["verdict"])


def test_a_choice_is_known_again_and_another_one_is_another() -> None:
    def chosen(value: str) -> str:
        values = {"content_attributes.submitted_values": [{"title": value, "value": value}]}
        event = parse(json.dumps(set_in(body_of("message_updated_input_select_answer_web"), values)).encode())
        assert event is not None
        assert event.message is not None
        return event.message.chosen

    assert chosen("a") == chosen("a") != chosen("b")


@pytest.mark.parametrize(
    ("source", "channel"),
    [
        ("whatsapp:+49170", "Channel::TwilioSms/whatsapp"),
        ("+49170", "Channel::TwilioSms"),
        (7, "Channel::TwilioSms"),
    ],
)
def test_whatsapp_through_twilio_is_told_from_sms(source: Any, channel: str) -> None:
    changes = {"conversation.channel": "Channel::TwilioSms", "conversation.contact_inbox.source_id": source}
    event = parse(json.dumps(set_in(body_of("message_created_incoming_text_web"), changes)).encode())
    assert event is not None
    assert event.conversation is not None
    assert event.conversation.channel == channel


@pytest.mark.parametrize(
    ("name", "changes", "own", "kind"),
    [
        ("message_created_incoming_text_web", {}, 2, None),
        ("message_created_incoming_text_web__bot_owner_4_16plus", {}, 2, None),
        ("message_created_incoming_text_web__bot_owner_4_16plus", {}, 5, "agent_bot"),
        ("message_created_incoming_text_web__bot_owner_4_16plus", {}, 0, None),
        (
            "message_created_incoming_text_web__bot_owner_4_16plus",
            {
                "conversation.meta.assignee": {"id": 2, "name": "Captain"},
                "conversation.meta.assignee_type": "Captain::Assistant",
            },
            2,
            "captain_assistant",
        ),
        ("conversation_updated_assignee", {}, 2, None),
        ("message_created_outgoing_bot", {}, 2, None),
        ("message_created_outgoing_bot", {}, 5, "agent_bot"),
        ("message_created_outgoing_bot", {}, 0, None),
        ("message_created_outgoing_bot", {"content_attributes": {"kbtool_turn": "a:1:0"}}, 0, None),
        ("message_created_outgoing_bot", {"sender.type": "captain_assistant"}, 2, "captain_assistant"),
        ("message_created_private_note_bot", {}, 5, None),
        ("message_created_outgoing_human_agent", {}, 2, None),
    ],
)
def test_another_brain_in_the_inbox_is_named(
    name: str, changes: dict[str, Any], own: int, kind: str | None
) -> None:
    event = parse(json.dumps(set_in(body_of(name), changes)).encode())
    assert event is not None
    assert event.conversation is not None
    shown = (event.conversation.owner, event.message.speaker if event.message else None)
    others = [bot for bot in shown if bot is not None and bot.is_other(own)]
    assert [bot.kind for bot in others] == ([kind] if kind else [])
    assert all("leave one connected" in str(bot) for bot in others)


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


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a body, containers too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for key, one in inner for leaf in leaves(one, (*path, key)))]


PLACES = [(name, path) for name in MESSAGES for path in leaves(body_of(name)) if path]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=4))
def test_no_body_makes_parsing_fail(changes: list[tuple[tuple[str, tuple[Any, ...]], Any]]) -> None:
    """Any values of any sample, changed to anything, at any depth."""
    name = changes[0][0][0]
    body: Any = body_of(name)
    for (_, path), value in changes:
        place = body
        for step in path[:-1]:
            inner = place.get(step) if isinstance(place, dict) else None
            if isinstance(place, list) and isinstance(step, int) and step < len(place):
                inner = place[step]
            if not isinstance(inner, (dict, list)):
                break
            place = inner
        else:
            if isinstance(place, dict):
                place[path[-1]] = deepcopy(value)
    raw = json.dumps(body).encode()
    event = parse(raw)
    assert event is not None
    assert verdict(event, frozenset({3})) in Verdict
    if event.message is not None:
        assert "\x00" not in event.message.text
        event.message.text.encode()
        assert all(Attachment.of(one.row()) == one for one in event.message.attachments)
    if event.conversation is not None:
        assert len(event.conversation.status) <= 16
        assert len(event.conversation.language) <= 32
        assert len(event.conversation.channel) <= 64
