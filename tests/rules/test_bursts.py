"""Rule 18: what a customer writes in a few messages is answered once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bridging import QUICK, Said
from tests.rules.world import ANSWER, world
from tests.server import run

PARTS = ["Hello there", "I have a question", "How long may I wait for my refund?"]


class Always(dict[str, Said]):
    """The same answer, whatever is asked and however messages are put together."""

    def __init__(self, said: Said) -> None:
        super().__init__()
        self.said = said

    def get(self, key: str, _: object = None) -> Said | None:  # type: ignore[override]
        return None if ": " in key else self.said


def answers(said: Said) -> Mapping[str, Said]:
    return Always(said)


def test_rule_18_a_burst_is_answered_once_and_asked_whole(tmp_path: Path) -> None:
    async def scenario() -> None:
        window: dict[str, Any] = {"quiet": 0.3}
        async with (
            world(tmp_path, answers(Said(ANSWER, hangs=True)), runs=False) as at,
            at.stand.bridge(patience=replace(QUICK, **window)),
        ):
            visit = at.ask(PARTS[1])
            await at.until_asked()
            at.ask(PARTS[2], visit)
            await at.stand.sandbox.settle()
            await asyncio.sleep(0.1)
            at.stand.dify.released.set()
            await at.until(lambda: at.replies(visit) != [])
            await at.idle()
            assert at.replies(visit) == [ANSWER]
            whole = [query for query in at.asked if PARTS[1] in query and PARTS[2] in query]
            assert len(whole) == 1

    run(scenario())


def test_rule_18_after_the_answer_the_next_message_is_another_question(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, answers(Said(ANSWER))) as at:
            visit = await at.answered()
            await asyncio.sleep(0.1)
            at.ask(PARTS[2], visit)
            await at.until(lambda: at.replies(visit) == [ANSWER, ANSWER])

    run(scenario())
