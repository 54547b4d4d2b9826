"""Faults switched on: calls that fail or come late, webhooks that come twice, channels that refuse."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox import CallFault, Faults, InboxSettings, SandboxSettings, Upload
from bridge.sandbox.channels import WINDOW_ERROR
from bridge.sandbox.page.bodies import faults, parse_faults
from bridge.sandbox.records import ContactInbox
from tests.test_sandbox_api import BASE, Client, asked, with_client
from tests.test_sandbox_delivery import BOT, Receiver, sandbox

PHONE = InboxSettings("Fennbrook phone", "Channel::Whatsapp")


def contents(client: Client) -> list[str | None]:
    return [message.content for message in client.state.messages(client.state.conversations[1, 1])]


async def attempt(client: Client, fault: CallFault) -> int:
    """The status of a post that meets `fault`."""
    asked(client, "?")
    client.state.faults = Faults(calls=(fault,))
    return (await client.call("POST", f"{BASE}/1/messages", {"content": "answer"})).status_code


@pytest.mark.parametrize(
    ("fault", "status", "thread"),
    [
        (CallFault("refused", status=422), 422, ["?"]),
        (CallFault("refused", status=429), 429, ["?"]),
        (CallFault("lost", status=502), 502, ["?", "answer"]),
        (CallFault("silent", seconds=0.01), 200, ["?", "answer"]),
        (CallFault("late", seconds=0.01), 200, ["?", "answer"]),
        (CallFault("slow", seconds=0.01), 200, ["?", "answer"]),
        (CallFault("refused", action="conversations/show"), 200, ["?", "answer"]),
    ],
)
def test_a_call_fails_as_it_was_told_to(fault: CallFault, status: int, thread: list[str]) -> None:
    async def scenario(client: Client) -> None:
        assert await attempt(client, fault) == status
        assert contents(client) == thread

    with_client(scenario)


def test_a_late_post_is_stored_although_its_sender_has_gone() -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await attempt(client, CallFault("late", seconds=0.1))
        assert contents(client) == ["?"]
        await asyncio.sleep(0.15)
        assert contents(client) == ["?", "answer"]

    with_client(scenario)


def test_an_orphaned_post_is_refused_at_once_and_stored_all_the_same() -> None:
    async def scenario(client: Client) -> None:
        assert await attempt(client, CallFault("orphaned", status=504, seconds=0.05)) == 504
        assert contents(client) == ["?"]
        await asyncio.sleep(0.1)
        assert contents(client) == ["?", "answer"]

    with_client(scenario)


def test_a_closed_sandbox_carries_out_nothing_late() -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await attempt(client, CallFault("late", seconds=30.0))
        before = time.monotonic()
        await client.service.aclose()
        assert time.monotonic() - before < 10.0
        assert contents(client) == ["?"]

    with_client(scenario)


@given(st.integers(1, 5))
def test_a_fault_is_used_up_after_its_times(times: int) -> None:
    now = Faults(calls=(CallFault("lost", times=times), CallFault("refused")))
    met = []
    for _ in range(times + 2):
        fault, now = now.take("messages/create")
        met.append(None if fault is None else fault.kind)
    assert met == ["lost"] * times + ["refused", None]


def test_a_fault_without_times_stays_until_it_is_switched_off() -> None:
    now = Faults(calls=(CallFault("lost", times=None),))
    assert now.take("messages/create")[1] == now


@pytest.mark.parametrize(("duplicates", "ids"), [("same_id", 1), ("new_id", 2)])
def test_a_webhook_comes_twice_as_a_retry_or_under_another_id(duplicates: Any, ids: int) -> None:
    async def scenario() -> None:
        receiver = Receiver()
        async with sandbox(receiver) as service:
            service.state.faults = Faults(duplicates=duplicates)
            service.state.say(service.state.arrive(), "Hello?")
            await service.settle()
        created = [r for r in receiver.requests if b'"event":"message_created"' in r[2]]
        assert len(created) == 2
        assert len({headers["x-chatwoot-delivery"] for _, headers, _ in created}) == ids

    asyncio.run(scenario())


def test_webhooks_overtake_each_other() -> None:
    async def scenario() -> list[str]:
        receiver = Receiver()
        async with sandbox(receiver) as service:
            service.state.faults = Faults(shuffle_seconds=0.1)
            visit = service.state.arrive()
            for number in range(8):
                service.state.say(visit, str(number))
            await service.settle()
        return [body["content"] for body in receiver.named("message_created")]

    arrived = asyncio.run(scenario())
    assert sorted(arrived) == [str(number) for number in range(8)]
    assert arrived != sorted(arrived)


def on_phone(text: str, reply: str, **switched: Any) -> tuple[Receiver, dict[str, Any]]:
    """A reply on WhatsApp under faults: the webhooks, and the last of the message's updates."""

    async def scenario() -> Receiver:
        receiver = Receiver()
        async with sandbox(receiver, inboxes=(PHONE,)) as service:
            state = service.state
            visit = state.arrive(state.directory.inboxes[3], phone_number="+491")
            said = state.say(visit, text)
            state.faults = Faults(**switched)
            state.reply(state.conversations[1, said.conversation_id], reply, state.directory.bots[1])
            await service.settle()
        return receiver

    receiver = asyncio.run(scenario())
    return receiver, receiver.named("message_updated")[-1]


