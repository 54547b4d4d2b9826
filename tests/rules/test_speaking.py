"""Rules 9, 16, 26 and 27: what customers choose, who else answers, what a channel shows and delivers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bridge.sandbox import Faults
from bridge.sandbox.records import MessageType
from tests.bridging import Said
from tests.rules.world import GOOD, QUESTION, logged, sample, world
from tests.server import run

NEAR = Said("A kettle.", 0.2, ("Kettles › Descaling\n\nx", "Kettles › Warranty\n\ny"))


def test_rule_09_what_a_customer_chooses_in_our_message_is_asked_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        answers = {**GOOD, "kettle?": NEAR, "Descaling": Said("With vinegar.", 0.9)}
        async with world(tmp_path, answers) as at:
            visit = at.ask("kettle?")
            await at.until(lambda: len(at.replies(visit)) == 1)
            await at.stand.sandbox.settle()
            (offer,) = [
                m for m in at.state.messages(at.conversation(visit)) if m.content_type == "input_select"
            ]
            chosen = at.state.submit(offer, [offer.content_attributes["items"][0]])
            at.state.update(chosen)
            await at.until(lambda: at.replies(visit)[1:] == ["With vinegar."])
            at.state.update(chosen)
            survey = at.state.add(
                at.conversation(visit), MessageType.template, "Rate us", None, content_type="input_csat"
            )
            at.state.submit(survey, [{"title": "5", "value": "5"}])
            await at.idle()
            assert at.asked[:2] == ["kettle?", "Descaling"]
            assert len(at.replies(visit)) == 2

    run(scenario())


def test_rule_16_another_brain_in_the_inbox_is_named(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            captain = sample("message_created_outgoing_bot")
            captain["sender"] = {"id": 7, "name": "Captain", "type": "captain_assistant"}
            with logged() as lines:
                assert await at.deliver(captain) == 200
                await at.idle()
            (told,) = {line for line in lines if "event=rival" in line}
            assert "Captain" in told
            assert f"inbox={captain['inbox']['id']}" in told

    run(scenario())


def test_rule_26_a_reply_is_what_its_channel_shows_in_pieces_that_it_takes(tmp_path: Path) -> None:
    async def scenario() -> None:
        text = "# Refunds\n\n" + "You have **30 days**, see [our page](https://shop.example/r).\n\n" * 5
        source = "Refunds › Time limit\n\nYou have 30 days: https://shop.example/r"
        async with world(tmp_path, {QUESTION: Said(text, 0.8, (source,))}) as at:
            sms, whatsapp = at.visit_on("Channel::Sms"), at.visit_on("Channel::Whatsapp")
            at.ask(QUESTION, sms)
            at.ask(QUESTION, whatsapp)
            await at.until(lambda: len(at.replies(sms)) >= 2)
            await at.until(lambda: len(at.replies(whatsapp)) >= 1)
            await at.idle()
            assert all(len(piece) <= 160 for piece in at.replies(sms))
            assert " ".join(at.replies(sms)).split().count("days,") == 5
            assert not any(sign in " ".join(at.replies(sms)) for sign in ("**", "# ", "]("))
            (said,) = at.replies(whatsapp)
            assert said.startswith("**Refunds**\n")
            assert said.count("our page: https://shop.example/r") == 5

    run(scenario())


def test_rule_27_where_the_channel_takes_no_reply_a_person_gets_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            at.state.faults = Faults(window_closed=True)
            visit = at.visit_on("Channel::Whatsapp")
            at.ask(QUESTION, visit)
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == []
            assert "[cannot_reply]" in at.notes(visit)[0]

    run(scenario())


def test_rule_27_a_reply_that_was_not_delivered_goes_to_a_person_and_is_not_sent_again(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            at.state.faults = Faults(channel_error="131047: re-engagement message")
            visit = at.visit_on("Channel::Whatsapp")
            at.ask(QUESTION, visit)
            await at.until(lambda: at.status(visit) == "open")
            await asyncio.sleep(0.1)
            assert len(at.replies(visit)) == 1
            assert ["[not_delivered]" in note for note in at.notes(visit)] == [True]

    run(scenario())
