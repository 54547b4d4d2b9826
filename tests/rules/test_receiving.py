"""Rules 1 to 10: what the bridge takes, how it answers, and what is never taken twice."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox import Faults
from bridge.sandbox.records import ContactInbox
from tests.bridging import Said
from tests.rules.world import ANSWER, GOOD, KEEPS_PENDING, QUESTION, SETTINGS, World, sample, world
from tests.server import run

SECRET = SETTINGS.bot.secret.encode()


def signed(timestamp: str, *parts: bytes, secret: bytes = SECRET) -> dict[str, str]:
    value = "sha256=" + hmac.new(secret, b"".join(parts), hashlib.sha256).hexdigest()
    return {"X_Chatwoot_Timestamp": timestamp, "X_Chatwoot_Signature": value}


def incoming(
    at: World, number: int, text: str = QUESTION, visit: ContactInbox | None = None, **changes: Any
) -> dict[str, Any]:
    """One more message of a customer (the first one) as a webhook with `changes`."""
    body = copy.deepcopy(at.bodies(visit or next(iter(at.state.visits.values())))[0])
    body["conversation"]["messages"] = []
    return body | {"id": number, "content": text} | changes


def test_rule_01_only_what_is_signed_over_timestamp_and_body_just_now_is_taken(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, runs=False, delivery=KEEPS_PENDING) as at:
            at.ask()
            await at.stand.sandbox.settle()
            async with at.stand.bridge():
                raw = json.dumps(incoming(at, 1)).encode()
                now = int(time.time())
                old, new, to_come = str(now - 400), str(now), str(now + 400)
                forgeries = (
                    {"X_Chatwoot_Signature": "", "X_Chatwoot_Timestamp": ""},
                    {"X_Chatwoot_Signature": "sha256=" + "0" * 64},
                    signed(new, raw),  # over the body only, as #13809 does
                    signed(new, new.encode(), raw),  # without the dot
                    signed(new, new.encode(), b".", raw, secret=b"another bot's"),
                    signed(new, new.encode(), b".", raw + b" "),
                    signed(old, old.encode(), b".", raw),
                    signed(to_come, to_come.encode(), b".", raw),
                )
                for headers in forgeries:
                    assert await at.deliver(raw, **headers) == 401, headers
                await asyncio.sleep(0.2)
                assert at.asked == []
                assert await at.deliver(raw, **signed(new, new.encode(), b".", raw)) == 200
                await at.until_asked()

    run(scenario())


def test_rule_02_a_delivery_is_acknowledged_while_dify_and_chatwoot_still_think(tmp_path: Path) -> None:
    async def scenario() -> None:
        answers = {QUESTION: Said(ANSWER, hangs=True)}
        async with world(tmp_path, answers, runs=False, delivery=KEEPS_PENDING) as at:
            at.ask()
            await at.stand.sandbox.settle()
            async with at.stand.bridge():
                begun = time.monotonic()
                async with asyncio.timeout(3.0):
                    assert await at.deliver(incoming(at, 1)) == 200
                    assert await at.deliver(incoming(at, 2)) == 200
                assert time.monotonic() - begun < 3.0
                await at.until_asked()
                at.stand.dify.released.set()
                await at.until(lambda: ANSWER in at.replies(next(iter(at.state.visits.values()))))

    run(scenario())


def store_in(folder: Path) -> Path:
    (store,) = folder.glob("*.sqlite")
    return store


UNKNOWN: tuple[bytes, ...] = (
    b"", b"{", b"[]", b"null", b"7", b'"text"', b"{}", b"\xff\xfe", b"[" * 100_000,
    b'{"event": "conversation_bot_handoff", "new": {"field": 1}}',
    b'{"event": 7}', b'{"event": "message_created"}',
    b'{"event": "message_created", "id": "nine", "conversation": []}',
    b'{"event": "message_updated", "id": -1, "content_attributes": "text"}',
    b'{"event": "conversation_status_changed", "id": 1e400, "account": {"id": true}}',
)  # fmt: skip


def test_rule_03_an_authentic_delivery_is_answered_200_whatever_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            for body in UNKNOWN:
                assert await at.deliver(body) == 200, body[:60]
            await at.answered()

    run(scenario())


def test_rule_04_what_cannot_be_stored_is_answered_500_and_answered_once_when_it_comes_again(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            await at.answered()
            await at.idle()
            before = len(at.asked)
            store = store_in(tmp_path)
            with sqlite3.connect(store) as beside:
                tables = [
                    name for (name,) in beside.execute("SELECT name FROM sqlite_master WHERE type='table'")
                ]
                tables = [name for name in tables if not name.startswith("sqlite_")]
                for name in tables:
                    beside.execute(
                        f"CREATE TRIGGER full_{name} BEFORE INSERT ON {name} "
                        "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
                    )
            beside.close()
            body = json.dumps(incoming(at, 900, QUESTION)).encode()
            assert [await at.deliver(body, delivery="one") for _ in range(2)] == [500, 500]
            with sqlite3.connect(store) as beside:
                for name in tables:
                    beside.execute(f"DROP TRIGGER full_{name}")
            beside.close()
            assert await at.deliver(body, delivery="one") == 200
            await at.until_asked(before + 1)

    run(scenario())


@pytest.mark.parametrize("duplicates", ["same_id", "new_id"])
def test_rule_05_a_message_that_comes_twice_is_answered_once(tmp_path: Path, duplicates: Any) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            at.state.faults = Faults(duplicates=duplicates)
            visit = await at.answered()
            body = at.bodies(visit)[0]
            assert [await at.deliver(body, delivery=name) for name in ("late-1", "late-2")] == [200, 200]
            await at.idle()
            assert (at.replies(visit), at.asked.count(QUESTION)) == ([ANSWER], 2)

    run(scenario())


def test_rule_06_messages_are_asked_in_the_order_of_their_ids_not_of_their_arrival(tmp_path: Path) -> None:
    async def scenario() -> None:
        texts = ["What is first?", "What is second?", "What is third?", "What is fourth?"]
        answers = {text: Said(f"Answer to {text}", hangs=text == texts[0]) for text in texts}
        async with world(tmp_path, answers, runs=False, delivery=KEEPS_PENDING) as at:
            visit = at.ask(texts[0])
            for text in texts[1:]:
                at.ask(text, visit)
            await at.stand.sandbox.settle()
            first, *others = at.bodies(visit)
            async with at.stand.bridge():
                await at.deliver(first)
                await at.until_asked()
                for body in (others[2], others[0], others[1]):
                    await at.deliver(body)
                await asyncio.sleep(0.2)
                at.stand.dify.released.set()
                await at.until(lambda: "fourth" in " ".join(at.asked))
        said = " ".join(at.asked)
        places = [said.rindex(word) for word in ("first", "second", "third", "fourth")]
        assert places == sorted(places)

    run(scenario())


def test_rule_07_the_same_number_in_two_accounts_is_two_conversations(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = await at.answered()
            other = incoming(at, 5001)
            other["account"] = other["conversation"]["account"] = {"id": 2, "name": "Another"}
            assert await at.deliver(other) == 200
            await at.until_asked(2)
            first, second = at.stand.dify.asked[:2]
            assert second["conversation_id"] == ""
            assert first["user"] != second["user"]
            assert at.replies(visit) == [ANSWER]

    run(scenario())


NOT_ASKED: dict[str, dict[str, Any]] = {
    "an agent's reply": {"message_type": "outgoing", "sender": {"id": 1, "name": "A", "type": "user"}},
    "a bot's reply": {"message_type": "outgoing", "sender": {"id": 1, "name": "B", "type": "agent_bot"}},
    "a private note": {"message_type": "outgoing", "private": True, "sender": {"id": 1, "type": "user"}},
    "an incoming note": {"private": True},
    "a template": {"message_type": "template", "sender": None},
    "an activity": {"message_type": "activity", "sender": None},
    "a number for a type": {"message_type": 0},
    "nobody's message": {"sender": None},
    "a user's incoming": {"sender": {"id": 1, "name": "A", "type": "user"}},
    "captain's incoming": {"sender": {"id": 1, "name": "C", "type": "captain_assistant"}},
    "a survey": {"content_type": "input_csat"},
    "a choice": {"content_type": "input_select"},
    "a call": {"content_type": "voice_call"},
    "an update": {"event": "message_updated"},
}


def test_rule_08_only_a_customers_own_new_message_is_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            for number, (name, changes) in enumerate(NOT_ASKED.items(), start=700):
                visit = await at.answered()  # each in a conversation of its own: one may be a takeover
                body = incoming(at, number, f"not a question: {name}", visit, **changes)
                assert await at.deliver(body) == 200
            for name in (
                "message_created_outgoing_human_agent", "message_created_private_note_human",
                "message_created_template_greeting", "message_created_outgoing_automation_rule",
            ):  # fmt: skip
                assert await at.deliver(sample(name)) == 200
            await at.idle()
            assert set(at.asked) == {QUESTION}

    run(scenario())


def test_rule_10_no_bots_message_is_answered_and_no_echo_of_our_own_doing_does_anything(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path, GOOD) as at:
            visit = await at.answered()
            other_bot = {"id": 77, "name": "Another bot", "type": "agent_bot"}
            await at.deliver(incoming(at, 801, "I am a bot", sender=other_bot))
            await at.deliver(incoming(at, 802, "I am a bot", sender=other_bot, message_type="outgoing"))
            unanswered = at.ask("Something that nobody wrote down?")
            await at.until(lambda: at.status(unanswered) == "open")
            await at.idle()
            assert at.asked.count("I am a bot") == 0
            assert at.replies(visit) == [ANSWER]
            toggles = [call for call in at.calls if call.action == "POST toggle_status"]
            assert len(toggles) == 1

    run(scenario())
