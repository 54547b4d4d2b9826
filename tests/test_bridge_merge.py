"""A burst gets one answer: asked at once, posted after a quiet while, asked again when more comes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from bridge.settings import Mode, Patience
from bridge.speech.words import ENGLISH
from bridge.tables.trace import Subject
from bridge.tables.turns import Work
from bridge.turn.burst import Burst
from tests.bridging import QUICK, Said, Stand, stand
from tests.server import run

FIRST, SECOND, THIRD = "How long may I wait", "for a refund", "of a kettle?"
ALL = f"{FIRST}\n{SECOND}\n{THIRD}"
ANSWERS = {one: Said(f"You asked: {one}", 0.9) for one in (FIRST, SECOND, THIRD, f"{FIRST}\n{SECOND}", ALL)}
SLOW = replace(QUICK, quiet=1.0, longest_burst=8.0)


async def write(at: Stand, *texts: str, every: float = 0.02):
    visit = at.sandbox.state.arrive()
    for one in texts:
        at.ask(one, visit)
        await asyncio.sleep(every)
    return visit


def test_what_is_written_in_a_row_is_answered_once_and_as_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, ANSWERS) as at, at.bridge(patience=SLOW):
            visit = at.ask(FIRST)
            await at.until(lambda: len(at.dify.asked) == 1)  # at once, without waiting for more
            at.ask(SECOND, visit)
            at.ask(THIRD, visit)
            await at.until(lambda: at.replies(visit) == [f"You asked: {ALL}"])
            await asyncio.sleep(0.5)
            assert at.replies(visit) == [f"You asked: {ALL}"]
            assert at.dify.asked[0]["query"] == FIRST
            assert at.dify.asked[-1]["query"] == ALL
            await at.traced(visit, "3 messages taken together")

    run(scenario())


def test_an_answer_waits_for_the_quiet_and_no_longer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, ANSWERS) as at, at.bridge(patience=SLOW):
            loop = asyncio.get_running_loop()
            visit, begun = at.ask(FIRST), loop.time()
            await at.until(lambda: len(at.dify.asked) == 1)
            assert at.replies(visit) == []
            await at.until(lambda: len(at.replies(visit)) == 1)
            assert loop.time() - begun >= SLOW.quiet
            assert len(at.dify.asked) == 1

    run(scenario())


def test_a_message_behind_the_quiet_is_a_turn_of_its_own(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, ANSWERS) as at, at.bridge(patience=replace(SLOW, quiet=0.05)):
            visit = at.ask(FIRST)
            await at.until(lambda: len(at.replies(visit)) == 1)
            at.ask(SECOND, visit)
            await at.until(lambda: at.replies(visit) == [f"You asked: {FIRST}", f"You asked: {SECOND}"])

    run(scenario())


def test_with_the_window_off_nothing_waits_and_nothing_is_merged(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, ANSWERS) as at, at.bridge():
            visit = await write(at, FIRST, SECOND, THIRD)
            await at.until(lambda: len(at.replies(visit)) == 3)
            assert [one["query"] for one in at.dify.asked] == [FIRST, SECOND, THIRD]

    run(scenario())


def test_one_who_never_stops_writing_is_answered_at_the_end_of_the_longest_burst(tmp_path: Path) -> None:
    async def scenario() -> None:
        patience = replace(SLOW, quiet=0.3, longest_burst=1.0)
        async with stand(tmp_path, {}) as at, at.bridge(patience=patience):
            visit = at.ask("hello")

            async def go_on() -> None:
                while True:
                    at.ask("hello", visit)
                    await asyncio.sleep(0.1)

            writing = asyncio.create_task(go_on())
            await at.until(lambda: len(at.replies(visit)) >= 1)
            writing.cancel()

    run(scenario())


def test_a_burst_that_waited_for_a_bridge_is_one_turn(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {**ANSWERS, FIRST: Said(hangs=True)}) as at:
            async with at.bridge(patience=replace(SLOW, drain=0.05)):
                visit = at.ask(FIRST)
                await at.until(lambda: len(at.dify.asked) == 1)
                at.ask(SECOND, visit)
                await at.sandbox.settle()
            async with at.bridge(patience=SLOW):
                await at.until(lambda: at.replies(visit) == [f"You asked: {FIRST}\n{SECOND}"])
                await asyncio.sleep(0.3)
            assert len(at.replies(visit)) == 1

    run(scenario())


def test_the_set_is_written_down_before_the_app_is_asked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {FIRST: Said(hangs=True)}) as at, at.bridge(patience=SLOW):
            at.ask(FIRST)
            await at.until(lambda: len(at.dify.asked) == 1)
            engine = create_engine(f"sqlite:///{tmp_path / 'bridge.sqlite'}")
            with engine.connect() as connection:
                assert connection.execute(text("select id, turn, state from messages")).all() == [
                    (1, 1, "waiting")
                ]
            engine.dispose()
            at.dify.released.set()

    run(scenario())


def test_a_message_that_comes_while_a_post_is_under_way_does_not_join_it(tmp_path: Path) -> None:
    """Its mark is that of a set; what is looked for by it must stay what it was."""

    async def scenario() -> None:
        patience = replace(SLOW, quiet=0.05, post_limit=0.6)
        async with stand(tmp_path, ANSWERS) as at:
            at.chatwoot.faults = ["down"]
            async with at.bridge(patience=patience):
                visit = at.ask(FIRST)
                await at.traced(visit, "it may have been posted")
                at.ask(SECOND, visit)
                await at.until(lambda: at.replies(visit) == [f"You asked: {FIRST}", f"You asked: {SECOND}"])

    run(scenario())


# A person


@pytest.mark.parametrize("how", ["status", "reply", "assignee"])
def test_a_person_who_takes_over_while_the_app_thinks_ends_the_turn_at_once(tmp_path: Path, how: str) -> None:
    """And the app's answer is not waited for: the turn ends while it hangs."""

    async def scenario() -> None:
        hangs = {FIRST: Said("never", hangs=True)}
        async with stand(tmp_path, hangs) as at, at.bridge(patience=replace(QUICK, answer=60.0)):
            visit = at.ask(FIRST)
            await at.until(lambda: len(at.dify.asked) == 1)
            state = at.sandbox.state
            person = next(iter(state.directory.users.values()))
            async with asyncio.timeout(4.0):  # before the client gives the app up
                if how == "status":
                    state.set_status(at.conversation(visit), "open", person)
                    await at.traced(visit, "silent: not_pending")
                else:
                    if how == "reply":
                        state.reply(at.conversation(visit), "I do this.", person)
                    else:
                        state.save(at.conversation(visit), person, assignee=person)
                    await at.traced(visit, "people see it now")
                    assert at.status(visit) == "open"
            assert at.replies(visit) == at.notes(visit) == []

    run(scenario())


