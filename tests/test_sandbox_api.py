"""The sandbox's REST API: what a bot's token may do, what a user's may, and Chatwoot's odd answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from bridge.sandbox import BotSettings, Sandbox, SandboxSettings, Upload, create_sandbox
from bridge.sandbox.access import BOT_MAY
from bridge.sandbox.api import ROUTES as CONVERSATION_ROUTES
from bridge.sandbox.api_account import ROUTES as ACCOUNT_ROUTES

SETTINGS = SandboxSettings(bot=BotSettings(token="bot"), messages_per_minute=20)
AGENT, ADMINISTRATOR = SETTINGS.agent.token, SETTINGS.administrator.token
ACCOUNT = "/api/v1/accounts/1"
ROUTES = (*CONVERSATION_ROUTES, *ACCOUNT_ROUTES)
BASE = "/api/v1/accounts/1/conversations"


class Client:
    """Requests with a token, in-process."""

    def __init__(self, service: Sandbox, http: httpx.AsyncClient) -> None:
        self.service, self.state, self.http = service, service.state, http

    async def call(
        self, method: str, path: str, body: Any = None, token: str = "bot", **options: Any
    ) -> httpx.Response:
        headers = {"Api-Access-Token": token} if token else {}
        return await self.http.request(method, path, json=body, headers=headers, **options)

    async def post(self, path: str, body: Any, token: str = "bot") -> Any:
        answer = await self.call("POST", f"{BASE}{path}", body, token)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None


def with_client(scenario: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=False)) as outgoing:
            service = create_sandbox(SETTINGS, outgoing)
            transport = httpx.ASGITransport(service)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
                await scenario(Client(service, http))
            await service.aclose()

    asyncio.run(run())


def asked(client: Client, text: str = "Where is it?") -> None:
    client.state.say(client.state.arrive(), text)


@pytest.mark.parametrize(("method", "path", "controller", "action"), [route[:4] for route in ROUTES], ids=str)
def test_a_bot_may_do_what_the_allow_list_names_and_nothing_else(
    method: str, path: str, controller: str, action: str
) -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        answer = await client.call(
            method, ACCOUNT + path.format(conversation=1, message=1, contact=1, inbox=1), {}
        )
        refused = {"error": "Access to this endpoint is not authorized for bots"}
        is_refused = answer.status_code == 401 and answer.json() == refused
        assert is_refused == ((controller, action) not in BOT_MAY)

    with_client(scenario)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", f"{BASE}/1/messages"), ("DELETE", f"{BASE}/1/messages/1"), ("GET", BASE),
     ("GET", "/api/v1/accounts/1/contacts"), ("GET", "/api/v1/profile")],
)  # fmt: skip
def test_a_bot_can_neither_list_nor_delete_nor_read_people(method: str, path: str) -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        assert (await client.call(method, path)).status_code == 401

    with_client(scenario)


def test_the_token_is_asked_for_before_anything_else() -> None:
    async def scenario(client: Client) -> None:
        missing = await client.call("GET", f"{BASE}/1", token="")
        assert (missing.status_code, list(missing.json())) == (401, ["errors"])
        assert (await client.call("GET", f"{BASE}/1", token="?")).json() == {"error": "Invalid Access Token"}
        underscored = await client.http.get(f"{BASE}/1", headers={"api_access_token": "bot"})
        assert underscored.status_code == 404
        assert (await client.call("GET", f"{BASE}/x")).status_code == 404
        assert (await client.call("GET", "/api/v1/accounts/2/conversations/1")).status_code == 404

    with_client(scenario)


def test_a_user_is_told_what_the_sandbox_does_not_have() -> None:
    async def scenario(client: Client) -> None:
        answer = await client.call("GET", f"{ACCOUNT}/canned_responses", token=ADMINISTRATOR)
        assert answer.status_code == 501
        assert (await client.call("GET", "/nothing/here")).status_code == 404

    with_client(scenario)


def test_a_profile_says_whose_token_it_is() -> None:
    async def scenario(client: Client) -> None:
        answer = await client.call("GET", "/api/v1/profile", token=ADMINISTRATOR)
        assert (answer.json()["role"], answer.json()["accounts"][0]["id"]) == ("administrator", 1)

    with_client(scenario)


def test_a_handoff_answers_success_null_and_the_conversation_is_open() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        body = await client.post("/1/toggle_status", {"status": "open"})
        assert body["payload"]["success"] is None
        assert body["payload"]["current_status"] == "open"
        again = await client.post("/1/toggle_status", {"status": "open"})
        assert again["payload"]["success"] is True
        shown = (await client.call("GET", f"{BASE}/1")).json()
        assert shown["status"] == "open"
        assert "assignee" not in shown["meta"]

    with_client(scenario)


def test_an_agents_token_that_opens_assigns_itself() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        body = await client.post("/1/toggle_status", {"status": "open"}, AGENT)
        assert body["payload"]["success"] is True
        shown = (await client.call("GET", f"{BASE}/1")).json()
        assert shown["meta"]["assignee"]["email"] == SETTINGS.agent.email

    with_client(scenario)


def test_a_status_toggles_where_none_is_given_and_an_unknown_one_crashes() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        assert (await client.post("/1/toggle_status", {}))["payload"]["current_status"] == "open"
        assert (await client.post("/1/toggle_status", {}))["payload"]["current_status"] == "resolved"
        until = await client.post("/1/toggle_status", {"status": "snoozed", "snoozed_until": 1781776800})
        assert until["payload"]["snoozed_until"] == "2026-06-18T10:00:00.000Z"
        assert (await client.call("POST", f"{BASE}/1/toggle_status", {"status": "?"})).status_code == 500

    with_client(scenario)


def test_a_message_keeps_its_attributes_and_its_echo_id_is_only_echoed() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        body = {"content": "In Settings.", "content_attributes": {"kbtool_turn": "t1"}, "echo_id": "e1"}
        first = await client.post("/1/messages", body)
        second = await client.post("/1/messages", body)
        assert first["id"] != second["id"]
        assert (first["echo_id"], first["content_attributes"]) == ("e1", {"kbtool_turn": "t1"})
        assert (first["sender"]["type"], first["message_type"], first["status"]) == ("agent_bot", 1, "sent")
        listed = (await client.call("GET", f"{BASE}/1/messages", token=AGENT)).json()["payload"]
        assert [message["content_attributes"].get("kbtool_turn") for message in listed] == [None, "t1", "t1"]
        assert all("echo_id" not in message for message in listed)

    with_client(scenario)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"content": "x", "message_type": "incoming"}, "Incoming messages are only allowed in Api inboxes"),
        ({"content": "x" * 150_001}, "Validation failed: Content is too long (maximum is 150000 characters)"),
        ({"content": "x", "content_type": "hologram"}, "'hologram' is not a valid content_type"),
        ({"content": "x", "message_type": "shout"}, "'shout' is not a valid message_type"),
        ({"content": "x", "content_type": "input_select"},
         "Validation failed: Content attributes At least one item is required."),
        ({"content": "x", "content_type": "input_select", "content_attributes": {"items": [{"label": "A"}]}},
         "Validation failed: Content attributes contains invalid keys for items : ['label']"),
    ],
)  # fmt: skip
def test_a_message_that_cannot_be_stored_is_a_422_with_one_error(body: dict[str, Any], error: str) -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        answer = await client.call("POST", f"{BASE}/1/messages", body)
        assert (answer.status_code, answer.json()) == (422, {"error": error})

    with_client(scenario)


def test_a_flood_in_one_conversation_is_a_422() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        for number in range(19):
            await client.post("/1/messages", {"content": str(number)})
        answer = await client.call("POST", f"{BASE}/1/messages", {"content": "too much"})
        assert answer.json() == {"error": "Validation failed: Too many messages"}

    with_client(scenario)


def test_messages_are_paged_as_chatwoot_pages_them() -> None:
    async def scenario(client: Client) -> None:
        visit = client.state.arrive()
        for number in range(1, 31):
            client.state.say(visit, str(number))
        conversation = client.state.conversation_of(visit)
        assert conversation is not None
        client.state.reply(conversation, "note", client.state.directory.users[1], private=True)

        async def ids(query: str) -> list[int]:
            answer = await client.call("GET", f"{BASE}/1/messages?{query}", token=AGENT)
            return [message["id"] for message in answer.json()["payload"]]

        assert await ids("") == list(range(12, 32))
        assert await ids("after=5") == list(range(6, 32))
        assert await ids("before=5") == [1, 2, 3, 4]
        assert await ids("after=5&before=8") == [5, 6, 7]
        assert await ids("filter_internal_messages=true") == list(range(11, 31))
        assert await ids("after=x") == list(range(1, 32))

    with_client(scenario)


def test_labels_and_custom_attributes_are_replaced_not_merged() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        await client.post("/1/labels", {"labels": ["a", "b"]})
        assert await client.post("/1/labels", {"labels": ["c"]}) == {"payload": ["c"]}
        assert (await client.call("GET", f"{BASE}/1/labels")).json() == {"payload": ["c"]}
        await client.post("/1/custom_attributes", {"custom_attributes": {"tier": "gold"}})
        second = await client.post("/1/custom_attributes", {"custom_attributes": {"order": "7"}})
        assert second == {"custom_attributes": {"order": "7"}}

    with_client(scenario)


def test_people_and_the_bot_can_be_assigned_and_a_team_finds_none() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        assert (await client.post("/1/assignments", {"assignee_id": 1}))["email"] == SETTINGS.agent.email
        bot = await client.post("/1/assignments", {"assignee_id": 1, "assignee_type": "AgentBot"})
        assert bot["type"] == "agent_bot"
        assert await client.post("/1/assignments", {"team_id": 4}) is None
        assert (await client.call("GET", f"{BASE}/1")).json()["meta"]["assignee_type"] == "AgentBot"
        assert await client.post("/1/assignments", {"assignee_id": None}) is None

    with_client(scenario)


def test_typing_and_priority_answer_nothing_and_take_effect() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        assert await client.post("/1/toggle_typing_status", {"typing_status": "on"}) is None
        assert await client.post("/1/toggle_priority", {"priority": "urgent"}) is None
        conversation = client.state.conversations[1, 1]
        assert client.state.typing(conversation) == {client.state.directory.bots[1]}
        assert conversation.priority == "urgent"
        updated = await client.call("PATCH", f"{BASE}/1", {"priority": None})
        assert updated.json()["priority"] is None
        assert (await client.call("POST", f"{BASE}/1/toggle_priority", {"priority": "?"})).status_code == 500

    with_client(scenario)


def test_a_conversation_shows_its_last_message_and_its_last_that_is_no_activity() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        await client.post("/1/toggle_status", {"status": "resolved"}, AGENT)
        shown = (await client.call("GET", f"{BASE}/1")).json()
        assert [message["message_type"] for message in shown["messages"]] == [2]
        assert shown["last_non_activity_message"]["content"] == "Where is it?"
        assert (shown["can_reply"], shown["unread_count"], shown["waiting_since"]) == (True, 1, 0)

    with_client(scenario)


def test_a_bot_may_begin_a_conversation_and_it_is_pending_whatever_it_asks_for() -> None:
    async def scenario(client: Client) -> None:
        visit = client.state.arrive()
        body = {"source_id": visit.source_id, "status": "open", "message": {"content": "Hello!"}}
        made = await client.post("", body)
        assert (made["status"], made["messages"][0]["content"]) == ("pending", "Hello!")
        assert (await client.call("POST", BASE, {"source_id": "?"})).status_code == 404

    with_client(scenario)


def test_only_an_api_inbox_takes_incoming_messages_and_delivery_reports() -> None:
    async def scenario(client: Client) -> None:
        visit = client.state.arrive(client.state.directory.inboxes[2])
        client.state.begin(visit)
        posted = await client.post("/1/messages", {"content": "Hi", "message_type": "incoming"}, AGENT)
        assert (posted["message_type"], posted["sender"]["type"]) == (0, "contact")
        path = f"{BASE}/1/messages/{posted['id']}"
        report = {"status": "failed", "external_error": "window closed"}
        failed = (await client.call("PATCH", path, report, AGENT)).json()
        assert (failed["status"], failed["content_attributes"]["external_error"]) == (
            "failed",
            "window closed",
        )
        asked(client)
        refused = await client.call("PATCH", f"{BASE}/2/messages/2", report, AGENT)
        assert refused.status_code == 403

    with_client(scenario)


def test_bodies_that_are_no_json_are_refused_and_the_sandbox_goes_on() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        headers = {"Api-Access-Token": "bot"}
        form = await client.http.post(f"{BASE}/1/messages", data={"content": "x"}, headers=headers)
        assert form.status_code == 415
        headers |= {"Content-Type": "application/json"}
        broken = await client.http.post(f"{BASE}/1/messages", content=b"{", headers=headers)
        assert broken.status_code == 400
        assert (await client.post("/1/messages", {"content": "still here"}))["content"] == "still here"

    with_client(scenario)


def test_an_attachment_can_be_fetched_where_its_address_says() -> None:
    async def scenario(client: Client) -> None:
        file = Upload("photo.png", "image/png", b"\x89PNG")
        message = client.state.say(client.state.arrive(), None, file)
        path = message.attachments[0].url.removeprefix(SETTINGS.public_url)
        assert (await client.http.get(path)).status_code == 302
        answer = await client.http.get(path.replace("blobs/redirect", "disk"))
        assert (answer.content, answer.headers["content-disposition"]) == (b"\x89PNG", "attachment")

    with_client(scenario)
