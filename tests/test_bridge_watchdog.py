"""Customers whom nobody answered: handed to a person once, also after an outage; and messages that no webhook
brought are taken in as if it had.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from bridge.chatwoot import listing
from bridge.guards import watchdog
from bridge.sandbox import DeliverySettings
from bridge.sandbox.records import ContactInbox
from bridge.serve import Bridge
from bridge.settings import Mode
from bridge.speech.words import ENGLISH
from bridge.store.schema import conversations, messages
from bridge.store.visit import visit as visit_store
from bridge.tables import alerts
from bridge.tables.alerts import Alert
from kbtool.errors import ContractBroken
from tests.bridging import Said, Stand, stand
from tests.server import run
from tests.waiting import until

QUESTION = "How long may I wait?"
ANSWER = "You have 30 days."
GOOD = {QUESTION: Said(ANSWER, 0.8)}
ADMINISTRATOR = "sandbox-administrator-token"


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watchdog whose minute is a twentieth of a second, and for which a webhook is late at once."""
    monkeypatch.setattr(watchdog, "EVERY", 0.05)
    monkeypatch.setattr(watchdog, "GRACE", 0.0)


@asynccontextmanager
async def standing(
    folder: Path, answers: Mapping[str, Said] = GOOD, *, token: str = ADMINISTRATOR, mode: Mode = Mode.REPLY
) -> AsyncIterator[Stand]:
    impatient = DeliverySettings(timeout_seconds=1.0, retry_seconds=0.05)
    async with stand(folder, answers, user_token=token, mode=mode, delivery=impatient) as at:
        yield at


async def missed(at: Stand, text: str = QUESTION) -> ContactInbox:
    """A customer writes while there is no bridge. Chatwoot is told to leave the conversation pending."""
    visit = at.ask(text)
    await at.sandbox.settle()
    bot = at.conversation(visit).inbox.bot
    assert bot is not None
    at.sandbox.state.set_status(at.conversation(visit), "pending", bot)
    await at.sandbox.settle()
    return visit


def test_a_message_of_an_outage_is_answered_when_the_bridge_is_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with standing(tmp_path) as at:
            visit = await missed(at)
            async with at.bridge():
                await at.until(lambda: at.replies(visit) == [ANSWER])
                await asyncio.sleep(0.3)
                assert at.replies(visit) == [ANSWER]
                assert at.status(visit) == "pending"
                assert len(at.dify.asked) == 1

    run(scenario())


def test_what_chatwoot_opened_because_nobody_answered_is_told(tmp_path: Path) -> None:
    """No webhook says so: the message is in an open conversation, and the store has never heard of it."""

    async def told(bridge: Bridge) -> list[Alert]:
        found = await bridge.store.read(lambda c: alerts.after(c, 0))
        return [one for one in found if one.message.key.startswith("opened")]

    async def scenario() -> None:
        async with standing(tmp_path) as at:
            async with at.bridge() as bridge:
                visit = at.ask(QUESTION)
                await at.until(lambda: at.replies(visit) == [ANSWER])
                await asyncio.sleep(0.3)
                assert await told(bridge) == []
            await asyncio.sleep(1.1)  # Chatwoot's times have whole seconds here
            lost = at.ask(QUESTION)
            await at.sandbox.settle()
            assert at.status(lost) == "open"
            async with at.bridge() as bridge:

                async def is_told() -> list[Alert]:
                    return await told(bridge)

                (alert,) = await until(is_told)
            assert alert.message.details["conversations"] == [at.conversation(lost).id]
            assert at.replies(lost) == []

    run(scenario())


