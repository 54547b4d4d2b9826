"""Rule 16: one brain for an inbox."""

from __future__ import annotations

from pathlib import Path

from tests.rules.world import ANSWER, QUESTION, world
from tests.server import run


def test_rule_16_our_own_bot_as_the_owner_is_no_rival(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = await at.answered()
            at.state.save(at.conversation(visit), assignee=at.bot)  # as 4.16 and newer record it
            await at.stand.sandbox.settle()
            at.ask(QUESTION, visit)
            await at.until(lambda: at.replies(visit) == [ANSWER, ANSWER])

    run(scenario())
