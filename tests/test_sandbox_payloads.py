"""Every webhook body and REST answer of the sandbox has the keys and types of its sample.

The samples were written down from Chatwoot's serialisers (each says so in `_built_from`), not captured.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox import BotSettings, Faults, SandboxSettings, State, Upload, WebhookSettings, views
from bridge.sandbox.access import Refused, account_for, caller, not_for_bots, not_found, require_action
from bridge.sandbox.directory import furnish
from bridge.sandbox.events import Event
from bridge.sandbox.records import Bot, Channel, ContactInbox, Conversation, MessageType, User

FOLDER = Path(__file__).parent / "contract" / "chatwoot"
SETTINGS = SandboxSettings(
    bot=BotSettings(url="http://bridge/bot"), webhooks=(WebhookSettings("http://bridge/account"),)
)
BROWSER = {
    "browser_name": "Chrome", "browser_version": "126", "device_name": "Unknown", "platform_name": "macOS",
    "platform_version": "10",
}  # fmt: skip
INFO = {
    "browser": BROWSER,
    "referer": "https://www.fennbrook.example/",
    "initiated_at": {"timestamp": "Thu Jun 18 2026 12:00:00 GMT+0200"},
    "browser_language": "en",
}
CITY = {"city": "Berlin", "country": "Germany", "country_code": "DE", "created_at_ip": "203.0.113.7"}

NOT_PRODUCED = {"dashboard_app_appContext": "no dashboard"}


@dataclass
class Desk:
    """A state, its people, and everything that it told."""

    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = State(furnish(SETTINGS), self.events.append)
        self.bot: Bot = self.state.directory.bots[1]
        self.agent: User = self.state.directory.users[1]
        self.visit = self.state.arrive(email="customer@example.com", additional_attributes=CITY)
        self.phone = self.visit_of("Channel::Whatsapp", phone_number="+919812345678")

    def visit_of(self, channel: Channel, **attributes: Any) -> ContactInbox:
        account = self.state.directory.accounts[1]
        inbox = self.state.directory.add_inbox(account, f"Fennbrook {channel}", channel, self.bot)
        return self.state.arrive(inbox, **attributes)

    def on_phone(self, text: str = "Where is my order?") -> Conversation:
        message = self.state.say(self.phone, text)
        return self.state.conversations[message.account_id, message.conversation_id]

    def asked(self, text: str = "How do I reset it?") -> Conversation:
        message = self.state.say(self.visit, text, **INFO)
        return self.state.conversations[message.account_id, message.conversation_id]

    def answered(self) -> Conversation:
        conversation = self.asked()
        self.state.reply(conversation, "I have reset it.", self.agent)
        return self.state.save(conversation, self.agent, assignee=self.agent)

    def last(self, event: str) -> dict[str, Any]:
        return next(told.body for told in reversed(self.events) if told.name == event)


def incoming_text(desk: Desk) -> dict[str, Any]:
    desk.asked()
    return desk.last("message_created")


def bot_owner(desk: Desk) -> dict[str, Any]:
    conversation = desk.state.begin(desk.visit, additional_attributes=INFO)
    desk.state.save(conversation, assignee=desk.bot)
    return incoming_text(desk)


def incoming_image(desk: Desk) -> dict[str, Any]:
    desk.state.say(desk.visit, None, Upload("screenshot.png", "image/png", b"\x89PNG"), **INFO)
    return desk.last("message_created")


def outgoing_bot(desk: Desk) -> dict[str, Any]:
    desk.state.reply(desk.asked(), "In Settings.", desk.bot)
    return desk.last("message_created")


def outgoing_agent(desk: Desk) -> dict[str, Any]:
    desk.state.reply(desk.asked(), "Done.", desk.agent)
    return desk.last("message_created")


def outgoing_rule(desk: Desk) -> dict[str, Any]:
    desk.state.add(
        desk.asked(), MessageType.outgoing, "We got it.", content_attributes={"automation_rule_id": 12}
    )
    return desk.last("message_created")


def note_bot(desk: Desk) -> dict[str, Any]:
    desk.state.reply(desk.asked(), "Draft: in Settings.", desk.bot, private=True)
    return desk.last("message_created")


def note_agent(desk: Desk) -> dict[str, Any]:
    desk.state.reply(desk.asked(), "Please check.", desk.agent, private=True)
    return desk.last("message_created")


def greeting(desk: Desk) -> dict[str, Any]:
    desk.state.add(desk.asked(), MessageType.template, "We will be with you soon.")
    return desk.last("message_created")


def input_email(desk: Desk) -> dict[str, Any]:
    desk.state.add(desk.asked(), MessageType.template, "Get notified", content_type="input_email")
    return desk.last("message_created")


def chosen(desk: Desk) -> dict[str, Any]:
    items = [{"title": "Billing", "value": "billing"}, {"title": "Person", "value": "person"}]
    message = desk.state.add(
        desk.asked(), MessageType.outgoing, "Pick one", desk.bot, content_type="input_select",
        content_attributes={"items": items},
    )  # fmt: skip
    desk.state.submit(message, items[1:])
    return desk.last("message_updated")


def rated(desk: Desk) -> dict[str, Any]:
    conversation = desk.state.set_status(desk.asked(), "resolved", desk.agent)
    message = desk.state.add(
        conversation, MessageType.template, "Please rate us", content_type="input_csat",
        content_attributes={"display_type": "emoji"},
    )  # fmt: skip
    desk.state.submit(message, {"csat_survey_response": {"rating": 5, "feedback_message": "Fast"}})
    return desk.last("message_updated")


def created(desk: Desk) -> dict[str, Any]:
    desk.state.begin(desk.visit, additional_attributes=INFO)
    return desk.last("conversation_created")


def of_status(status: str, event: str) -> Callable[[Desk], dict[str, Any]]:
    def scenario(desk: Desk) -> dict[str, Any]:
        desk.state.save(desk.answered(), status=status)
        return desk.last(event)

    return scenario


def handed_off(desk: Desk) -> dict[str, Any]:
    """Answered already, so that the handoff sets `waiting_since` anew."""
    desk.state.set_status(desk.answered(), "open", desk.bot)
    return desk.last("conversation_updated")


def assigned(desk: Desk) -> dict[str, Any]:
    conversation = desk.asked()
    desk.state.reply(conversation, "Done.", desk.agent)
    desk.state.save(conversation, status="open")
    desk.state.save(conversation, assignee=desk.agent)
    return desk.last("conversation_updated")


def typing(desk: Desk) -> dict[str, Any]:
    desk.state.type(desk.asked(), desk.agent, is_on=True)
    return desk.last("conversation_typing_on")


def widget_opened(desk: Desk) -> dict[str, Any]:
    desk.state.open_widget(desk.visit, INFO | {"widget_language": "en"})
    return desk.last("webwidget_triggered")


def phone_text(desk: Desk) -> dict[str, Any]:
    desk.on_phone()
    return desk.last("message_created")


def phone_voice(desk: Desk) -> dict[str, Any]:
    desk.state.say(desk.phone, None, Upload("audio.ogg", "audio/ogg", b"OggS"))
    return desk.last("message_created")


def phone_echo(desk: Desk) -> dict[str, Any]:
    desk.state.echo(desk.on_phone(), "Sent from my phone")
    return desk.last("message_created")


def phone_delivered(desk: Desk) -> dict[str, Any]:
    desk.state.reply(desk.on_phone(), "In Settings.", desk.bot)
    return desk.last("message_updated")


def phone_failed(desk: Desk) -> dict[str, Any]:
    desk.state.faults = Faults(window_closed=True)
    desk.state.reply(desk.on_phone(), "In Settings.", desk.bot)
    return desk.last("message_updated")


def phone_survey(desk: Desk) -> dict[str, Any]:
    conversation = desk.state.save(desk.on_phone(), status="resolved")
    desk.state.add(
        conversation, MessageType.template, "Please rate us", content_type="input_csat",
        content_attributes={"display_type": "emoji"},
    )  # fmt: skip
    return desk.last("message_created")


def phone_survey_template(desk: Desk) -> dict[str, Any]:
    conversation = desk.state.save(desk.on_phone(), status="resolved")
    desk.state.add(
        conversation, MessageType.outgoing, "Please rate us", content_type="input_csat", source_id="wamid.1"
    )
    return desk.last("message_created")


def mail(desk: Desk) -> dict[str, Any]:
    visit = desk.visit_of(
        "Channel::Email", email="marta@example.net", additional_attributes={"source_id": "email:1"}
    )
    history, copied = "> Thanks for your order", ["boss@example.net"]
    desk.state.mail(visit, "Charged twice", "I was charged twice.", history=history, cc=copied)
    return desk.last("message_created")


def rule(desk: Desk) -> dict[str, Any]:
    desk.state.run_rule(desk.asked(), "http://rules/")
    return desk.last("automation_event.message_created")


def posted(desk: Desk) -> dict[str, Any]:
    return views.message(desk.state.reply(desk.asked(), "In Settings.", desk.bot), "bridge:1")


def toggled(desk: Desk) -> dict[str, Any]:
    return views.status(desk.state.set_status(desk.asked(), "open", desk.bot), success=None)


def failed(desk: Desk) -> dict[str, Any]:
    conversation = desk.asked()
    desk.state.open_after_bot_failure(conversation.account_id, conversation.id)
    return views.message(desk.state.messages(conversation)[-1])


SCENARIOS: dict[str, Callable[[Desk], dict[str, Any]]] = {
    "activity_message__not_a_webhook": failed,
    "api_response_create_message": posted,
    "api_response_toggle_status_bot_handoff": toggled,
    "automation_event_message_created__automation_webhook": rule,
    "conversation_created__account_webhook_only": created,
    "conversation_opened": of_status("open", "conversation_opened"),
    "conversation_resolved": of_status("resolved", "conversation_resolved"),
    "conversation_status_changed": of_status("open", "conversation_status_changed"),
    "conversation_typing_on__account_webhook_only": typing,
    "conversation_updated": handed_off,
    "conversation_updated_assignee": assigned,
    "message_created_csat_whatsapp": phone_survey,
    "message_created_csat_whatsapp_template_sender_null": phone_survey_template,
    "message_created_incoming_email": mail,
    "message_created_incoming_image_web": incoming_image,
    "message_created_incoming_text_web": incoming_text,
    "message_created_incoming_text_web__bot_owner_4_16plus": bot_owner,
    "message_created_incoming_text_whatsapp": phone_text,
    "message_created_incoming_voice_whatsapp": phone_voice,
    "message_created_outgoing_native_app_echo_whatsapp": phone_echo,
    "message_created_outgoing_automation_rule": outgoing_rule,
    "message_created_outgoing_bot": outgoing_bot,
    "message_created_outgoing_human_agent": outgoing_agent,
    "message_created_private_note_bot": note_bot,
    "message_created_private_note_human": note_agent,
    "message_created_template_greeting": greeting,
    "message_created_template_input_email": input_email,
    "message_updated_csat_response_web": rated,
    "message_updated_delivery_status_whatsapp": phone_delivered,
    "message_updated_failed_whatsapp_window": phone_failed,
    "message_updated_input_select_answer_web": chosen,
    "webwidget_triggered": widget_opened,
}


def sample(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def shape(value: Any) -> Any:
    """Keys and JSON types, recursively. Only some of the samples have the widget's `in_reply_to`."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in sorted(value.items()) if key != "in_reply_to"}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_body_has_the_keys_and_types_of_its_sample(name: str) -> None:
    content = sample(name)
    body = json.loads(json.dumps(SCENARIOS[name](Desk())))
    assert shape(body) == shape(content["body"] if "body" in content else content["rest_body"])


