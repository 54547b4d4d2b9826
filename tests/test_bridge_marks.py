"""A Chatwoot that drops our mark is found out, and a post that cannot be looked for goes to people."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.tables import outbox
from tests.bridging import Said, Stand, stand
from tests.server import run

QUESTION = "How long may I wait?"
GOOD = {QUESTION: Said("You have 30 days.", 0.9)}


async def answered(at: Stand) -> None:
    visit = at.ask(QUESTION)
    await at.until(lambda: at.replies(visit) == ["You have 30 days."])
    await at.traced(visit, "reply posted")
    await at.sandbox.settle()  # and was sent back to us


@pytest.mark.parametrize(
    ("drops", "keeps"), [((), None), ((False,), True), ((True,), False), ((False, True), True)]
)
def test_whether_the_mark_is_kept_is_told_by_our_own_posts_coming_back(
    tmp_path: Path, drops: tuple[bool, ...], keeps: bool | None
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            async with at.bridge():
                for one in drops:
                    at.chatwoot.drops_marks = one
                    await answered(at)
            async with at.bridge() as bridge:
                assert await bridge.store.read(lambda c: outbox.keeps_marks(c, "kbtool")) is keeps

    run(scenario())


def test_a_start_says_that_the_mark_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            at.chatwoot.drops_marks = True
            async with at.bridge():
                await answered(at)
                assert "mark_dropped" not in caplog.text
            async with at.bridge():
                await at.until(lambda: "event=mark_dropped bot=kbtool" in caplog.text)

    run(scenario())


def test_where_the_mark_is_dropped_a_post_of_unknown_outcome_is_not_repeated_but_handed_off(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            at.chatwoot.drops_marks = True
            await answered(at)
            at.chatwoot.faults = ["lost"]
            visit = at.ask(QUESTION)
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == ["You have 30 days."]
            assert "does not keep our mark" in at.notes(visit)[0]

    run(scenario())