def test_one_that_waited_for_too_long_meanwhile_goes_to_a_person_and_not_to_the_ai(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with standing(tmp_path) as at:
            visit = await missed(at)
            await asyncio.sleep(1.1)  # Chatwoot's times have whole seconds here
            async with at.bridge(unanswered=0.5):
                await at.until(lambda: at.status(visit) == "open")
                await asyncio.sleep(0.3)
                assert at.replies(visit) == [ENGLISH.handoff]
                (note,) = at.notes(visit)
                assert "[unanswered]" in note
                assert at.dify.asked == []

    run(scenario())


def test_a_dead_letter_goes_to_a_person_once_without_any_user_token(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with standing(tmp_path, {QUESTION: Said(ANSWER, 0.8, hangs=True)}, token="") as at:
            patience = replace(at.settings.patience, drain=0.1)
            async with at.bridge(patience=patience):
                visit = at.ask(QUESTION)
                await at.until(lambda: bool(at.dify.asked))
            with visit_store(at.settings.store, writes=True) as connection:
                connection.execute(update(messages).values(state="failed"))
                connection.execute(update(conversations).values(due_at=None))
            async with at.bridge(unanswered=0.2):
                await at.until(lambda: at.status(visit) == "open")
                await asyncio.sleep(0.3)
                assert at.replies(visit) == [ENGLISH.handoff]
                assert len(at.notes(visit)) == 1

    run(scenario())


def test_an_answered_customer_is_left_alone_however_long_ago(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with standing(tmp_path) as at:
            async with at.bridge():
                visit = at.ask(QUESTION)
                await at.until(lambda: at.replies(visit) == [ANSWER])
                await at.sandbox.settle()
            async with at.bridge(unanswered=0.1):
                await asyncio.sleep(0.5)
                assert at.replies(visit) == [ANSWER]
                assert at.status(visit) == "pending"

    run(scenario())


def test_what_waits_for_somebody_elses_bot_is_not_touched(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with standing(tmp_path) as at:
            visit = await missed(at)
            (route,) = at.settings.routes
            others = replace(route, bot="another")
            async with at.bridge(routes=(others,), unanswered=0.1):
                await asyncio.sleep(0.5)
                assert at.replies(visit) == at.notes(visit) == []
                assert at.status(visit) == "pending"

    run(scenario())


def test_an_account_webhook_leaves_what_is_pending_to_whose_bot_it_waits_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with standing(tmp_path, token="") as at:
            async with at.bridge():
                visit = at.ask(QUESTION)
                await at.until(lambda: at.replies(visit) == [ANSWER])
            with visit_store(at.settings.store, writes=True) as connection:
                # As if an account webhook had brought it, and nobody had answered.
                for table in (conversations, messages):
                    connection.execute(update(table).values(bot="account/desk"))
                connection.execute(delete(messages).where(messages.c.role != "customer"))
            (route,) = at.settings.routes
            desk = replace(route, bot="desk", is_account=True, mode=Mode.DRAFT)
            async with at.bridge(routes=(desk,), unanswered=0.1):
                await asyncio.sleep(0.5)
                assert at.notes(visit) == []
                assert at.status(visit) == "pending"

    run(scenario())


def test_a_route_that_is_off_shows_its_conversations_to_people_without_a_word(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with standing(tmp_path, mode=Mode.OFF) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == at.notes(visit) == []
            assert at.dify.asked == []

    run(scenario())


def test_a_round_takes_in_a_bounded_number_and_the_next_one_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "MISSED", 2)

    async def scenario() -> None:
        async with standing(tmp_path) as at:
            visits = [await missed(at) for _ in range(5)]
            async with at.bridge():
                await at.until(lambda: all(at.replies(visit) == [ANSWER] for visit in visits))

    run(scenario())


LISTED = {
    "payload": [
        {"id": 7, "inbox_id": 3, "labels": ["vip"],
         "last_non_activity_message": {"id": 90, "created_at": 5, "message_type": 0, "private": False}},
        {"id": 8, "inbox_id": 3, "last_non_activity_message": None},
    ]
}  # fmt: skip


def test_what_is_listed_is_read_as_far_as_it_goes() -> None:
    asking, empty = listing.parse_listed(LISTED, 1)
    assert (asking.id, asking.inbox, asking.labels, asking.last_id, asking.is_asking) == (
        7,
        3,
        ("vip",),
        90,
        True,
    )
    assert (empty.last_id, empty.is_asking) == (0, False)
    with pytest.raises(ContractBroken, match="no 'id' in the answer"):
        listing.parse_listed({"payload": [{}]}, 1)
    with pytest.raises(ContractBroken, match="no 'payload'"):
        listing.parse_listed({}, 1)


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ({"agent_bot": {"outgoing_url": "https://b.example/webhooks/chatwoot/kbtool"}}, "kbtool"),
        ({"agent_bot": {"outgoing_url": "https://b.example/x/webhooks/chatwoot/kbtool/"}}, "kbtool"),
        ({"agent_bot": {"outgoing_url": "https://other.example/hook"}}, ""),
        ({"agent_bot": {"outgoing_url": None}}, ""),
        ({"agent_bot": {}}, ""),
        ([], ""),
    ],
)
def test_an_inbox_is_ours_if_its_bot_calls_us(body: Any, address: str) -> None:
    assert listing.parse_address(body) == address
