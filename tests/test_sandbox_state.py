"""What follows from a change: events in Chatwoot's order, statuses, and who is told."""

from __future__ import annotations

from bridge.sandbox import contents
from bridge.sandbox.records import MessageType
from tests.test_sandbox_payloads import Desk, note_agent


def told_to_bots(desk: Desk) -> list[str]:
    return [event.name for event in desk.events if event.bots]


def test_one_resolve_is_three_deliveries_to_a_bot_and_two_to_an_account_webhook() -> None:
    desk = Desk()
    conversation = desk.asked()
    desk.events.clear()
    desk.state.set_status(conversation, "resolved", desk.agent)
    assert told_to_bots(desk) == [
        "conversation_resolved",
        "conversation_status_changed",
        "conversation_updated",
    ]
    subscribed = [event.name for event in desk.events if event.webhooks]
    assert subscribed == ["conversation_status_changed", "conversation_updated"]


def test_a_bot_is_told_of_no_activity_typing_or_new_conversation() -> None:
    desk = Desk()
    conversation = desk.asked()
    desk.state.type(conversation, desk.agent, is_on=True)
    desk.state.open_after_bot_failure(conversation.account_id, conversation.id)
    assert {"conversation_created", "conversation_typing_on"} <= {event.name for event in desk.events}
    assert not {"conversation_created", "conversation_typing_on"} & set(told_to_bots(desk))
    messages = [event.message_id for event in desk.events if event.name == "message_created"]
    activities = [m.id for m in desk.state.messages(conversation) if m.message_type is MessageType.activity]
    assert activities
    assert not set(messages) & set(activities)


def test_a_resolved_conversation_comes_back_pending_before_its_message_is_told() -> None:
    desk = Desk()
    conversation = desk.state.set_status(desk.asked(), "resolved", desk.agent)
    desk.events.clear()
    desk.state.say(desk.visit, "One more thing")
    assert told_to_bots(desk)[0] == "conversation_status_changed"
    assert desk.last("message_created")["conversation"]["status"] == "pending"
    assert desk.state.current(conversation).id == desk.last("message_created")["conversation"]["id"]


def test_a_snoozed_conversation_comes_back_open() -> None:
    desk = Desk()
    desk.state.set_status(desk.asked(), "snoozed", desk.agent)
    desk.state.say(desk.visit, "Still there?")
    assert desk.last("message_created")["conversation"]["status"] == "open"


def test_a_person_who_replies_does_not_open_a_pending_conversation() -> None:
    desk = Desk()
    conversation = desk.asked()
    desk.state.reply(conversation, "Hello", desk.agent)
    assert desk.state.current(conversation).status == "pending"


def test_an_agent_who_opens_takes_the_conversation_and_an_administrator_does_not() -> None:
    desk = Desk()
    taken = desk.state.set_status(desk.asked(), "open", desk.agent)
    assert taken.assignee == desk.agent
    other = Desk()
    assert other.state.set_status(other.asked(), "open", other.state.directory.users[2]).assignee is None


def test_a_reply_of_the_bot_ends_the_waiting_only_after_its_own_event() -> None:
    desk = Desk()
    conversation = desk.asked()
    desk.state.reply(conversation, "In Settings.", desk.bot)
    assert desk.last("message_created")["conversation"]["waiting_since"] > 0
    assert desk.last("conversation_updated")["waiting_since"] == 0
    assert desk.state.current(conversation).first_reply_created_at is None


def test_a_private_note_is_not_the_message_that_a_conversation_shows() -> None:
    desk = Desk()
    body = note_agent(desk)
    assert body["private"] is True
    assert body["conversation"]["messages"][0]["content"] == "How do I reset it?"


def test_a_blocked_customer_is_not_brought_back() -> None:
    desk = Desk()
    visit = desk.state.arrive(blocked=True)
    desk.state.say(visit, "Hello?")
    assert desk.last("message_created")["conversation"]["status"] == "resolved"


def test_line_ends_are_normalised_at_the_top_of_a_webhook_only() -> None:
    assert contents.plain("a\\\nb\n\n") == "a\nb"
    assert contents.plain(None) is None


def test_display_ids_count_per_account_and_message_ids_over_all() -> None:
    desk = Desk()
    directory = desk.state.directory
    inbox = directory.add_inbox(directory.add_account("Other"), "Other web", "Channel::WebWidget")
    first = desk.asked()
    other = desk.state.say(desk.state.arrive(inbox), "Hi")
    assert (first.id, other.conversation_id) == (1, 1)
    assert other.id > desk.state.messages(first)[-1].id
    assert desk.state.conversations[other.account_id, 1].status == "open"
