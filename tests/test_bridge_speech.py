"""What a decision says and does: to the customer, to people, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import speech
from bridge.channels import channel_of
from bridge.channels.split import size
from bridge.settings import Forwarding, Mode
from bridge.speech import (
    AI_UNAVAILABLE,
    CANNOT_REPLY,
    SAID,
    Kind,
    Manner,
    Post,
    because,
    because_of,
    choices,
    posts_for,
    posts_unsaid,
    posts_without_answer,
)
from bridge.speech.posts import choice
from bridge.speech.reasons import Tell
from bridge.speech.words import ENGLISH, WORDS
from kbtool.handoff import Action, Decision, Reason
from kbtool.hold import MAINTENANCE, POLICY_STALE
from kbtool.model import Answer, Hit, Question
from kbtool.smalltalk import Smalltalk

HITS = (
    Hit("c", "d", "Refunds #1", "Refunds › Time limit\n\nYou have 30 days.", 0.83),
    Hit("c", "d", "Shipping #2", "Shipping\n\nThree days.", 0.41),
)  # fmt: skip
ANSWER = Answer(Question("How long?", ("Hi, a question", "About my order")), "You have 30 days.", HITS)
HANDOFFS = [reason for reason in Reason if reason not in {Reason.ANSWERED, Reason.SMALLTALK}]
OWN = [value for name, value in vars(speech).items() if name.isupper() and isinstance(value, str)]
EVERYTHING = Forwarding(team=3, labels=("ai", "billing"), priority="high")
FORWARDING = st.builds(
    Forwarding,
    team=st.sampled_from([0, 3]),
    labels=st.sampled_from([(), ("ai",)]),
    priority=st.sampled_from(["", "low"]),
)
BACK = datetime(2026, 11, 23, 9, 0, tzinfo=ZoneInfo("Europe/Berlin"))
MANNERS = st.builds(
    Manner,
    channel=st.sampled_from(["Channel::WebWidget", "Channel::Whatsapp", "Channel::Sms", ""]),
    forwarding=FORWARDING,
    back=st.sampled_from([None, BACK]),
    now=st.just(BACK - timedelta(days=1)),
)  # fmt: skip


def decided(action: Action, reason: Reason, detail: str = "") -> Decision:
    return Decision(action, reason, 0.83, detail)


def kinds(posts: tuple[Post, ...]) -> list[Kind]:
    return [post.kind for post in posts]


def test_a_reply_is_the_answer_and_nothing_else() -> None:
    posts = posts_for(decided(Action.REPLY, Reason.ANSWERED), ANSWER, ENGLISH, Mode.REPLY)
    assert posts == (Post(Kind.REPLY, "You have 30 days."),)


def test_a_long_reply_is_several_posts_in_a_channel_that_takes_little() -> None:
    long = replace(ANSWER, text="You have **30 days**. " * 20)
    posts = posts_for(
        decided(Action.REPLY, Reason.ANSWERED), long, ENGLISH, Mode.REPLY, Manner("Channel::Sms")
    )
    assert len(posts) == 3
    assert "**" not in posts[0].text
    assert all(size(post.text) <= 160 for post in posts)


def test_a_handoff_tells_the_customer_then_people_sorts_in_and_opens_last() -> None:
    handoff = decided(Action.HANDOFF, Reason.UNSUPPORTED_FACT, "40 eur")
    posts = posts_for(handoff, ANSWER, ENGLISH, Mode.REPLY, Manner(forwarding=EVERYTHING))
    assert posts == (
        Post(Kind.REPLY, ENGLISH.handoff),
        posts[1],
        Post(Kind.LABELS, "ai\nbilling"),
        Post(Kind.PRIORITY, "high"),
        Post(Kind.TEAM, "3"),
        Post(Kind.OPEN),
        Post(Kind.TEAM, "3"),
    )
    assert posts[1] == Post(
        Kind.NOTE,
        "Handed off: the answer names something that no source says [unsupported_fact], "
        "score 0.83, “40 eur”.\n\n"
        "Asked: “How long?”\n\n"
        "Before that:\n- “Hi, a question”\n- “About my order”\n\n"
        "Not sent: “You have 30 days.”\n\n"
        "Sources:\n- Refunds › Time limit (0.83)\n- Shipping (0.41)",
    )


@settings(deadline=None)
@given(
    st.sampled_from([*HANDOFFS, *OWN, MAINTENANCE, POLICY_STALE, "a_reason_of_tomorrow"]),
    st.sampled_from(list(WORDS)),
    st.sampled_from([Mode.REPLY, Mode.DRAFT]),
    MANNERS,
)
def test_nothing_is_said_to_the_customer_behind_the_note_and_people_get_it_last(
    reason: str, language: str, mode: Mode, manner: Manner
) -> None:
    words = WORDS[language]
    posts = posts_without_answer(reason, "why", words, mode, manner, asked="How long?")
    if reason in set(Reason):
        answered = posts_for(decided(Action.HANDOFF, Reason(reason)), ANSWER, words, mode, manner)
        assert kinds(answered) == kinds(posts)
    order = kinds(posts)
    assert order.count(Kind.NOTE) == order.count(Kind.OPEN) == 1
    assert not SAID & set(order[order.index(Kind.NOTE) :])
    assert set(order[order.index(Kind.OPEN) + 1 :]) <= {Kind.TEAM}
    assert (mode is Mode.DRAFT) <= (not SAID & set(order))
    assert all(size(post.text) <= channel_of(manner.channel).limit for post in posts if post.kind in SAID)
    spoken = " ".join(post.text for post in posts if post.kind in SAID)
    if mode is Mode.REPLY and because_of(reason).tell is not Tell.NOTHING:
        assert ("09:00" in spoken) == (manner.back is not None)


@pytest.mark.parametrize("action", list(Action))
def test_a_draft_is_never_seen_by_the_customer(action: Action) -> None:
    detail = Smalltalk.THANKS.value if action is Action.SMALLTALK else ""
    posts = posts_for(decided(action, Reason.ANSWERED, detail), ANSWER, ENGLISH, Mode.DRAFT)
    assert kinds(posts) == [Kind.NOTE, Kind.OPEN]
    without = posts_without_answer(AI_UNAVAILABLE, "timeout", ENGLISH, Mode.DRAFT)
    assert kinds(without) == [Kind.NOTE, Kind.OPEN]


@pytest.mark.parametrize("talk", list(Smalltalk))
@pytest.mark.parametrize("language", list(WORDS))
def test_every_language_answers_every_small_talk(talk: Smalltalk, language: str) -> None:
    said = decided(Action.SMALLTALK, Reason.SMALLTALK, talk.value)
    (post,) = posts_for(said, ANSWER, WORDS[language], Mode.REPLY)
    assert post.text


@pytest.mark.parametrize("reason", [*HANDOFFS, *OWN, MAINTENANCE, POLICY_STALE])
def test_every_reason_is_told_to_people_in_words(reason: str) -> None:
    assert because_of(reason).why != reason.replace("_", " ")
    assert because(reason).endswith(f"[{reason}]")


@pytest.mark.parametrize(
    ("reason", "sentence", "is_urgent", "priority"),
    [
        (Reason.BELOW_THRESHOLD, ENGLISH.handoff, False, ""),
        ("ai_unavailable", ENGLISH.degraded, False, ""),
        ("quota_spent", ENGLISH.degraded, False, ""),
        ("budget_spent", ENGLISH.handoff, False, ""),
        ("policy_stale", ENGLISH.handoff, False, ""),
        ("sensitive", ENGLISH.urgent, True, "urgent"),
        ("voice", ENGLISH.unheard, False, ""),
        ("no_text", ENGLISH.unseen, False, ""),
        ("not_delivered", "", False, ""),
        ("a_reason_of_tomorrow", ENGLISH.handoff, False, ""),
    ],
)
def test_the_table_of_fallbacks(reason: str, sentence: str, *, is_urgent: bool, priority: str) -> None:
    row = because_of(reason)
    assert (row.sentence(ENGLISH), row.is_urgent, row.priority) == (
        sentence, is_urgent, priority,
    )  # fmt: skip


def test_an_urgent_reason_outdoes_the_routes_priority() -> None:
    posts = posts_without_answer("sensitive", "", ENGLISH, Mode.REPLY, Manner(forwarding=EVERYTHING))
    assert Post(Kind.PRIORITY, "urgent") in posts


# Choices

CLARIFY = decided(Action.CLARIFY, Reason.BELOW_THRESHOLD)


@pytest.mark.parametrize("channel", ["Channel::WebWidget", "Channel::Whatsapp", "Channel::Telegram"])
def test_a_clarifying_question_offers_the_nearest_sections_where_they_can_be_tapped(channel: str) -> None:
    (post,) = posts_for(CLARIFY, ANSWER, ENGLISH, Mode.REPLY, Manner(channel))
    assert choices(post) == (ENGLISH.clarify, ("Time limit", "Shipping"))


@pytest.mark.parametrize("channel", ["Channel::Sms", "Channel::Email", "Channel::Api", "Channel::Instagram"])
def test_elsewhere_it_is_asked_in_words(channel: str) -> None:
    posts = posts_for(CLARIFY, ANSWER, ENGLISH, Mode.REPLY, Manner(channel))
    assert set(kinds(posts)) == {Kind.REPLY}


@pytest.mark.parametrize(
    "text", ["Only one\n\nx", "A section with a name that is far too long for a button\n\nx"]
)
def test_one_choice_is_none_and_neither_is_one_too_long(text: str) -> None:
    hits = (Hit("c", "d", "n", text, 0.4), Hit("c2", "d", "n", "Only one\n\ny", 0.3))
    (post,) = posts_for(CLARIFY, replace(ANSWER, hits=hits), ENGLISH, Mode.REPLY, Manner("Channel::Whatsapp"))
    assert post == Post(Kind.REPLY, ENGLISH.clarify)


WORDS_OF_AN_OPTION = st.text(st.characters(exclude_characters="\n•", exclude_categories=["Cs"]), min_size=1)


@given(st.sampled_from([words.clarify for words in WORDS.values()]), st.lists(WORDS_OF_AN_OPTION, min_size=1))
def test_a_question_and_its_options_are_kept_as_they_are(question: str, options: list[str]) -> None:
    assert choices(choice(question, options)) == (question, tuple(options))


# What cannot be said


def test_what_the_channel_does_not_take_any_more_is_given_to_people() -> None:
    planned = [Post(Kind.REPLY, "You have"), Post(Kind.REPLY, "30 days.")]
    posts = posts_unsaid(planned, CANNOT_REPLY, "", Manner(forwarding=EVERYTHING))
    assert kinds(posts) == [Kind.NOTE, Kind.LABELS, Kind.PRIORITY, Kind.TEAM, Kind.OPEN, Kind.TEAM]
    assert "[cannot_reply]" in posts[0].text
    assert "You have\n\n30 days." in posts[0].text


def test_the_note_of_a_handoff_that_could_not_be_told_is_kept() -> None:
    planned = posts_for(decided(Action.HANDOFF, Reason.REFUSED), ANSWER, ENGLISH, Mode.REPLY)
    posts = posts_unsaid(planned, CANNOT_REPLY, "")
    assert kinds(posts) == [Kind.NOTE, Kind.NOTE, Kind.OPEN]
    assert posts[1] == planned[1]