@pytest.mark.parametrize(
    ("switched", "reply", "error"),
    [
        ({"window_closed": True}, "short", WINDOW_ERROR),
        ({"channel_error": "131026"}, "short", "131026"),
        ({}, "x" * 4097, "(#100) Param text must be at most 4096 characters long."),
    ],
)
def test_a_channel_that_refuses_says_so_only_in_an_update(
    switched: dict[str, Any], reply: str, error: str
) -> None:
    receiver, updated = on_phone("?", reply, **switched)
    assert updated["content_attributes"]["external_error"] == error
    assert updated["conversation"]["can_reply"] is not switched.get("window_closed", False)
    assert "status" not in updated
    assert len(receiver.named("message_updated")) == 1


def test_a_channel_that_delivers_tells_its_id_and_then_its_status() -> None:
    receiver, updated = on_phone("?", "short")
    assert updated["source_id"].startswith("wamid.")
    nested = [body["conversation"]["messages"][0]["status"] for body in receiver.named("message_updated")]
    assert sorted(nested) == ["delivered", "sent"]


def test_a_post_with_a_source_id_never_reaches_the_channel() -> None:
    async def scenario() -> Counter[str]:
        receiver = Receiver()
        async with sandbox(receiver, inboxes=(PHONE,)) as service:
            state = service.state
            state.say(state.arrive(state.directory.inboxes[3]), "?")
            transport = httpx.ASGITransport(service)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
                await http.post(
                    f"{BASE}/1/messages", json={"content": "x", "source_id": "mine"},
                    headers={"Api-Access-Token": BOT.token},
                )  # fmt: skip
            await service.settle()
        return Counter(name for name in ("message_updated",) for _ in receiver.named(name))

    assert asyncio.run(scenario()) == Counter()


def test_an_older_message_builder_loses_the_mark() -> None:
    async def scenario(client: Client) -> None:
        asked(client)
        client.state.faults = Faults(loses_attributes=True)
        body = {"content": "x", "content_attributes": {"kbtool_turn": "t", "in_reply_to": 1}}
        assert (await client.post("/1/messages", body))["content_attributes"] == {"in_reply_to": 1}

    with_client(scenario)


def test_a_file_leads_where_the_fault_says() -> None:
    async def scenario(client: Client) -> None:
        client.state.faults = Faults(file_redirect="http://169.254.169.254/latest/")
        visit: ContactInbox = client.state.arrive()
        message = client.state.say(visit, None, Upload("a.png", "image/png", b"x"))
        path = message.attachments[0].url.removeprefix(SandboxSettings().public_url)
        answer = await client.http.get(path)
        assert answer.headers["location"] == "http://169.254.169.254/latest/"

    with_client(scenario)


def test_the_page_switches_faults_and_refuses_what_is_none() -> None:
    now = Faults(calls=(CallFault("late", seconds=2.0),), duplicates="new_id", shuffle_seconds=1.0)
    assert parse_faults(faults(now)) == now

    async def scenario(client: Client) -> None:
        answer = await client.http.post("/sandbox/faults", json={"calls": [{"kind": "lost", "status": 502}]})
        assert answer.status_code == 200
        assert client.state.faults.calls == (CallFault("lost", status=502),)
        shown = (await client.http.get("/sandbox/faults")).json()
        assert parse_faults(shown) == client.state.faults
        for wrong in ({"magic": 1}, {"calls": [{"kind": "magic"}]}, {"duplicates": "thrice"}, {"calls": 7},
                      {"shuffle_seconds": "x"}, {"calls": [{"kind": "late", "seconds": -1}]}):  # fmt: skip
            assert (await client.http.post("/sandbox/faults", json=wrong)).status_code == 422, wrong

    with_client(scenario)
