"""Rules 11 to 16: whether the bridge may speak at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.records import ContactInbox, MessageType
from tests.bridging import Said
from tests.rules.world import ANSWER, QUESTION, World, world
from tests.server import run

HANGS = {QUESTION: Said(ANSWER, hangs=True), "And then?": Said("Then you ask us."), "Hm, why?": Said("So.")}
OTHER = {"And then?": Said("Then you ask us."), QUESTION: Said(ANSWER)}


def test_rule_11_at_receipt_nothing_is_said_in_a_conversation_that_is_not_pending(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = await at.answered()
            at.state.set_status(at.conversation(visit), "open", at.agent)
            await at.stand.sandbox.settle()
            at.ask(QUESTION, visit)
            snoozed = await at.answered()
            at.state.set_status(at.conversation(snoozed), "snoozed", at.agent)
            await at.stand.sandbox.settle()
            at.ask(QUESTION, snoozed)  # comes back open
            await at.idle()
            assert (at.replies(visit), at.replies(snoozed)) == ([ANSWER], [ANSWER])
            assert at.asked.count(QUESTION) == 3  # these two, and whom `idle` sends

    run(scenario())


def test_rule_11_before_asking_the_status_is_what_chatwoot_said_last(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, HANGS) as at:
            visit = at.ask()
            await at.until_asked()
            at.ask("And then?", visit)
            await at.stand.sandbox.settle()
            at.state.set_status(at.conversation(visit), "open", at.agent)
            await at.stand.sandbox.settle()
            at.stand.dify.released.set()
            await at.idle()
            assert at.replies(visit) == []

    run(scenario())


def test_rule_11_before_posting_chatwoot_itself_is_asked_for_the_status(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, HANGS) as at:
            visit = at.ask()
            await at.until_asked()
            await at.stand.sandbox.settle()
            # No webhook tells of it: only who looks will know
            at.state.put(replace(at.conversation(visit), status="open"))
            at.stand.dify.released.set()
            await at.idle()
            assert at.replies(visit) == []

    run(scenario())


def agent_writes(at: World, visit: ContactInbox) -> None:
    at.state.reply(at.conversation(visit), "I am looking into it.", at.agent)


def phone_app(at: World, visit: ContactInbox) -> None:
    at.state.echo(at.conversation(visit), "Sent from my phone")


def status_changes(at: World, visit: ContactInbox) -> None:
    at.state.set_status(at.conversation(visit), "open", at.agent)


def is_assigned(at: World, visit: ContactInbox) -> None:
    at.state.save(at.conversation(visit), at.agent, assignee=at.agent)


TAKEOVERS = [agent_writes, phone_app, status_changes, is_assigned]


@pytest.mark.parametrize("take_over", TAKEOVERS, ids=lambda one: one.__name__)
def test_rule_12_where_a_person_takes_over_the_answer_under_way_is_not_said(
    tmp_path: Path, take_over: Callable[[World, ContactInbox], None]
) -> None:
    async def scenario() -> None:
        async with world(tmp_path, HANGS) as at:
            visit = at.ask(QUESTION, at.visit_on("Channel::Whatsapp", phone_number="+4915100000"))
            await at.until_asked()
            take_over(at, visit)
            await at.stand.sandbox.settle()
            at.stand.dify.released.set()
            await at.idle()
            assert at.replies(visit) == []

    run(scenario())


@pytest.mark.parametrize("take_over", TAKEOVERS, ids=lambda one: one.__name__)
def test_rule_12_and_nothing_is_said_to_what_the_customer_writes_next(
    tmp_path: Path, take_over: Callable[[World, ContactInbox], None]
) -> None:
    async def scenario() -> None:
        async with world(tmp_path, OTHER) as at:
            visit = await at.answered(at.visit_on("Channel::Whatsapp", phone_number="+4915100000"))
            take_over(at, visit)
            await at.stand.sandbox.settle()
            at.ask("And then?", visit)
            await at.idle()
            assert at.replies(visit) == [ANSWER]

    run(scenario())


SENT_BY_NOBODY: dict[str, dict[str, Any]] = {
    "a rule": {"content_attributes": {"automation_rule_id": 12}},
    "a campaign": {"additional_attributes": {"campaign_id": 3}},
    "a survey": {"content_type": "input_csat", "source_id": "wamid.1"},
}


@pytest.mark.parametrize("name", [*SENT_BY_NOBODY, "a greeting"])
def test_rule_13_a_message_without_a_sender_is_no_person_who_takes_over(tmp_path: Path, name: str) -> None:
    async def scenario() -> None:
        async with world(tmp_path, OTHER) as at:
            visit = await at.answered()
            kind = MessageType.template if name == "a greeting" else MessageType.outgoing
            at.state.add(at.conversation(visit), kind, "Thanks!", None, **SENT_BY_NOBODY.get(name, {}))
            await at.stand.sandbox.settle()
            at.ask("And then?", visit)
            await at.until(lambda: at.replies(visit) == [ANSWER, "Then you ask us."])

    run(scenario())


def test_rule_14_after_a_handoff_the_bridge_is_silent_until_the_conversation_is_given_back(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path, OTHER) as at:
            visit = at.ask("Something that nobody wrote down, is it?")
            await at.until(lambda: at.status(visit) == "open")
            said = at.replies(visit)
            at.ask(QUESTION, visit)
            await at.idle()
            assert at.replies(visit) == said
            at.state.set_status(at.conversation(visit), "pending", at.agent)
            await at.stand.sandbox.settle()
            at.ask("And then?", visit)
            await at.until(lambda: at.replies(visit) == [*said, "Then you ask us."])

    run(scenario())


def test_rule_15_a_reopened_conversation_is_a_new_one_for_dify(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, OTHER) as at:
            visit = await at.answered()
            at.ask("And then?", visit)
            await at.until(lambda: len(at.replies(visit)) == 2)
            at.state.set_status(at.conversation(visit), "resolved", at.agent)
            await at.stand.sandbox.settle()
            await asyncio.sleep(0.01)
            at.ask(QUESTION, visit)
            await at.until(lambda: len(at.replies(visit)) == 3)
            conversations = [body["conversation_id"] for body in at.stand.dify.asked]
            assert conversations == ["", "conversation-1", ""]

    run(scenario())
