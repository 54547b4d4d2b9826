"""Webhooks over a real HTTP client: signed, tried again where Chatwoot does, and final where it gives up."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from bridge.sandbox import (
    BotSettings,
    DeliverySettings,
    Sandbox,
    SandboxSettings,
    WebhookSettings,
    create_sandbox,
)
from bridge.sandbox.activity import BOT_FAILED
from bridge.sandbox.delivery import signature

FAST = DeliverySettings(timeout_seconds=0.5, retry_seconds=0.0)
BOT = BotSettings(url="http://bridge/bot", secret="s3cret")


@dataclass
class Receiver:
    """Answers each request with the next of `statuses`, the last one for ever; 0 is no answer at all."""

    statuses: Sequence[int] = (200,)
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.requests.append((scope["path"], headers, body))
        status = self.statuses[min(len(self.requests), len(self.statuses)) - 1]
        if status == 0:
            await asyncio.Event().wait()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def named(self, event: str) -> list[dict[str, Any]]:
        bodies = [json.loads(body) for _, _, body in self.requests]
        return [body for body in bodies if body["event"] == event]


@asynccontextmanager
async def sandbox(
    receiver: Receiver, delivery: DeliverySettings = FAST, **fields: Any
) -> AsyncIterator[Sandbox]:
    made = SandboxSettings(**({"bot": BOT} | fields), delivery=delivery)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(receiver)) as http:
        service = create_sandbox(made, http)
        try:
            yield service
        finally:
            await service.aclose()


def say(receiver: Receiver, delivery: DeliverySettings = FAST, **fields: Any) -> tuple[str, list[str | None]]:
    """One question to a bot behind `receiver`: the status that it ends in, and the thread."""

    async def scenario() -> tuple[str, list[str | None]]:
        async with sandbox(receiver, delivery, **fields) as service:
            visit = service.state.arrive()
            service.state.say(visit, "Where is my order?")
            await service.settle()
            conversation = service.state.conversation_of(visit)
            assert conversation is not None
            return conversation.status, [message.content for message in service.state.messages(conversation)]

    return asyncio.run(scenario())


def test_a_webhook_is_signed_over_its_timestamp_and_its_bytes() -> None:
    receiver = Receiver()
    assert say(receiver) == ("pending", ["Where is my order?"])
    [(path, headers, body)] = receiver.requests
    assert path == "/bot"
    signed = headers["x-chatwoot-timestamp"].encode() + b"." + body
    expected = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["x-chatwoot-signature"] == f"sha256={expected}"
    assert headers["content-type"] == "application/json"


@given(st.text(), st.binary(), st.binary())
def test_a_signature_holds_for_its_own_body_only(secret: str, body: bytes, other: bytes) -> None:
    is_same = signature(secret, "1", body) == signature(secret, "1", other)
    assert is_same == (body == other)


@pytest.mark.parametrize("status", [429, 500])
def test_429_and_500_are_tried_again_under_the_same_delivery_id(status: int) -> None:
    receiver = Receiver((status, status, 200))
    assert say(receiver)[0] == "pending"
    ids = {headers["x-chatwoot-delivery"] for _, headers, _ in receiver.requests}
    assert (len(receiver.requests), len(ids)) == (3, 1)


@pytest.mark.parametrize("status", [429, 500])
def test_after_three_failures_the_conversation_is_opened_and_the_thread_says_why(status: int) -> None:
    receiver = Receiver((status, status, status, 200))
    assert say(receiver) == ("open", ["Where is my order?", BOT_FAILED])
    assert len(receiver.named("message_created")) == 3
    # opened! is a change like any other: the bot is told of it
    assert len(receiver.named("conversation_opened")) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 502, 503, 504])
def test_any_other_failure_is_final_at_once(status: int) -> None:
    receiver = Receiver((status, 200))
    assert say(receiver) == ("open", ["Where is my order?", BOT_FAILED])
    assert len(receiver.named("message_created")) == 1


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_a_delivery(status: int) -> None:
    assert say(Receiver((status,)))[0] == "pending"


def test_a_bot_that_does_not_answer_in_time_loses_the_conversation() -> None:
    receiver = Receiver((0, 200))
    assert say(receiver, replace(FAST, timeout_seconds=0.05))[0] == "open"
    assert len(receiver.named("message_created")) == 1


def test_a_bot_that_refuses_the_connection_loses_the_conversation() -> None:
    async def scenario() -> str:
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=False)) as http:
            listener = socket.socket()  # bound and not listening: every connection is refused
            listener.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/bot"
            service = create_sandbox(SandboxSettings(bot=replace(BOT, url=url), delivery=FAST), http)
            visit = service.state.arrive()
            service.state.say(visit, "Hello?")
            await service.settle()
            conversation = service.state.conversation_of(visit)
            assert conversation is not None
            listener.close()
            assert service.deliveries.log[0].outcomes == ["ConnectError"]
            return conversation.status

    assert asyncio.run(scenario()) == "open"


def test_the_account_may_keep_conversations_pending_when_the_bot_fails() -> None:
    assert say(Receiver((503,)), replace(FAST, keep_pending_on_bot_failure=True)) == (
        "pending",
        ["Where is my order?"],
    )


def test_a_failed_conversation_event_changes_nothing() -> None:
    async def scenario() -> str:
        receiver = Receiver((200, 503))
        async with sandbox(receiver) as service:
            visit = service.state.arrive()
            service.state.say(visit, "Hello?")
            await service.settle()
            conversation = service.state.conversation_of(visit)
            assert conversation is not None
            service.state.save(conversation, custom_attributes={"tier": "gold"})
            await service.settle()
            return service.state.current(conversation).status

    assert asyncio.run(scenario()) == "pending"


def test_an_account_webhook_is_never_tried_again_and_opens_nothing() -> None:
    receiver = Receiver((500,))
    webhook = WebhookSettings("http://bridge/account", "other", ("message_created",))
    status, _ = say(receiver, bot=BotSettings(), webhooks=(webhook,))
    assert status == "pending"
    assert [path for path, _, _ in receiver.requests] == ["/account"]


def test_two_receivers_get_two_delivery_ids_and_two_signatures() -> None:
    receiver = Receiver()
    webhook = WebhookSettings("http://bridge/account", "other", ("message_created",))
    say(receiver, webhooks=(webhook,))
    assert {path for path, _, _ in receiver.requests} == {"/bot", "/account"}
    for header in ("x-chatwoot-delivery", "x-chatwoot-signature"):
        assert len({headers[header] for _, headers, _ in receiver.requests}) == 2


@settings(max_examples=20, deadline=None)
@given(st.integers())
def test_shuffled_deliveries_all_arrive_once_and_the_same_seed_gives_the_same_order(seed: int) -> None:
    delivery = replace(FAST, shuffle_seed=seed, shuffle_seconds=0.0)

    def order() -> list[str]:
        waits: list[float] = []

        async def scenario() -> list[str]:
            receiver = Receiver()
            async with httpx.AsyncClient(transport=httpx.ASGITransport(receiver)) as http:
                made = SandboxSettings(bot=BOT, delivery=replace(delivery, shuffle_seconds=1.0))

                async def wait_in_turn(seconds: float) -> None:
                    """Waits turns of the loop, not seconds: the longer the wait, the more turns."""
                    waits.append(seconds)
                    for _ in range(int(seconds * 200)):
                        await asyncio.sleep(0)

                service = create_sandbox(made, http, sleep=wait_in_turn)
                visit = service.state.arrive()
                for number in range(4):
                    service.state.say(visit, f"message {number}")
                await service.settle()
                await service.aclose()
            return [body["content"] for body in receiver.named("message_created")]

        return asyncio.run(scenario())

    first = order()
    assert sorted(first) == [f"message {number}" for number in range(4)]
    assert order() == first


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.5", "[::1]", "169.254.1.1"])
def test_a_private_address_gets_nothing_where_chatwoot_does_not_allow_it(host: str) -> None:
    receiver = Receiver()
    bot = replace(BOT, url=f"http://{host}/bot")
    assert say(receiver, replace(FAST, private_network=False), bot=bot)[0] == "open"
    assert receiver.requests == []
    assert say(receiver, FAST, bot=bot)[0] == "pending"


def test_a_public_address_is_reached_all_the_same() -> None:
    receiver = Receiver()
    bot = replace(BOT, url="http://93.184.215.14/bot")
    assert say(receiver, replace(FAST, private_network=False), bot=bot)[0] == "pending"


def test_a_closed_sandbox_drops_what_is_on_its_way() -> None:
    async def scenario() -> int:
        receiver = Receiver((0,))
        async with sandbox(receiver, replace(FAST, timeout_seconds=30.0)) as service:
            service.state.say(service.state.arrive(), "Hello?")
            await asyncio.sleep(0.01)
        return len(receiver.requests)

    assert asyncio.run(scenario()) == 1
