"""From a customer's message to a decision: the stage before anything is said.

The message is judged by the same `kbtool.handoff.decide` that the evaluation runs. Small talk, a wish for
a person and sensitive intents are decided by the words alone, so the AI is not asked for those; when it
cannot be asked, the decision is a handoff: never silence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from bridge.conversation import Facts
from bridge.holding import BUDGET_SPENT, Held
from bridge.settings import Mode, Patience
from bridge.speech import AI_UNAVAILABLE, NO_TEXT, Post, because, posts_for, posts_without_answer, source_line
from bridge.trace import Note, Step, note
from bridge.turns import Decided, Outcome, Work
from bridge.words import words_for
from kbtool.errors import ServiceError, Unavailable
from kbtool.handoff import BY_WORDS_ALONE, Action, Decision, Policy, decide
from kbtool.model import Answer, Question
from kbtool.smalltalk import smalltalk

_SOURCES_TRACED = 5


class Chat(Protocol):
    """Who answers: a `DifyClient`."""

    async def chat(self, question: Question, *, user: str, conversation_id: str = "") -> Answer: ...


@dataclass(frozen=True, slots=True)
class Answering:
    """Asks and decides, for one policy, unless `hold` is put. `sleep` is an argument so that tests need not
    wait.
    """

    chat: Chat
    policy: Policy
    patience: Patience
    hold: Held | None = None
    started: float = field(default_factory=time.time)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def decide(
        self,
        work: Work,
        facts: Facts,
        said_before: Sequence[str],
        mode: Mode,
        tell: Callable[[Note], Awaitable[None]],
    ) -> Decided:
        """What becomes of the message. `facts` are those of its episode; `tell` is told before Dify is."""
        words = words_for(work.text, facts.language)
        if not work.text:
            files = ", ".join(work.attachments) or "an empty message"
            return _handed_off(NO_TEXT, files, posts_without_answer(NO_TEXT, files, words, mode), facts)
        before = tuple(text for text in said_before if not smalltalk(text))
        question = Question(work.text, before, facts.was_clarified, facts.language)
        answer = Answer(question, "", ())
        decision = decide(answer, self.policy)
        if decision.reason not in BY_WORDS_ALONE:
            if held := self._held(mode):
                return _handed_off(held, "", posts_without_answer(held, "", words, mode), facts)
            follows = "going on" if facts.dify_conversation else "a new conversation"
            await tell(note(Step.ASK, f"asking Dify, {follows}", history=len(before)))
            try:
                answer = await self._ask(question, work, facts.dify_conversation)
            except ServiceError as error:
                why = error.message
                posts = posts_without_answer(AI_UNAVAILABLE, why, words, mode)
                return _handed_off(AI_UNAVAILABLE, why, posts, facts)
            decision = decide(answer, self.policy)
            held = self._held(mode)  # since it was asked; what is paid for is said
            if held and held != BUDGET_SPENT:
                return _handed_off(held, "", posts_without_answer(held, "", words, mode), facts)
        return Decided(
            Outcome(decision.action.value, decision.reason.value, decision.score),
            posts_for(decision, answer, words, mode),
            replace(
                facts,
                dify_conversation=answer.conversation_id or facts.dify_conversation,
                was_clarified=facts.was_clarified or decision.action is Action.CLARIFY,
            ),
            (*_sources(answer), _told(decision, answer, self.policy)),
        )

    def _held(self, mode: Mode) -> str:
        """Why nothing is answered now, "" when it may be."""
        if self.hold is None:
            return ""
        return self.hold.reason(self.started, to_customers=mode is Mode.REPLY)

    async def _ask(self, question: Question, work: Work, conversation: str) -> Answer:
        """The answer, within the patience for all attempts together."""
        user = f"chatwoot-{work.subject.account}-{work.contact}"
        try:
            async with asyncio.timeout(self.patience.answer):
                return await self._ask_again(question, user, conversation)
        except TimeoutError as error:
            raise Unavailable(f"no answer within {self.patience.answer:.0f} s") from error

    async def _ask_again(self, question: Question, user: str, conversation: str) -> Answer:
        attempt = 1
        while True:
            try:
                return await self.chat.chat(question, user=user, conversation_id=conversation)
            except Unavailable:
                if attempt >= self.patience.attempts:
                    raise
                await self.sleep(pause(self.patience, attempt))
                attempt += 1
            except ServiceError as error:
                # Dify forgets conversations: they are deleted there, or the key is now another app's.
                if error.status != 404 or not conversation:
                    raise
                conversation = ""


def pause(patience: Patience, attempt: int) -> float:
    """Seconds to wait behind the attempt of this number (1 is the first), doubling up to the longest."""
    return min(patience.longest_pause, patience.first_pause * 2.0 ** min(attempt - 1, 30))


def _handed_off(reason: str, detail: str, posts: tuple[Post, ...], facts: Facts) -> Decided:
    told = note(Step.DECISION, f"handoff: {because(reason)} ({detail})", action="handoff", reason=reason)
    failed = (note(Step.ERROR, detail),) if reason == AI_UNAVAILABLE else ()
    return Decided(Outcome(Action.HANDOFF.value, reason), posts, facts, (*failed, told))


def _sources(answer: Answer) -> tuple[Note, ...]:
    if not answer.hits:
        return ()
    sources = [
        {
            "score": hit.score,
            "document": hit.document_name,
            "line": source_line(hit),
        }
        for hit in answer.hits[:_SOURCES_TRACED]
    ]
    count = "1 source" if len(answer.hits) == 1 else f"{len(answer.hits)} sources"
    return (note(Step.SOURCES, f"{count}, best: {source_line(answer.hits[0])}", sources=sources),)


def _told(decision: Decision, answer: Answer, policy: Policy) -> Note:
    threshold = policy.threshold if decision.threshold is None else decision.threshold
    compared = ""
    if decision.score is not None:
        sign = "≥" if decision.score >= threshold else "<"
        compared = f", score {decision.score:.2f} {sign} {threshold:.2f}"
    why = because(decision.reason) if decision.action is Action.HANDOFF else decision.reason.value
    return note(
        Step.DECISION,
        f"{decision.action.value}: {why}{compared}",
        action=decision.action.value,
        reason=decision.reason.value,
        score=decision.score,
        threshold=threshold,
        seconds=answer.latency,
        tokens=answer.tokens,
    )
