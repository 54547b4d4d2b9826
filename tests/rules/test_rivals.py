"""Rule 16: one brain for an inbox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.guards import watchdog
from bridge.sandbox import BotSettings
from bridge.sandbox.records import Bot
from tests.bridging import Said
from tests.rules.world import ANSWER, QUESTION, World, alerts_in, logged, sample, world
from tests.server import run


def rival_of(at: World) -> Bot:
    directory = at.state.directory
    rival: Bot = directory.add_bot(directory.accounts[1], BotSettings(name="Rival", token="rival"))
    return rival


def test_rule_16_where_another_bot_has_the_conversation_ours_says_nothing_and_says_so_once(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = await at.answered()
            await at.stand.sandbox.settle()
            with logged() as lines:
                at.state.save(at.conversation(visit), at.agent, assignee=rival_of(at))
                await at.stand.sandbox.settle()
                at.ask(QUESTION, visit)
                at.ask(QUESTION, visit)
                await at.stand.traced(visit, "silent: another_bot")
                await at.idle()
            assert at.replies(visit) == [ANSWER]
            assert at.notes(visit) == []
            assert at.status(visit) == "pending"
            assert at.asked.count(QUESTION) == 2  # its first one, and the one that `idle` sends
            assert len([line for line in lines if "event=rival" in line]) == 1
            assert alerts_in(tmp_path) == ["rival"]

    run(scenario())


def test_rule_16_a_bridge_that_has_never_posted_asks_whose_bot_it_is(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit, other = at.state.arrive(), at.state.arrive()
            at.state.begin(visit, assignee=rival_of(at))
            at.state.begin(other, assignee=at.bot)
            at.ask(QUESTION, visit)
            await at.stand.traced(visit, "silent: another_bot")
            at.ask(QUESTION, other)
            await at.until(lambda: at.replies(other) == [ANSWER])
            assert at.replies(visit) == []
            assert alerts_in(tmp_path) == ["rival"]

    run(scenario())


def test_rule_16_whose_conversation_it_is_is_looked_at_right_before_the_post(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, {QUESTION: Said(ANSWER), "And then?": Said("So.", hangs=True)}) as at:
            visit = await at.answered()
            await at.stand.sandbox.settle()
            at.ask("And then?", visit)
            await at.until_asked(2)
            await at.stand.sandbox.settle()
            # No webhook tells of it
            at.state.put(replace(at.conversation(visit), assignee=rival_of(at)))
            at.stand.dify.released.set()
            await at.stand.traced(visit, "silent: another_bot")
            assert at.replies(visit) == [ANSWER]

    run(scenario())


def test_rule_16_where_captain_answers_ours_says_nothing_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = await at.answered()
            await at.stand.sandbox.settle()
            captain = sample("message_created_outgoing_bot")
            captain["sender"] = {"id": 7, "name": "Captain", "type": "captain_assistant"}
            captain["content_attributes"] = {}
            own = at.bodies(visit)[0]
            captain |= {name: own[name] for name in ("account", "inbox", "conversation")}
            captain |= {"id": own["id"] + 1000, "created_at": own["created_at"]}
            with logged() as lines:
                assert await at.deliver(captain) == 200
                at.ask(QUESTION, visit)
                await at.stand.traced(visit, "silent: another_bot")
                await at.idle()
            assert at.replies(visit) == [ANSWER]
            (told,) = [line for line in lines if "event=rival" in line]
            assert "Captain" in told

    run(scenario())


def test_rule_16_what_another_bot_leaves_unanswered_is_opened_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "EVERY", 0.05)

    async def scenario() -> None:
        async with world(tmp_path, runs=False) as at:
            async with at.stand.bridge():
                visit = await at.answered()
                await at.stand.sandbox.settle()
                at.state.save(at.conversation(visit), at.agent, assignee=rival_of(at))
                await at.stand.sandbox.settle()
                at.ask(QUESTION, visit)
                await at.stand.traced(visit, "silent: another_bot")
            async with at.stand.bridge(unanswered=0.0):
                await at.until(lambda: at.status(visit) == "open")
            assert (at.replies(visit), at.notes(visit)) == ([ANSWER], [])

    run(scenario())


def test_rule_16_our_own_bot_as_the_owner_is_no_rival(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = await at.answered()
            at.state.save(at.conversation(visit), assignee=at.bot)  # as 4.16 and newer record it
            await at.stand.sandbox.settle()
            at.ask(QUESTION, visit)
            await at.until(lambda: at.replies(visit) == [ANSWER, ANSWER])
            assert alerts_in(tmp_path) == []

    run(scenario())
