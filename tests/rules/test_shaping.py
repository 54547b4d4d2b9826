"""Rule 26: text as the customer's channel can carry and show it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.sandbox.channels import LONGEST
from bridge.sandbox.records import Channel
from tests.bridging import Said
from tests.rules.world import QUESTION, world
from tests.server import run

LONG = " ".join(f"Step {number} says to turn the handle slowly." for number in range(200))
PAGE = "https://fennbrook.example/refunds"
MARKED = f"## Refunds\n\n**Read** [our page]({PAGE}).\n\n| a | b |\n| --- | --- |\n| x | y |\n\n<b>Thanks</b>"
SHORT_ONES: list[Channel] = ["Channel::Whatsapp", "Channel::FacebookPage", "Channel::Instagram"]


@pytest.mark.parametrize("channel", SHORT_ONES)
def test_rule_26_a_long_answer_comes_in_parts_that_the_channel_takes(
    tmp_path: Path, channel: Channel
) -> None:
    async def scenario() -> None:
        async with world(tmp_path, {QUESTION: Said(LONG, sources=(LONG,))}) as at:
            visit = at.ask(QUESTION, at.visit_on(channel, phone_number="+4915100000"))
            await at.until(lambda: "Step 199" in " ".join(at.replies(visit)))
            assert max(map(len, at.replies(visit))) <= LONGEST[channel]
            said = " ".join(at.replies(visit)).split()
            assert [word for word in LONG.split() if word not in said] == []
            own = at.state.messages(at.conversation(visit))
            assert "failed" not in {message.status for message in own}

    run(scenario())


def test_rule_26_where_there_is_no_markdown_a_link_keeps_its_address_and_nothing_is_marked(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path, {QUESTION: Said(MARKED, sources=(MARKED,))}) as at:
            visit = at.ask(QUESTION, at.visit_on("Channel::Sms", phone_number="+4915100000"))
            await at.until(lambda: "Thanks" in " ".join(at.replies(visit)))
            said = "\n".join(at.replies(visit))
            assert PAGE in said
            for mark in ("**", "](", "##", "| ---", "<b>"):
                assert mark not in said, mark

    run(scenario())
