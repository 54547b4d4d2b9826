"""Rules 17 to 22: what the bridge reads out of a message, and what goes nowhere."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from bridge.sandbox import Place, Upload
from bridge.settings import Mode
from tests.bridging import Said
from tests.rules.world import ANSWER, BOT_TOKEN, GOOD, QUESTION, SETTINGS, USER_TOKEN, logged, world
from tests.server import run

HISTORY = "On Mon, Fennbrook wrote:\n> Thanks for your order 8841"


def test_rule_17_a_mail_is_read_without_the_history_that_it_quotes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = at.visit_on("Channel::Email", email="marta@example.net")
            at.state.mail(visit, "Refund", QUESTION, history=HISTORY)
            await at.until(lambda: len(at.replies(visit)) == 1)
            assert "8841" not in " ".join(at.asked)
            assert QUESTION in " ".join(at.asked)

    run(scenario())


def test_rule_17_a_mail_that_a_machine_wrote_is_not_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            away = at.visit_on("Channel::Email", email="marta@example.net")
            at.state.mail(away, "Out of office", QUESTION, auto_reply=True)
            robot = at.visit_on("Channel::Email", email="no-reply@shop.example")
            at.state.mail(robot, "Your parcel", QUESTION)
            await at.idle()
            assert (at.replies(away), at.replies(robot)) == ([], [])
            assert len(at.asked) == 1

    run(scenario())


FILES = [
    Upload("voice.ogg", "audio/ogg", b"OggS"),
    Upload("manual.pdf", "application/pdf", b"%PDF"),
    Place("Office", 52.5, 13.4),
]


@pytest.mark.parametrize("file", FILES, ids=lambda one: one.name)
def test_rule_19_a_file_without_a_word_gets_a_person_not_silence(
    tmp_path: Path, file: Upload | Place
) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = at.visit_on("Channel::Whatsapp", phone_number="+4915100000")
            at.state.say(visit, None, file)
            await at.until(lambda: at.status(visit) == "open")
            assert (len(at.replies(visit)), len(at.notes(visit))) == (1, 1)

    run(scenario())


def test_rule_20_what_was_said_before_is_the_bridges_own_to_remember(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, {**GOOD, "And then?": Said("Then you ask us.")}) as at:
            visit = await at.answered()
            at.ask("And then?", visit)
            await at.until(lambda: len(at.replies(visit)) == 2)
            assert at.stand.dify.asked[1]["conversation_id"] == "conversation-1"
            listed = [call for call in at.calls if call.action == "GET messages"]
            assert all(call.token == USER_TOKEN for call in listed)

    run(scenario())


@pytest.mark.parametrize("mode", [Mode.REPLY, Mode.DRAFT])
def test_rule_21_a_private_note_reaches_neither_the_model_nor_the_customer(
    tmp_path: Path, mode: Mode
) -> None:
    async def scenario() -> None:
        async with world(tmp_path, {**GOOD, "And then?": Said("Then you ask us.")}, mode=mode) as at:
            visit = at.ask()
            await at.until(lambda: at.replies(visit) or at.notes(visit))
            at.state.reply(at.conversation(visit), "He is a fraudster, case 4711", at.agent, private=True)
            await at.stand.sandbox.settle()
            at.ask("And then?", visit)
            await at.until_asked(2)
            await asyncio.sleep(0.1)
            assert "4711" not in str(at.stand.dify.asked)
            assert "4711" not in str(at.replies(visit))

    run(scenario())


def test_rule_22_neither_the_log_nor_the_store_keeps_a_credential(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        with logged() as lines:
            async with world(tmp_path) as at:
                visit = await at.answered()
                at.ask("Something that nobody wrote down?", visit)
                await at.until(lambda: at.status(visit) == "open")
                await at.idle()
                trace = str(await at.stand.trace(visit))
                secrets.append(visit.pubsub_token)
                assert visit.pubsub_token not in trace
        return lines

    secrets = [BOT_TOKEN, USER_TOKEN, SETTINGS.bot.secret]
    lines = "\n".join(run(scenario()))
    assert "event=" in lines
    (store,) = tmp_path.glob("*.sqlite")
    with sqlite3.connect(store) as beside:
        kept = "\n".join(beside.iterdump())
    beside.close()
    assert ANSWER in kept
    for secret in secrets:
        assert secret not in lines
        assert secret not in kept
        assert secret.encode().hex().upper() not in kept.upper()
    assert QUESTION not in lines
    assert ANSWER not in lines
