"""A running bridge and the mark that holds answers back: seen without a restart, and gone with it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.settings import Mode
from bridge.speech import because_of
from bridge.speech.words import ENGLISH
from kbtool.hold import MAINTENANCE, POLICY_STALE, Hold
from tests.bridging import Said, stand
from tests.server import run

QUESTION = "How long may I wait?"
GOOD = {QUESTION: Said("You have 30 days.", 0.8)}


@pytest.mark.parametrize("reason", [MAINTENANCE, POLICY_STALE])
def test_while_the_mark_is_there_a_person_gets_the_question_and_then_the_bot_answers_again(
    tmp_path: Path, reason: str
) -> None:
    async def scenario() -> None:
        hold = Hold(tmp_path / "hold.json")
        async with stand(tmp_path, GOOD) as at:
            at.settings = replace(at.settings, hold=hold)
            async with at.bridge():
                hold.put(reason, time.time())
                visit = at.ask(QUESTION)
                await at.until(lambda: at.status(visit) == "open")
                assert at.replies(visit) == [because_of(reason).sentence(ENGLISH)]
                assert f"[{reason}]" in at.notes(visit)[0]
                assert at.dify.asked == []
                hold.lift()
                other = at.ask(QUESTION)
                await at.until(lambda: at.replies(other) == ["You have 30 days."])

    run(scenario())


def test_a_void_threshold_stops_no_drafts_since_a_person_reads_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        hold = Hold(tmp_path / "hold.json")
        async with stand(tmp_path, GOOD, mode=Mode.DRAFT) as at:
            at.settings = replace(at.settings, hold=hold)
            async with at.bridge():
                hold.put(POLICY_STALE, time.time())
                visit = at.ask(QUESTION)
                await at.until(lambda: any("You have 30 days." in note for note in at.notes(visit)))

    run(scenario())
