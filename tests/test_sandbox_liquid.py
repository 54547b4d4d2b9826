"""What is posted is a template: Chatwoot fills in what it knows of the customer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.records import MessageType
from tests.test_sandbox_payloads import Desk


def posted(text: str, message_type: MessageType = MessageType.outgoing) -> str:
    """What the thread holds after the bot has posted `text` to Jordan Lee."""
    desk = Desk()
    visit = desk.state.arrive(
        name="jordan lee", email="jordan@example.com", phone_number="+4930123456",
        custom_attributes={"tier": "gold"},
    )  # fmt: skip
    asked = desk.state.say(visit, "Hello?")
    conversation = desk.state.conversations[asked.account_id, asked.conversation_id]
    sender = visit.contact if message_type is MessageType.incoming else desk.bot
    return desk.state.add(conversation, message_type, text, sender).content or ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Call {{contact.phone_number}}", "Call +4930123456"),
        ("{{ contact.email }}", "jordan@example.com"),
        ("Dear {{contact.name}} ({{contact.first_name}})", "Dear Jordan Lee (Jordan)"),
        ("{{contact.custom_attribute.tier | upcase}}", "GOLD"),
        ("{{contact.nothing}}{{nobody.at.all}}", ""),
        ("{{contact.nothing | default: 'friend'}}", "friend"),
        ("{{contact.email | unheard_of}}", "jordan@example.com"),
        ("{% if contact.email %}yes{% endif %}", "yes"),
        ("{{agent.name}} of {{account.name}}, {{inbox.name}}", "Assistant of Fennbrook, Fennbrook website"),
        ("Write `{{contact.email}}` literally", "Write `{{contact.email}}` literally"),
        ("| a: b | {{contact.first_name}} |", "| a: b | Jordan |"),
        ("{{ broken", "{{ broken"),
        ("{% nonsense %} {{contact.email}}", "{% nonsense %} {{contact.email}}"),
        ("{ {contact.email} }", "{ {contact.email} }"),
        ("plain", "plain"),
    ],
)
def test_a_post_is_rendered_with_what_is_known_of_the_customer(text: str, shown: str) -> None:
    assert posted(text) == shown


def test_what_a_customer_writes_is_no_template() -> None:
    assert posted("{{contact.email}}", MessageType.incoming) == "{{contact.email}}"


@given(st.text(alphabet="{}%|:'`contact.email \n"))
def test_any_text_is_posted_whatever_it_looks_like(text: str) -> None:
    posted(text)
