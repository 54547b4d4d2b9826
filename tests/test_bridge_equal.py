"""What was measured is what runs: the webhook's path and the evaluation decide alike on the same answers.

Every golden question of the project is asked of the embedded engine once, and its stored reply is then put
through both: through the evaluation's `answer_of` and `decide`, and as the stream of a Dify app through the
real webhook, inbox, worker and stream parser. A second pass bends the replies of every fourth question, adds
what only a person can answer, and gives languages thresholds of their own, so that each reason is met.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bridge.settings import Patience
from kbtool import corpus, golden
from kbtool.cli.connect import connect
from kbtool.config import Settings, load
from kbtool.evaluate.record import Found, Golden, Reply
from kbtool.evaluate.run import Asker, Resolver
from kbtool.evaluate.score import answer_of
from kbtool.handoff import HELD_BACK, Policy, Reason, decide
from kbtool.sync.apply import Sync
from kbtool.sync.render import render
from kbtool.sync.waiting import Pace
from tests.bridging import Said, stand
from tests.server import run
from tests.waiting import until

ROOT = Path(__file__).parent.parent
TURNS = "select message, action, reason from turns"
BEFORE = Said("You have 30 days.", 0.99)
"""What is answered to the questions that a follow-up follows."""


@cache
def stored() -> tuple[Settings, tuple[Golden, ...], dict[str, Reply]]:
    """The project's golden questions, and what the embedded engine replied to each."""
    with TemporaryDirectory() as folder:
        loaded = load(ROOT / "kb.toml")
        embedded = loaded.embedded.model_copy(update={"path": str(Path(folder) / "engine.sqlite")})
        settings = loaded.model_copy(update={"embedded": embedded})
        questions = golden.load(settings.root, settings.evals.golden).questions
        replies = run(_replies(settings, questions, Path(folder) / "replies.jsonl"))
    return settings, questions, replies


async def _replies(settings: Settings, questions: Sequence[Golden], path: Path) -> dict[str, Reply]:
    documents = corpus.load(settings).documents
    rendered = [render(document) for document in documents]
    async with connect(settings) as client:
        sync = Sync(client, settings.dataset_profile, Pace(poll=0.05))
        await sync.apply(await sync.plan(rendered), rendered)
        resolver = Resolver.of(rendered)
        asker = Asker(client, "", settings.retrieval_profile, resolver, asks_retrieval=False)
        return await asker.ask(questions, path)


def _without_sources(reply: Reply) -> Reply:
    return replace(reply, cited=())


def _without_scores(reply: Reply) -> Reply:
    return replace(reply, cited=tuple(replace(found, score=None) for found in reply.cited))


def _silent(reply: Reply) -> Reply:
    return replace(reply, answer=" ", cited=reply.cited or (Found("d", (), 0.9, "text"),))


def _made_up(reply: Reply) -> Reply:
    return replace(reply, answer="That is €98,765.43.", cited=(Found("d", (), 0.9, "It is free."),))


def _refusing(reply: Reply) -> Reply:
    return replace(reply, answer="I don't know.", cited=(Found("d", (), 0.9, "text"),))


def _doubtful(reply: Reply) -> Reply:
    return replace(reply, answer="Perhaps.", cited=(Found("d", (), 0.01, "text"),))


def _sure(reply: Reply) -> Reply:
    return replace(reply, answer="Yes.", cited=(Found("d", (), 0.99, "text"),))


FOR_PEOPLE = (
    Golden("hello", "hello", "en"),
    Golden("person", "Ich möchte mit einem Mitarbeiter sprechen", "de"),
    Golden("lawyer", "You will hear from my lawyer", "en"),
    Golden("money", "退我钱！", "zh"),
)
BENT = (_without_sources, _without_scores, _silent, _made_up, _refusing, _doubtful, _sure)


def _as_stored(replies: Mapping[str, Reply]) -> dict[str, Reply]:
    return dict(replies)


def _bent(replies: Mapping[str, Reply]) -> dict[str, Reply]:
    return {id_: BENT[at % len(BENT)](reply) for at, (id_, reply) in enumerate(replies.items())}


@pytest.mark.parametrize("bend", [_as_stored, _bent])
def test_the_webhook_and_the_evaluation_decide_alike_for_every_golden_question(
    tmp_path: Path, bend: Callable[[Mapping[str, Reply]], dict[str, Reply]]
) -> None:
    settings, questions, kept = stored()
    assert not [reply.error for reply in kept.values() if reply.error]
    policy = settings.policy
    if bend is _bent:
        any_reply = kept[questions[0].id]
        kept = {**kept, **{one.id: any_reply for one in FOR_PEOPLE}}
        questions = (*questions[::4], *FOR_PEOPLE)
        questions = tuple(replace(one, inbox="13"[at % 2]) for at, one in enumerate(questions))
        policy = replace(policy, languages={"en": 0.3, "zh": 0.8}, inboxes={"3": 0.985})
    replies = bend({one.id: kept[one.id] for one in questions})
    measured = {}
    for one in questions:
        answer = answer_of(one, replies[one.id])
        assert answer is not None
        decision = decide(answer, policy)
        measured[one.id] = (decision.action.value, decision.reason.value)
    lived = run(_live(tmp_path, policy, questions, replies))
    assert lived == measured
    if bend is _bent:
        met = {reason for _, reason in measured.values()}
        of_the_bridge = {Reason.NO_TEXT, Reason.POST_REFUSED, Reason.INTERNAL_ERROR}
        assert met == {reason.value for reason in Reason} - HELD_BACK - of_the_bridge


async def _live(
    folder: Path, policy: Policy, questions: Sequence[Golden], replies: Mapping[str, Reply]
) -> dict[str, tuple[str, str]]:
    """Each question from a customer of its own, all at once; what was before it is asked before it. Inbox
    1 is the sandbox's own, 3 a second one of the same bot.
    """
    answers: dict[str, Said] = {}
    async with stand(folder, answers, policy=policy) as at, at.bridge(patience=Patience(quiet=0.0)):
        say, asked = at.sandbox.state.say, {}
        directory = at.sandbox.state.directory
        account, bot = directory.accounts[1], directory.bots[1]
        second = directory.add_inbox(account, "Shop", "Channel::WebWidget", bot)
        assert str(second.id) == "3"
        for one in questions:
            visit = at.sandbox.state.arrive(second if one.inbox == "3" else None)
            user = f"chatwoot-1-{visit.contact.id}"
            for before in one.history:
                answers[f"{user}: {before}"] = BEFORE
                say(visit, before, browser_language=one.lang)
            answers[f"{user}: {one.question}"] = _said(replies[one.id])
            asked[say(visit, one.question, browser_language=one.lang).id] = one.id
        await until(lambda: _decided(folder).keys() >= asked.keys(), lambda: asked.keys() - _decided(folder))
        decided = _decided(folder)
        return {id_: decided[message] for message, id_ in asked.items()}


def _said(reply: Reply) -> Said:
    scores = [found.score for found in reply.cited]
    return Said(reply.answer or "", None, tuple(found.text for found in reply.cited), scores=tuple(scores))


def _decided(folder: Path) -> dict[int, tuple[str, str]]:
    """Action and reason by message, as the bridge has kept them."""
    with closing(sqlite3.connect(folder / "bridge.sqlite")) as store:
        return {message: (action, reason) for message, action, reason in store.execute(TURNS)}