def test_a_person_who_speaks_in_the_quiet_is_not_talked_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, ANSWERS) as at, at.bridge(patience=replace(SLOW, quiet=1.0)):
            visit = at.ask(FIRST)
            await at.traced(visit, "asking Dify")
            state = at.sandbox.state
            state.reply(at.conversation(visit), "Me!", next(iter(state.directory.users.values())))
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == []

    run(scenario())


def test_a_note_of_a_person_while_the_app_thinks_changes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, ANSWERS) as at, at.bridge(patience=SLOW):
            visit = at.ask(FIRST)
            await at.until(lambda: len(at.dify.asked) == 1)
            state = at.sandbox.state
            person = next(iter(state.directory.users.values()))
            state.reply(at.conversation(visit), "Looks fine.", person, private=True)
            await at.until(lambda: at.replies(visit) == [f"You asked: {FIRST}"])
            assert len(at.dify.asked) == 1

    run(scenario())


def test_a_draft_is_of_the_whole_burst_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, ANSWERS, mode=Mode.DRAFT) as at, at.bridge(patience=SLOW):
            visit = await write(at, FIRST, SECOND)
            await at.until(lambda: len(at.notes(visit)) == 1)
            assert f"You asked: {FIRST}\n{SECOND}" in at.notes(visit)[0]
            assert at.replies(visit) == []

    run(scenario())


def test_a_wish_for_a_person_in_a_burst_is_heard(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, ANSWERS) as at, at.bridge(patience=SLOW):
            visit = await write(at, FIRST, "I want to talk to a human")
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == [ENGLISH.handoff]

    run(scenario())


# The clocks


def work(first: float, last: float) -> Work:
    return Work(Subject("kbtool", 1, 1, 1), "", 0.0, (), 1, 0, (1,), first, last)


SECONDS = st.floats(0, 1e6)


@given(SECONDS, st.floats(0, 20), st.floats(-1e6, 1e6))
def test_no_jump_of_the_clock_makes_a_burst_longer_than_its_bounds(first: float, more: float, jump: float):
    patience = Patience()
    burst = Burst.of(work(first, first + more), patience, first + more + jump, 100.0)
    assert 100.0 <= burst.posts_at <= 100.0 + patience.quiet
    assert burst.posts_at <= burst.ends_at <= 100.0 + patience.longest_burst
    grown = burst.grown(work(first, first + more + 1), patience, first + jump, 105.0)
    assert grown.ends_at == burst.ends_at
    assert grown.posts_at <= max(burst.ends_at, 105.0)
