"""Rule 27: what Chatwoot took is not delivered yet."""

from __future__ import annotations

from pathlib import Path

from bridge.sandbox import Faults
from tests.rules.world import ANSWER, QUESTION, alerts_in, world
from tests.server import run


def test_rule_27_a_reply_that_the_channel_refuses_goes_to_a_person_and_is_not_sent_again(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            at.state.faults = Faults(channel_error="131026: message undeliverable")
            visit = at.ask(QUESTION, at.visit_on("Channel::Whatsapp", phone_number="+4915100000"))
            await at.until(lambda: at.replies(visit) != [] and at.status(visit) == "open")
            await at.until(lambda: "131026" in " ".join(at.notes(visit)))
            at.state.faults = Faults()
            await at.idle()
            assert at.replies(visit).count(ANSWER) == 1
            await at.until(lambda: alerts_in(tmp_path) == ["not_delivered"])

    run(scenario())


def test_rule_27_behind_a_messaging_window_nothing_is_tried_and_a_person_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            at.state.faults = Faults(window_closed=True)
            visit = at.ask(QUESTION, at.visit_on("Channel::Whatsapp", phone_number="+4915100000"))
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == []
            assert at.notes(visit) != []
            await at.until(lambda: alerts_in(tmp_path) == ["cannot_reply"])

    run(scenario())
