"""The account's side of the API, and what follows from blocked contacts, teams, owners and episodes."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.sandbox import BotSettings, Place, SandboxSettings, State
from bridge.sandbox.directory import furnish
from bridge.sandbox.records import Channel
from tests.test_sandbox_api import ACCOUNT, ADMINISTRATOR, AGENT, BASE, Client, asked, with_client
from tests.test_sandbox_payloads import Desk

PENDING = {"attribute_key": "status", "filter_operator": "equal_to", "values": ["pending"]}


async def filtered(client: Client, *conditions: dict[str, Any], page: int = 1) -> Any:
    body = {"payload": list(conditions)}
    answer = await client.call("POST", f"{BASE}/filter?page={page}", body, ADMINISTRATOR)
    return answer.json()


async def found(client: Client, *conditions: dict[str, Any]) -> set[int]:
    return {one["id"] for one in (await filtered(client, *conditions))["payload"]}


def test_conversations_are_filtered_by_their_columns_and_joined_conditions() -> None:
    async def scenario(client: Client) -> None:
        for _ in range(3):
            asked(client)
        await client.post("/1/toggle_status", {"status": "open"})
        await client.post("/2/labels", {"labels": ["vip"]})
        label = {"attribute_key": "labels", "filter_operator": "equal_to", "values": ["vip"]}
        opened = {"attribute_key": "status", "filter_operator": "not_equal_to", "values": ["pending"]}
        assert await found(client, PENDING) == {2, 3}
        assert await found(client, PENDING | {"query_operator": "and"}, label) == {2}
        assert await found(client, label | {"query_operator": "OR"}, opened) == {1, 2}
        owned = {"attribute_key": "assignee_id", "filter_operator": "is_not_present", "values": []}
        assert await found(client, owned) == {1, 2, 3}
        shown = (await filtered(client, PENDING))["meta"]
        assert (shown["all_count"], shown["unassigned_count"]) == (2, 2)

    with_client(scenario)


def test_25_conversations_are_a_page_with_the_latest_activity_first() -> None:
    async def scenario(client: Client) -> None:
        for _ in range(30):
            asked(client)
        first, second = [await filtered(client, PENDING, page=page) for page in (1, 2)]
        assert [len(page["payload"]) for page in (first, second)] == [25, 5]
        assert first["payload"][0]["id"] == 30
        listed = await client.call("GET", f"{BASE}?status=pending", token=AGENT)
        assert listed.json()["data"]["payload"] == first["payload"]

    with_client(scenario)


@pytest.mark.parametrize(
    "body", [{}, {"payload": []}, {"payload": [7]}, {"payload": [{"attribute_key": "x"}]}]
)
def test_a_filter_that_is_none_is_a_422(body: dict[str, Any]) -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        assert (await client.call("POST", f"{BASE}/filter", body, ADMINISTRATOR)).status_code == 422

    with_client(scenario)


def test_a_bots_secret_is_an_administrators_to_see() -> None:
    async def scenario(client: Client) -> None:
        (seen,) = (await client.call("GET", f"{ACCOUNT}/agent_bots", token=ADMINISTRATOR)).json()
        (by_agent,) = (await client.call("GET", f"{ACCOUNT}/agent_bots", token=AGENT)).json()
        assert seen["secret"] == "sandbox-bot-secret"
        assert (by_agent["access_token"], "secret" in by_agent) == ("bot", False)
        own = await client.call("GET", f"{ACCOUNT}/inboxes/1/agent_bot", token=AGENT)
        assert own.json() == {"agent_bot": by_agent}
        other = await client.call("GET", f"{ACCOUNT}/inboxes/2/agent_bot", token=AGENT)
        assert other.json() == {"agent_bot": {}}
        assert (await client.call("GET", f"{ACCOUNT}/inboxes/9", token=AGENT)).status_code == 404

    with_client(scenario)


def test_a_contact_is_shown_with_its_inboxes() -> None:
    async def scenario(client: Client) -> None:
        visit = client.state.arrive(email="a@example.com")
        shown = (await client.call("GET", f"{ACCOUNT}/contacts/{visit.contact.id}", token=AGENT)).json()
        assert shown["payload"]["email"] == "a@example.com"
        assert [one["source_id"] for one in shown["payload"]["contact_inboxes"]] == [visit.source_id]
        assert (await client.call("GET", f"{ACCOUNT}/contacts/99", token=AGENT)).status_code == 404

    with_client(scenario)


def test_a_team_that_assigns_picks_a_member_and_an_unknown_one_is_none() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        team = await client.post("/1/assignments", {"team_id": 1})
        shown = (await client.call("GET", f"{BASE}/1")).json()["meta"]
        assert (team["name"], shown["team"]["id"], shown["assignee"]["id"]) == ("Support", 1, 1)
        both = await client.post("/1/assignments", {"assignee_id": 2, "team_id": 99})
        assert both["id"] == 2
        assert (await client.call("GET", f"{BASE}/1")).json()["meta"]["team"]["id"] == 1
        assert await client.post("/1/assignments", {"team_id": 99}) is None
        assert "team" not in (await client.call("GET", f"{BASE}/1")).json()["meta"]

    with_client(scenario)


def test_a_handoff_is_reported_once_and_only_when_the_bot_opens_what_is_pending() -> None:
    async def scenario(client: Client) -> None:
        def reported() -> list[str]:
            return [report.name for report in client.state.reports]

        asked(client)
        await client.post("/1/toggle_status", {"status": "open"}, AGENT)
        assert reported() == []
        for _ in range(2):
            await client.post("/1/toggle_status", {"status": "pending"})
            await client.post("/1/toggle_status", {"status": "open"})
        assert reported() == ["conversation_bot_handoff"]
        asked(client)
        client.state.open_after_bot_failure(1, 2)
        assert reported() == ["conversation_bot_handoff"]

    with_client(scenario)


def test_a_persons_note_keeps_a_conversation_from_counting_as_the_bots() -> None:
    desk = Desk()
    for private in (None, True):
        asked_ = desk.state.say(desk.state.arrive(), "Hello?")
        conversation = desk.state.conversations[1, asked_.conversation_id]
        if private:
            desk.state.reply(conversation, "mine", desk.agent, private=True)
        desk.state.set_status(conversation, "resolved", desk.bot)
    resolved = [one.conversation_id for one in desk.state.reports if one.name == "conversation_bot_resolved"]
    assert resolved == [1]


def test_a_blocked_contact_stays_resolved() -> None:
    desk = Desk()
    conversation = desk.asked()
    desk.state.block(desk.visit)
    desk.state.save(conversation, status="resolved")
    desk.state.say(desk.visit, "Are you there?")
    assert desk.state.current(conversation).status == "resolved"
    assert desk.last("message_created")["sender"]["blocked"] is True


@pytest.mark.parametrize(
    ("channel", "conversations"),
    [("Channel::WebWidget", 1), ("Channel::Email", 1), ("Channel::Whatsapp", 2), ("Channel::Telegram", 2)],
)
def test_who_comes_back_goes_on_in_the_widget_and_begins_anew_on_the_phone(
    channel: Channel, conversations: int
) -> None:
    desk = Desk()
    visit = desk.visit_of(channel, email="a@example.com")
    for _ in range(2):
        message = desk.state.say(visit, "Hello?")
        desk.state.save(desk.state.conversations[1, message.conversation_id], status="resolved")
    assert len(desk.state.conversations) == conversations


def test_a_place_has_coordinates_and_no_file() -> None:
    desk = Desk()
    desk.state.say(desk.phone, None, Place("Office", 52.5, 13.4))
    (place,) = desk.last("message_created")["attachments"]
    assert (place["file_type"], place["coordinates_lat"]) == ("location", 52.5)
    assert "file_size" not in place


def test_where_bots_own_conversations_a_persons_assignment_opens_and_a_bots_gives_back() -> None:
    made = SandboxSettings(bot=BotSettings(url="http://bridge/bot"), bot_owns=True)
    state = State(furnish(made), lambda _: None, bot_owns=True)
    message = state.say(state.arrive(), "Hello?")
    conversation = state.conversations[1, message.conversation_id]
    bot, agent = state.directory.bots[1], state.directory.users[1]
    assert conversation.assignee == bot
    taken = state.assign(conversation, agent, agent)
    assert (taken.status, taken.assignee) == ("open", agent)
    given = state.assign(taken, bot, agent)
    assert (given.status, given.assignee) == ("pending", bot)
    handed = state.set_status(given, "open", bot)
    assert (handed.status, handed.assignee) == ("open", None)