@pytest.mark.parametrize(
    "name", [name for name in SCENARIOS if name.startswith(("message_", "conversation_"))]
)
def test_a_body_names_the_event_the_status_and_the_kind_of_its_sample(name: str) -> None:
    body, recorded = SCENARIOS[name](Desk()), sample(name)["body"]
    for key in ("event", "message_type", "private", "content_type", "status"):
        assert body.get(key) == recorded.get(key), key


def test_every_sample_is_produced_or_has_a_reason() -> None:
    names = {path.stem for path in FOLDER.glob("*.json")}
    assert SCENARIOS.keys() | NOT_PRODUCED.keys() | {"api_errors"} == names
    assert not SCENARIOS.keys() & NOT_PRODUCED.keys()


def test_a_sample_says_nothing_about_where_it_was_made() -> None:
    for path in FOLDER.glob("*.json"):
        assert not re.search(r"/(?:root|tmp|home)/", path.read_text(encoding="utf-8")), path.name


def test_refusals_have_the_bodies_of_the_samples() -> None:
    desk, errors = Desk(), sample("api_errors")
    directory = desk.state.directory
    other = directory.add_account("Other")

    def refusal(attempt: Callable[[], object]) -> Any:
        with pytest.raises(Refused) as raised:
            attempt()
        return raised.value.status, raised.value.body

    assert refusal(lambda: caller({}, directory)) == (
        401,
        errors["401_no_header_or_header_stripped_by_nginx"],
    )
    assert refusal(lambda: caller({"api-access-token": "?"}, directory)) == (401, errors["401_bad_token"])
    assert refusal(lambda: require_action(desk.bot, "messages", "index")) == (
        401,
        errors["401_bot_not_allowed"],
    )
    assert not_for_bots().body == errors["401_bot_not_allowed"]
    assert refusal(lambda: account_for(desk.bot, other.id, directory)) == (
        401,
        errors["401_bot_other_account"],
    )
    assert refusal(lambda: account_for(desk.agent, other.id, directory)) == (
        401,
        errors["401_user_other_account"],
    )
    assert not_found().body == errors["404"]
