"""What the bridge does in Chatwoot besides speaking: how it hands over, and what it offers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.faults import Faults
from bridge.sandbox.records import Bot, ContactInbox, Conversation, Message, MessageType, User
from bridge.settings import Forwarding
from bridge.speech import CANNOT_REPLY, NOT_DELIVERED
from bridge.speech.words import ENGLISH, WORDS
from tests.bridging import Said, Stand, stand
from tests.server import run

QUESTION = "How long may I wait?"
SOURCE = "Refunds › Time limit\n\nYou have 30 days: https://shop.example/r"
GOOD = {QUESTION: Said("You have **30 days**, see [our page](https://shop.example/r).", 0.8, (SOURCE,))}
NEAR = Said("A kettle.", 0.2, ("Kettles › Descaling\n\nx", "Kettles › Warranty\n\ny"))
FORWARDING = Forwarding(team=1, labels=("ai", "billing"), priority="high")


def owner(at: Stand) -> Bot:
    return next(iter(at.sandbox.state.directory.bots.values()))


def person(at: Stand) -> User:
    return next(iter(at.sandbox.state.directory.users.values()))


def last_of_the_bot(at: Stand, conversation: Conversation) -> Message:
    said = [m for m in at.sandbox.state.messages(conversation) if m.message_type is MessageType.outgoing]
    return said[-1]


def forwarding(at: Stand, to: Forwarding) -> dict[str, Any]:
    (route,) = at.settings.routes
    return {"routes": (replace(route, forwarding=to),)}


def test_a_handoff_adds_to_the_labels_that_are_there_and_gives_the_team_the_conversation(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge(**forwarding(at, FORWARDING)):
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.replies(visit)) == 1)
            at.sandbox.state.save(at.conversation(visit), person(at), labels=("vip", "billing"))
            at.ask("I want to talk to a human", visit)
            await at.until(lambda: at.status(visit) == "open")
            await at.traced(visit, "conversation is open")
            await at.until(lambda: at.conversation(visit).assignee is not None)
            conversation = at.conversation(visit)
            assert conversation.labels == ("vip", "billing", "ai")
            assert conversation.priority == "high"
            assert conversation.team is not None
            assert conversation.team.id == 1
            assert conversation.assignee == person(at)

    run(scenario())


def test_a_team_that_gets_no_member_while_the_bot_owns_it_is_assigned_again_behind_the_opening(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, at.bridge(**forwarding(at, Forwarding(team=1))):
            visit = at.sandbox.state.arrive()
            conversation = at.sandbox.state.begin(visit)
            at.sandbox.state.save(conversation, person(at), assignee=owner(at))
            at.ask("I want to talk to a human", visit)
            await at.until(lambda: at.conversation(visit).assignee == person(at))
            assert at.status(visit) == "open"

    run(scenario())


def is_sorted_in(at: Stand, visit: ContactInbox) -> bool:
    """Whether the conversation is open and has what FORWARDING gives."""
    found = at.conversation(visit)
    has_all = (found.labels, found.priority, found.team and found.team.id) == (("ai", "billing"), "high", 1)
    return found.status == "open" and has_all


def test_what_the_channel_did_not_deliver_is_sorted_in_as_any_handoff(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge(**forwarding(at, FORWARDING)):
            at.sandbox.state.faults = Faults(channel_error="131026: message undeliverable")
            visit = at.ask(QUESTION, at.sandbox.state.arrive(inbox_of(at, "Channel::Whatsapp")))
            await at.until(lambda: is_sorted_in(at, visit))
            assert "131026" in " ".join(at.notes(visit))

    run(scenario())


def test_what_a_person_answered_from_their_phone_is_sorted_in_as_any_handoff(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge(**forwarding(at, FORWARDING)):
            visit = at.ask(QUESTION, at.sandbox.state.arrive(inbox_of(at, "Channel::Whatsapp")))
            await at.until(lambda: len(at.replies(visit)) == 1)
            at.sandbox.state.echo(at.conversation(visit), "Sent from my phone")
            await at.sandbox.settle()
            at.ask("And then?", visit)
            await at.until(lambda: is_sorted_in(at, visit))
            assert len(at.replies(visit)) == 1

    run(scenario())


def test_an_unknown_team_keeps_nobody_from_the_customer(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, at.bridge(**forwarding(at, Forwarding(team=99))):
            visit = at.ask("I want to talk to a human")
            await at.until(lambda: at.status(visit) == "open")
            await at.traced(visit, "team 99 did not get the conversation")

    run(scenario())


def test_the_customer_sees_somebody_type_while_dify_thinks(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {QUESTION: Said("You have 30 days.", hangs=True)}) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.dify.asked) == 1)
            state = at.sandbox.state
            await at.until(lambda: owner(at) in state.typing(at.conversation(visit)))
            at.dify.released.set()
            await at.until(lambda: len(at.replies(visit)) == 1)
            assert not state.typing(at.conversation(visit))

    run(scenario())


# Channels


def inbox_of(at: Stand, channel: Any) -> Any:
    state = at.sandbox.state
    account = next(iter(state.directory.accounts.values()))
    return state.directory.add_inbox(account, channel, channel, owner(at))


def test_a_reply_is_shaped_for_its_channel(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            visit = at.sandbox.state.arrive(inbox_of(at, "Channel::Whatsapp"))
            at.ask(QUESTION, visit)
            await at.until(lambda: len(at.replies(visit)) == 1)
            assert at.replies(visit) == ["You have **30 days**, see our page: https://shop.example/r."]

    run(scenario())


def test_a_channel_that_takes_no_reply_any_more_means_a_person_with_the_text(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            at.sandbox.state.faults = Faults(window_closed=True)
            visit = at.sandbox.state.arrive(inbox_of(at, "Channel::Whatsapp"))
            at.ask(QUESTION, visit)
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == []
            (note,) = at.notes(visit)
            assert f"[{CANNOT_REPLY}]" in note
            assert "30 days" in note

    run(scenario())


def test_a_reply_that_the_channel_did_not_deliver_means_a_person_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            at.sandbox.state.faults = Faults(channel_error="131047: re-engagement message")
            visit = at.sandbox.state.arrive(inbox_of(at, "Channel::Whatsapp"))
            at.ask(QUESTION, visit)
            await at.until(lambda: at.status(visit) == "open")
            (failed,) = [note for note in at.notes(visit) if f"[{NOT_DELIVERED}]" in note]
            assert "131047" in failed
            assert "30 days" in failed
            state = at.sandbox.state
            reply = next(
                m for m in state.messages(at.conversation(visit)) if m.content == at.replies(visit)[0]
            )
            state.update(reply, status="failed")
            await at.sandbox.settle()
            assert len(at.notes(visit)) == 1
            assert len(at.replies(visit)) == 1

    run(scenario())


# Choices


def test_a_choice_is_asked_as_the_customers_question_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        answers = {"kettle?": NEAR, "Descaling": Said("With vinegar.", 0.9)}
        async with stand(tmp_path, answers) as at, at.bridge():
            visit = at.ask("kettle?")
            await at.until(lambda: at.replies(visit) == [ENGLISH.clarify])
            await at.sandbox.settle()
            offer = last_of_the_bot(at, at.conversation(visit))
            assert offer.content_type == "input_select"
            items = offer.content_attributes["items"]
            assert [item["title"] for item in items] == ["Descaling", "Warranty"]
            chosen = at.sandbox.state.submit(offer, [items[0]])
            at.sandbox.state.update(chosen)
            await at.until(lambda: at.replies(visit)[1:] == ["With vinegar."])
            at.sandbox.state.update(chosen)
            await at.sandbox.settle()
            await at.traced(visit, "delivered again")
            assert [one["query"] for one in at.dify.asked] == ["kettle?", "Descaling"]

    run(scenario())


def test_what_a_customer_answers_elsewhere_is_no_question(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: len(at.replies(visit)) == 1)
            state = at.sandbox.state
            survey = state.add(
                at.conversation(visit), MessageType.template, "Rate us", None, content_type="input_csat"
            )
            state.submit(survey, {"csat_survey_response": {"rating": 5}})
            await at.sandbox.settle()
            assert len(at.dify.asked) == 1

    run(scenario())


# Without words


def test_a_sticker_is_answered_with_the_wish_for_words_once_and_the_next_goes_to_a_person(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, at.bridge():
            visit = at.sandbox.state.arrive()
            state = at.sandbox.state
            conversation = state.begin(visit)
            state.add(conversation, MessageType.incoming, None, visit.contact, content_type="sticker")
            await at.until(lambda: at.replies(visit) == [ENGLISH.in_words])
            state.add(conversation, MessageType.incoming, None, visit.contact, content_type="sticker")
            await at.until(lambda: at.status(visit) == "open")
            assert at.dify.asked == []

    run(scenario())


@pytest.mark.parametrize(("hint", "language"), [("de-DE", "de"), ("", "en")])
def test_a_voice_message_goes_to_a_person_in_the_language_of_the_channel(
    tmp_path: Path, hint: str, language: str
) -> None:
    async def scenario() -> None:
        from bridge.sandbox.state import Upload

        async with stand(tmp_path, {}) as at, at.bridge():
            visit = at.sandbox.state.arrive()
            voice = Upload("voice.ogg", "audio/ogg", b"OggS")
            at.sandbox.state.say(visit, None, voice, browser_language=hint)
            await at.until(lambda: at.status(visit) == "open")
            assert at.replies(visit) == [WORDS[language].unheard]
            assert "[voice]" in at.notes(visit)[0]

    run(scenario())
