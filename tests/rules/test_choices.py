"""Rule 9: what a customer chooses in a message of the bot's comes back as an update of that message."""

from __future__ import annotations

from pathlib import Path

from bridge.sandbox.records import MessageType
from tests.rules.world import ANSWER, QUESTION, world
from tests.server import run

ITEMS = [{"title": QUESTION, "value": "refund"}, {"title": "Something else", "value": "other"}]


def test_rule_09_a_choice_is_the_customers_answer_and_counts_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = await at.answered()
            offer = at.state.add(
                at.conversation(visit), MessageType.outgoing, "What is it about?", at.bot,
                content_type="input_select", content_attributes={"items": ITEMS},
            )  # fmt: skip
            await at.stand.sandbox.settle()
            chosen = at.state.submit(offer, ITEMS[:1])
            await at.until(lambda: at.replies(visit).count(ANSWER) == 2)
            # The same values again, under another delivery id and with another column changed
            at.state.update(chosen, status="delivered")
            await at.deliver(at.bodies(visit, "message_updated")[0])
            await at.idle()
            assert at.replies(visit).count(ANSWER) == 2

    run(scenario())


def test_rule_09_a_rating_or_an_address_that_chatwoot_asked_for_is_no_question(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path) as at:
            visit = await at.answered()
            survey = at.state.add(
                at.conversation(visit), MessageType.template, "Please rate us", content_type="input_csat"
            )
            at.state.submit(survey, {"csat_survey_response": {"rating": 5, "feedback_message": QUESTION}})
            mail = at.state.add(
                at.conversation(visit), MessageType.template, "Get notified", content_type="input_email"
            )
            at.state.submit(mail, {"email": "a@example.com"})
            await at.idle()
            assert at.replies(visit) == [ANSWER]

    run(scenario())
