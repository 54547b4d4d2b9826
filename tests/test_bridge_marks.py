"""A Chatwoot that drops our mark is found out, and a post that cannot be looked for goes to people."""

from __future__ import annotations

from pathlib import Path

from bridge.serve import Bridge
from tests.bridging import Said, Stand, stand
from tests.server import run

QUESTION = "How long may I wait?"
GOOD = {QUESTION: Said("You have 30 days.", 0.9)}
USER = "sandbox-administrator-token"


async def answered(at: Stand) -> None:
    visit = at.ask(QUESTION)
    await at.until(lambda: at.replies(visit) == ["You have 30 days."])
    await at.traced(visit, "reply posted")


def test_a_chatwoot_that_keeps_the_mark_is_known_after_the_next_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD, user_token=USER) as at:
            async with at.bridge() as first:
                await answered(at)
                assert first.marks.kept == set()
            async with at.bridge() as second:
                await at.until(lambda: second.marks.kept == {"kbtool"})

    run(scenario())


def test_where_the_mark_is_dropped_a_post_of_unknown_outcome_is_not_repeated_but_handed_off(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD, user_token=USER) as at:
            at.chatwoot.drops_marks = True
            async with at.bridge():
                await answered(at)
            async with at.bridge() as second:
                await at.until(lambda: second.marks.dropped == {"kbtool"})
                at.chatwoot.faults = ["lost"]
                visit = at.ask(QUESTION)
                await at.until(lambda: at.status(visit) == "open")
                assert at.replies(visit) == ["You have 30 days."]
                assert "drops our mark" in at.notes(visit)[0]

    run(scenario())


def test_a_message_that_somebody_deleted_convicts_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD, user_token=USER) as at:
            async with at.bridge():
                await answered(at)
                at.chatwoot.drops_marks = True
                await answered(at)
            async with at.bridge() as second:
                await at.until(lambda: second.marks.kept == {"kbtool"})
                assert second.marks.dropped == set()

    run(scenario())


def test_without_a_user_token_nothing_is_said_of_marks(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            at.chatwoot.drops_marks = True
            async with at.bridge():
                await answered(at)
            async with at.bridge() as second:
                await answered(at)
                nothing(second)

    run(scenario())


def nothing(bridge: Bridge) -> None:
    assert bridge.marks.kept == bridge.marks.dropped == set()
