"""`kill -9` at random moments, under load, with a Chatwoot that commits posts late: the bridge's first laws.

No acknowledged message stays unanswered, none is answered twice, and the order is kept. `KBTOOL_KILLS` sets
the number of kills; on two bridges that share a PostgreSQL there are a quarter as many. The seed is printed:
a run that fails can be repeated with `KBTOOL_SEED`, as far as the machine's own timing allows.
"""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from pathlib import Path

from tests.killing import LEASE, World, world
from tests.postgres import database
from tests.server import run
from tests.waiting import until

KILLS = int(os.environ.get("KBTOOL_KILLS", "20"))
SEED = int(os.environ.get("KBTOOL_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)


async def settled(at: World) -> None:
    """Until all that was acknowledged is answered, and nothing is said any more."""
    with suppress(AssertionError):  # `hold_the_laws` says more
        await until(lambda: not at.unanswered())
    await asyncio.sleep(2.5)  # what would be said twice has been said by now


def hold_the_laws(at: World, kills: int) -> None:
    logs = {place.log.name: place.log.read_text()[-3000:] for place in at.places if place.log.exists()}
    assert not at.unanswered(), (SEED, at.unanswered(), logs)
    for numbers in at.answers():
        assert len(set(numbers)) == len(numbers), (SEED, "answered twice", numbers, logs)
        assert not at.overtaken(numbers), (SEED, "out of order", at.overtaken(numbers), numbers, logs)
    told = len(at.balanced.acknowledged)
    assert told >= kills  # under load, or it would have tested nothing
    print(f"seed {SEED}: {kills} kills, {len(at.asked)} messages, {told} acknowledged, all answered once")  # noqa: T201 for the soak


def test_no_acknowledged_message_is_lost_or_answered_twice_when_the_bridge_is_killed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, SEED) as at:
            await at.start(0)
            writers = [asyncio.create_task(at.write(visit)) for visit in at.visits]
            for _ in range(KILLS):
                await asyncio.sleep(at.random.uniform(0.0, 0.9))
                at.kill(0)
                await at.start(0)
            for writer in writers:
                writer.cancel()
            await settled(at)
            hold_the_laws(at, KILLS)

    run(scenario())


def test_nor_when_one_of_two_bridges_on_a_postgresql_is_killed_and_the_last_one_stays_dead(
    tmp_path: Path,
) -> None:
    kills = max(KILLS // 4, 2)

    async def scenario(url: str) -> None:
        async with world(tmp_path, SEED, bridges=2, database=url) as at:
            await at.start(0)
            await at.start(1)
            writers = [asyncio.create_task(at.write(visit)) for visit in at.visits]
            for left in reversed(range(kills)):
                await asyncio.sleep(at.random.uniform(0.0, 1.5))
                dead = at.random.choice((0, 1))
                at.kill(dead)
                if left:
                    await asyncio.sleep(at.random.uniform(0.0, LEASE * 1.5))
                    await at.start(dead)
            await asyncio.sleep(1.0)
            for writer in writers:
                writer.cancel()
            await settled(at)
            hold_the_laws(at, kills)

    with database() as url:
        run(scenario(url))
