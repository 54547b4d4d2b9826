"""The bridge between a Chatwoot and a Dify: what customers get, what people see, and what is never done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.sandbox import DeliverySettings
from bridge.settings import Mode, Route
from bridge.speech.words import ENGLISH, WORDS
from kbtool.handoff import Policy
from tests.bridging import QUICK, Said, stand
from tests.server import run

GOOD = {"How long may I wait?": Said("You have 30 days.", 0.8)}
QUESTION = "How long may I wait?"


def test_a_question_is_answered_with_what_dify_said(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: at.replies(visit) == ["You have 30 days."])
            assert at.status(visit) == "pending"
            await at.traced(visit, "reply posted")
            steps = [step["step"] for step in await at.trace(visit) if step["message_id"] == 1]
            assert steps == ["delivery", "filter", "ask", "sources", "decision", "post"]
            sources = next(step for step in await at.trace(visit) if step["step"] == "sources")
            assert sources["detail"]["sources"][0]["score"] == 0.8

    run(scenario())


def test_what_dify_cannot_answer_goes_to_a_person_with_a_sentence_a_note_and_the_conversation_opened(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, at.bridge():
            visit = at.ask("Do you repair bicycles of other makers too?")
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == [ENGLISH.handoff]
            (note,) = at.notes(visit)
            assert "[refused]" in note
            assert "Refunds › Time limit" in note

    run(scenario())


def test_the_handoff_is_in_the_customers_language(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, at.bridge():
            visit = at.ask("你们可以修别的牌子的自行车吗？")
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == [WORDS["zh"].handoff]

    run(scenario())


def test_small_talk_and_the_wish_for_a_person_are_met_without_dify(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, at.bridge():
            visit = at.ask("hello")
            await at.until(lambda: at.replies(visit) == [ENGLISH.greeting])
            at.ask("I want to talk to a human", visit)
            await at.until(lambda: at.status(visit) == "open")
            assert at.dify.asked == []

    run(scenario())


def test_a_short_question_is_clarified_once_then_handed_off(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {"kettle?": Said("A kettle.", 0.2)}) as at, at.bridge():
            visit = at.ask("kettle?")
            await at.until(lambda: at.replies(visit) == [ENGLISH.clarify])
            at.ask("kettle?", visit)
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == [ENGLISH.clarify, ENGLISH.handoff]

    run(scenario())


def test_a_draft_is_a_private_note_and_people_get_the_conversation(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD, mode=Mode.DRAFT) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == []
            assert "You have 30 days." in at.notes(visit)[0]
            at.ask(QUESTION, visit)
            await at.until(lambda: len(at.notes(visit)) == 2)

    run(scenario())


def test_one_episode_is_one_dify_conversation_of_one_user_and_the_next_a_fresh_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.replies(visit)) == 1)
            at.ask(QUESTION, visit)
            await at.until(lambda: len(at.replies(visit)) == 2)
            state = at.sandbox.state
            state.set_status(at.conversation(visit), "resolved", next(iter(state.directory.users.values())))
            await at.sandbox.settle()
            at.ask(QUESTION, visit)
            await at.until(lambda: len(at.replies(visit)) == 3)
            asked = [one["conversation_id"] for one in at.dify.asked]
            assert asked == ["", "conversation-1", ""]
            assert len({one["user"] for one in at.dify.asked}) == 1

    run(scenario())


def test_a_forgotten_dify_conversation_is_begun_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.replies(visit)) == 1)
            at.dify.answers = {QUESTION: Said(status=404)}
            at.ask(QUESTION, visit)
            await at.until(lambda: len(at.dify.asked) >= 3)
            assert [one["conversation_id"] for one in at.dify.asked][:3] == ["", "conversation-1", ""]

    run(scenario())


@pytest.mark.parametrize("said", [Said(status=500), Said(status=400), Said(hangs=True)], ids=str)
def test_a_dify_that_does_not_answer_means_a_person_never_silence(tmp_path: Path, said: Said) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {QUESTION: said}) as at, at.bridge(patience=replace(QUICK, answer=0.5)):
            visit = at.ask(QUESTION)
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == [ENGLISH.degraded]
            assert "[ai_unavailable]" in at.notes(visit)[0]
            tries = 2 if said.status == 500 else 1
            assert len(at.dify.asked) == tries

    run(scenario())


def test_a_message_without_text_goes_to_a_person_unasked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, at.bridge():
            visit = at.ask(None)
            await at.until(lambda: at.status(visit) == "open")
            assert "[no_text]" in at.notes(visit)[0]
            assert at.dify.asked == []

    run(scenario())


def test_what_a_person_has_is_left_to_the_person(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.replies(visit)) == 1)
            state = at.sandbox.state
            person = next(iter(state.directory.users.values()))
            state.set_status(at.conversation(visit), "open", person)
            at.ask(QUESTION, visit)
            await at.traced(visit, "silent: not_pending")
            assert len(at.replies(visit)) == 1

    run(scenario())


def test_a_reply_of_a_person_in_a_pending_conversation_silences_the_bot_and_shows_it_to_people(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.replies(visit)) == 1)
            state = at.sandbox.state
            state.reply(at.conversation(visit), "Let me look.", next(iter(state.directory.users.values())))
            await at.sandbox.settle()
            assert at.status(visit) == "pending"
            at.ask(QUESTION, visit)
            await at.until(lambda: at.status(visit) == "open")
            assert len(at.replies(visit)) == 1

    run(scenario())


def test_a_person_who_opens_the_conversation_while_dify_thinks_is_not_talked_over(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {QUESTION: Said("You have 30 days.", hangs=True)}) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.dify.asked) == 1)
            state = at.sandbox.state
            state.set_status(at.conversation(visit), "open", next(iter(state.directory.users.values())))
            at.dify.released.set()
            await at.traced(visit, "silent: not_pending")
            assert at.replies(visit) == at.notes(visit) == []

    run(scenario())


def test_a_person_who_writes_while_dify_thinks_is_not_talked_over_either(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {QUESTION: Said("You have 30 days.", hangs=True)}) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.dify.asked) == 1)
            state = at.sandbox.state
            state.reply(at.conversation(visit), "I do this.", next(iter(state.directory.users.values())))
            await at.traced(visit, "not for the bot: not_incoming")
            at.dify.released.set()
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == at.notes(visit) == []

    run(scenario())


def test_notes_replies_and_echoes_are_never_asked_about(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.replies(visit)) == 1)
            state = at.sandbox.state
            person = next(iter(state.directory.users.values()))
            state.reply(at.conversation(visit), QUESTION, person, private=True)
            await at.sandbox.settle()
            await at.traced(visit, "not for the bot: private")
            assert len(at.dify.asked) == 1

    run(scenario())


def test_a_template_in_an_answer_reaches_chatwoot_disarmed(tmp_path: Path) -> None:
    async def scenario() -> None:
        said = Said("Write to {{contact.email}}, please.", 0.8)
        async with stand(tmp_path, {QUESTION: said}) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.replies(visit)) == 1)
            assert at.replies(visit) == ["Write to {\u2060{contact.email}}, please."]

    run(scenario())


@pytest.mark.parametrize("user_token", ["", "sandbox-administrator-token"])
def test_a_post_whose_answer_was_lost_is_found_and_not_repeated(tmp_path: Path, user_token: str) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD, user_token=user_token) as at:
            at.chatwoot.faults = ["lost"]
            async with at.bridge():
                visit = at.ask(QUESTION)
                await at.traced(visit, "found in Chatwoot by its mark")
            assert at.replies(visit) == ["You have 30 days."]
            assert at.chatwoot.posts == 1
            assert len(at.dify.asked) == 1

    run(scenario())


@pytest.mark.parametrize("fault", ["down", "busy", "refused"])
def test_a_post_that_did_not_arrive_is_sent_again(tmp_path: Path, fault: str) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            at.chatwoot.faults = [fault] if fault == "refused" else [fault, fault]
            times = len(at.chatwoot.faults) + 1
            async with at.bridge():
                visit = at.ask(QUESTION)
                await at.traced(visit, "reply posted")
            assert at.replies(visit) == ["You have 30 days."]
            assert at.chatwoot.posts == times

    run(scenario())


def test_a_reply_that_chatwoot_refuses_means_a_person(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            at.chatwoot.faults = ["refused", "refused"]
            async with at.bridge():
                visit = at.ask(QUESTION)
                await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == []
            assert "[post_refused]" in at.notes(visit)[0]

    run(scenario())


def test_whatever_the_order_of_deliveries_each_question_is_answered_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        answers = {f"What about number {n}, please?": Said(f"Number {n} is fine.", 0.9) for n in range(6)}
        shuffled = DeliverySettings(shuffle_seed=7, shuffle_seconds=0.05)
        async with stand(tmp_path, answers, delivery=shuffled) as at, at.bridge():
            visits = [at.sandbox.state.arrive() for _ in range(3)]
            for question in answers:
                for visit in visits:
                    at.ask(question, visit)
            expected = sorted(said.text for said in answers.values())
            await at.until(lambda: all(sorted(at.replies(visit)) == expected for visit in visits))
            assert len(at.dify.asked) == 18

    run(scenario())


def test_a_stopped_bridge_finishes_what_it_has_begun(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            async with at.bridge():
                visit = at.ask(QUESTION)
                await at.until(lambda: len(at.dify.asked) == 1)
            assert at.replies(visit) == ["You have 30 days."]

    run(scenario())


def test_what_was_accepted_and_not_done_is_done_by_the_next_bridge_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {QUESTION: Said(hangs=True)}) as at:
            async with at.bridge(patience=replace(QUICK, answer=60.0, drain=0.05)):
                visit = at.ask(QUESTION)
                await at.until(lambda: len(at.dify.asked) == 1)
            assert at.replies(visit) == []
            at.dify.answers = GOOD
            async with at.bridge():
                await at.until(lambda: at.replies(visit) == ["You have 30 days."])
                await asyncio.sleep(0.05)
            assert at.replies(visit) == ["You have 30 days."]

    run(scenario())


def test_a_bug_on_one_message_hands_that_one_off_and_the_bridge_goes_on(tmp_path: Path) -> None:
    """A policy that no `decide` can work with stands for any bug of ours."""

    async def scenario() -> None:
        broken = Policy(threshold="high")  # type: ignore[arg-type]  # the bug
        async with stand(tmp_path, GOOD, policy=broken) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: at.status(visit) == "open")
            assert "[internal_error]" in at.notes(visit)[0]
            other = at.ask("hello")
            await at.until(lambda: at.replies(other) == [ENGLISH.greeting])

    run(scenario())


def test_a_route_speaks_in_its_own_inboxes_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            (route,) = at.settings.routes
            async with at.bridge(routes=(replace(route, inboxes=frozenset({99})),)):
                visit = at.ask(QUESTION)
                await at.traced(visit, "not for the bot: other_inbox")
            assert at.dify.asked == []

    run(scenario())


def test_secrets_are_not_in_a_routes_text() -> None:
    assert "hush" not in repr(Route("kbtool", "hush-1", "hush-2", "hush-3"))
