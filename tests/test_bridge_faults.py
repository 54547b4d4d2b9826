"""A store that does not take what comes: that is answered 500, and what was stored is not lost."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bridge.store.sqlite import LONGEST_WAIT_MS
from bridge.tables.leases import HORIZON
from tests.bridging import QUICK, Said, stand
from tests.server import run
from tests.test_bridge_receive import question, rows

QUESTION = "How long may I wait?"
GOOD = {QUESTION: Said("You have 30 days.", 0.9)}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another program has the file to itself, a backup for instance."""
    with closing(sqlite3.connect(folder / "bridge.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")


def test_while_the_database_is_locked_deliveries_are_answered_500_in_time_and_later_200(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            with locked(tmp_path):
                loop = asyncio.get_running_loop()
                begun = loop.time()
                statuses = await asyncio.gather(*(at.deliver(question(n)) for n in range(9001, 9009)))
                assert set(statuses) == {500}
                assert loop.time() - begun < 5.0  # when Chatwoot hangs up
            assert await at.deliver(question(9001)) == 200

    run(scenario())
    assert LONGEST_WAIT_MS < 2500


def test_a_turn_under_way_survives_a_locked_database(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {QUESTION: Said("You have 30 days.", 0.9, hangs=True)}) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.dify.asked) == 1)
            await at.sandbox.settle()
            with locked(tmp_path):
                at.dify.released.set()
                await asyncio.sleep(LONGEST_WAIT_MS / 1000 + 0.5)
                assert at.replies(visit) == []
            await at.until(lambda: at.replies(visit) == ["You have 30 days."])

    run(scenario())


@contextmanager
def full() -> Iterator[None]:
    """No file of this process may grow beyond a page, which is what a full disk is to it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_a_500_and_room_made_is_a_200(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            assert await at.deliver(question(9000)) == 200
            with full():
                assert await at.deliver(question(9001)) == 500
                assert await at.deliver(question(9001)) == 500
            assert await at.deliver(question(9001)) == 200
            await at.until(lambda: rows(tmp_path, "select count(*) from messages") == [(2,)])
            visit = at.ask(QUESTION)
            await at.until(lambda: at.replies(visit) == ["You have 30 days."])

    run(scenario())


@dataclass
class Clock:
    """The time of day, as somebody sets it."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.mark.parametrize("jump", [-7200.0, 7200.0])
def test_no_jump_of_the_clock_leaves_a_message_unanswered(tmp_path: Path, jump: float) -> None:
    """Neither one that waits for another try, nor one that may have been posted."""
    assert abs(jump) > HORIZON

    async def scenario() -> None:
        clock = Clock()
        async with stand(tmp_path, GOOD) as at:
            at.chatwoot.faults = ["busy", "lost", "busy"]
            async with at.bridge(patience=replace(QUICK, first_pause=0.3, longest_pause=0.3), clock=clock):
                visit = at.ask(QUESTION)
                await at.traced(visit, "tried again in")
                clock.ahead = jump
                await at.until(lambda: at.replies(visit) == ["You have 30 days."])
                await asyncio.sleep(0.5)
                assert at.replies(visit) == ["You have 30 days."]

    run(scenario())
