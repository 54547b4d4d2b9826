"""Rules 23 to 30: what the bridge writes, with whose token, in what order, and how often."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge.sandbox import CallFault, Faults
from bridge.settings import Mode
from tests.bridging import Said
from tests.rules.world import ANSWER, BOT_TOKEN, GOOD, QUESTION, USER_TOKEN, world
from tests.server import run

UNKNOWN = "Something that nobody wrote down?"


def test_rule_23_customers_and_statuses_are_written_with_the_bots_token_and_lists_read_with_the_users(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            await at.answered()
            handed = at.ask(UNKNOWN)
            await at.until(lambda: at.status(handed) == "open")
            at.state.faults = Faults(calls=(CallFault("lost", status=502),))
            await at.answered()
            await at.idle()
            written = {call.token for call in at.calls if call.method == "POST" and "filter" not in call.path}
            listed = {call.token for call in at.calls if call.action == "GET messages"}
            assert written == {BOT_TOKEN}
            assert listed <= {USER_TOKEN}
            # Neither a first reply by a person nor an agent who took it, and a handoff that counts as one
            assert "first_response" not in {report.name for report in at.state.reports}
            assert [report.name for report in at.state.reports] == ["conversation_bot_handoff"]
            assert at.conversation(handed).assignee is None

    run(scenario())


@pytest.mark.parametrize(
    "fault",
    [
        CallFault("lost", status=502),
        CallFault("lost", status=500),
        CallFault("lost", status=422),
        CallFault("orphaned", status=504, seconds=0.1),
        CallFault("refused", status=503),
        CallFault("refused", status=429),
    ],
    ids=lambda one: f"{one.kind}-{one.status}",
)
def test_rule_24_a_post_of_unknown_outcome_is_looked_for_and_posted_once(
    tmp_path: Path, fault: CallFault
) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            at.state.faults = Faults(calls=(fault,))
            visit = at.ask()
            await at.until(lambda: at.replies(visit) != [])
            await asyncio.sleep(0.5)
            await at.idle()
            assert at.replies(visit).count(ANSWER) == 1

    run(scenario())


LIQUID = [
    "Write to {{contact.email}}, or call {{ contact.phone_number }}.",
    "{% if contact.phone_number %}Your number is {{contact.phone_number}}{% endif %}, right?",
    "Your address is {{{{contact.email}}}}.",
    "Your address is {{contact.email | upcase}}.",
]


@pytest.mark.parametrize("text", LIQUID)
@pytest.mark.parametrize("mode", [Mode.REPLY, Mode.DRAFT])
def test_rule_25_what_the_model_writes_is_no_template(tmp_path: Path, text: str, mode: Mode) -> None:
    async def scenario() -> None:
        async with world(tmp_path, {QUESTION: Said(text)}, mode=mode) as at:
            visit = at.state.arrive(email="jordan@example.com", phone_number="+4930123456")
            at.ask(QUESTION, visit)
            await at.until(lambda: at.replies(visit) or at.notes(visit))
            said = "\n".join((*at.replies(visit), *at.notes(visit)))
            assert "contact." in said
            for secret in ("jordan@example.com", "JORDAN@EXAMPLE.COM", "30123456"):
                assert secret not in said

    run(scenario())


def test_rule_28_a_handoff_is_a_sentence_then_a_note_then_the_status_and_nothing_after_it(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = at.ask(UNKNOWN)
            await at.until(lambda: at.status(visit) == "open")
            await at.idle()
            number = at.conversation(visit).id
            own = [c for c in at.calls if f"/conversations/{number}/" in c.path and c.method == "POST"]
            own = [call for call in own if not call.action.endswith("typing_status")]
            actions = [call.action for call in own]
            assert actions.count("POST toggle_status") == 1
            assert actions[-1] == "POST toggle_status"
            said = [call.is_public_post for call in own if call.action == "POST messages"]
            assert said == [True, False]
            assert own[-1].token == BOT_TOKEN

    run(scenario())


def test_rule_29_a_draft_is_a_private_note_and_the_customer_hears_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, GOOD, mode=Mode.DRAFT) as at:
            known, unknown = at.ask(QUESTION), at.ask(UNKNOWN)
            await at.until(lambda: at.notes(known) and at.notes(unknown))
            assert ANSWER in at.notes(known)[0]
            # Nobody is told of what stays pending
            await at.until(lambda: {at.status(known), at.status(unknown)} == {"open"})
            assert (at.replies(known), at.replies(unknown)) == ([], [])
            assert not any(call.is_public_post for call in at.calls)

    run(scenario())
