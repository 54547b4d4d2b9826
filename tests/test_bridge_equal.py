"""What was measured is what runs: the webhook's path and the evaluation decide alike on the same answers.

Every golden question of the project is asked of the embedded engine once, and its stored reply is then put
through both: through the evaluation's `answer_of` and `decide`, and as the stream of a Dify app through the
real webhook, inbox, worker and stream parser. A second pass bends the replies of every fourth question, so
that each reason for a handoff is met.
"""

from __future__ import annotations

import asyncio
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
from kbtool.handoff import Reason, decide
from kbtool.sync.apply import Sync
from kbtool.sync.render import render
from kbtool.sync.waiting import Pace
from tests.bridging import Said, stand
from tests.server import run

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
    if bend is _bent:
        questions = questions[::4]
    replies = bend({one.id: kept[one.id] for one in questions})
    measured = {}
    for one in questions:
        answer = answer_of(one, replies[one.id])
        assert answer is not None
        decision = decide(answer, settings.policy)
        measured[one.id] = (decision.action.value, decision.reason.value)
    lived = run(_live(tmp_path, settings, questions, replies))
    assert lived == measured
    if bend is _bent:
        met = {reason for _, reason in measured.values()}
        assert met >= {reason.value for reason in Reason} - {Reason.SMALLTALK, Reason.ASKED_FOR_PERSON}


async def _live(
    folder: Path, settings: Settings, questions: Sequence[Golden], replies: Mapping[str, Reply]
) -> dict[str, tuple[str, str]]:
    """Each question from a customer of its own, all at once; what was before it is asked before it."""
    answers: dict[str, Said] = {}
    async with stand(folder, answers, policy=settings.policy) as at, at.bridge(patience=Patience(quiet=0.0)):
        say, asked = at.sandbox.state.say, {}
        for one in questions:
            visit = at.sandbox.state.arrive()
            user = f"chatwoot-1-{visit.contact.id}"
            for before in one.history:
                answers[f"{user}: {before}"] = BEFORE
                say(visit, before)
            answers[f"{user}: {one.question}"] = _said(replies[one.id])
            asked[say(visit, one.question).id] = one.id
        for _ in range(600):
            decided = _decided(folder)
            if decided.keys() >= asked.keys():
                break
            await asyncio.sleep(0.1)
        return {id_: decided[message] for message, id_ in asked.items()}


def _said(reply: Reply) -> Said:
    scores = [found.score for found in reply.cited]
    return Said(reply.answer or "", None, tuple(found.text for found in reply.cited), scores=tuple(scores))


def _decided(folder: Path) -> dict[int, tuple[str, str]]:
    """Action and reason by message, as the bridge has kept them."""
    with closing(sqlite3.connect(folder / "bridge.sqlite")) as store:
        return {message: (action, reason) for message, action, reason in store.execute(TURNS)}
