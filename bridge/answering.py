"""From a customer's message to a decision: the stage before anything is said.

The message is judged by `kbtool.handoff.decide`, which the evaluation runs, in its two parts. Small talk, a
wish for a person and sensitive intents are decided by the words alone, so the AI is not asked for those; when
it cannot be asked, the decision is a handoff: never silence.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from bridge import log
from bridge.asking.contact import user_of
from bridge.asking.enclosing import Enclosing
from bridge.asking.inputs import Situation
from bridge.chatwoot.wire import Shown
from bridge.conversation import Facts
from bridge.drafting import drafted, undrafted
from bridge.holding import BUDGET_SPENT, Held
from bridge.settings import Mode, Patience
from bridge.speech import (
    AI_UNAVAILABLE,
    NO_TEXT,
    QUOTA_SPENT,
    RATE_LIMITED,
    UNHEARD,
    Kind,
    Manner,
    Post,
    because,
    posts_for,
    posts_without_answer,
    source_line,
)
from bridge.speech.language import language_of
from bridge.speech.words import ENGLISH, WORDS, Words, words_for
from bridge.tables.trace import Note, Step, note
from bridge.tables.turns import Decided, Outcome, Work
from kbtool.dify.conversations import UploadedFile
from kbtool.errors import ServiceError, Unavailable
from kbtool.handoff import Action, Decision, Policy, by_answer, by_words
from kbtool.model import Answer, Question
from kbtool.smalltalk import smalltalk

QUOTA = "provider_quota_exceeded"
"""Dify's code where the workspace has used up what its provider gives: time alone does not mend that."""
_SOURCES_TRACED = 5

Tell = Callable[[Note], Awaitable[None]]


class Chat(Protocol):
    """Who answers: a `DifyClient`."""

    async def chat(
        self,
        question: Question,
        *,
        user: str,
        conversation_id: str = "",
        inputs: Mapping[str, Any] | None = None,
        files: Sequence[UploadedFile] = (),
    ) -> Answer: ...


class Desk(Protocol):
    """Where the customer is: a `ChatwootClient`."""

    async def conversation(self, account: int, conversation: int) -> Shown: ...
    async def type(self, account: int, conversation: int, *, is_on: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Answering:
    """Asks and decides, for one policy, unless `hold` is put. `sleep` is an argument so that tests need not
    wait. Without `enclosing` the app gets the question alone. `places` bounds how many questions it is asked
    at once; waiting for one counts as waiting for the answer. `rate` counts a question of an account, a
    contact and an inbox, and says whose limit is reached, "" where it may be asked.
    """

    chat: Chat
    policy: Policy
    patience: Patience
    hold: Held | None = None
    started: float = field(default_factory=time.time)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    enclosing: Enclosing | None = None
    places: asyncio.Semaphore | None = None
    rate: Callable[[int, int, int], str] | None = None

    async def decide(
        self,
        work: Work,
        facts: Facts,
        said_before: Sequence[str],
        mode: Mode,
        tell: Tell,
        *,
        manner: Manner | None = None,
        desk: Desk | None = None,
    ) -> Decided:
        """What becomes of the message. `facts` are those of its episode; `tell` is told before Dify is.

        `desk` shows the customer that somebody types, and knows the contact; without it neither happens.
        """
        case = _Case(work, facts, tuple(t for t in said_before if not smalltalk(t)), mode, manner or Manner())
        if not work.text and not await self._is_seen(work):
            return _without_words(case)
        asked = work.text or case.words.look_at
        question = Question(asked, case.before, facts.was_clarified, facts.language, facts.inbox_name)
        answer = Answer(question, "", ())
        decision = by_words(question, self.policy)
        if decision is None:
            if held := self._held(mode):
                return _handed_off(case, held)
            if over := self._over(case):
                return _handed_off(case, RATE_LIMITED, over)
            follows = "going on" if facts.dify_conversation else "a new conversation"
            await tell(note(Step.ASK, f"asking Dify, {follows}", history=len(case.before)))
            try:
                async with _typing(case, desk):
                    answer = await self._ask(question, case, desk, tell)
            except ServiceError as error:
                return _handed_off(
                    case, QUOTA_SPENT if error.code == QUOTA else AI_UNAVAILABLE, error.message
                )
            decision = by_answer(answer, self.policy)
            held = self._held(mode)  # since it was asked; what is paid for is said
            if held and held != BUDGET_SPENT:
                return _handed_off(case, held)
        return Decided(
            Outcome(decision.action.value, decision.reason.value, decision.score),
            posts_for(decision, answer, case.words, mode, case.manner),
            replace(
                facts,
                dify_conversation=answer.conversation_id or facts.dify_conversation,
                was_clarified=facts.was_clarified or decision.action is Action.CLARIFY,
            ),
            (*_sources(answer), _told(decision, answer, self.policy)),
            drafted(decision, answer, case.words, self.policy) if mode is Mode.DRAFT else None,
        )

    async def _is_seen(self, work: Work) -> bool:
        """Whether the app can make something of what came without words."""
        return self.enclosing is not None and await self.enclosing.takes(work.attachments)

    def _held(self, mode: Mode) -> str:
        """Why nothing is answered now, "" when it may be."""
        if self.hold is None:
            return ""
        return self.hold.reason(self.started, to_customers=mode is Mode.REPLY)

    def _over(self, case: _Case) -> str:
        """Whose limit this question would go beyond, "" where it is within all; then it is counted."""
        if self.rate is None:
            return ""
        subject = case.work.subject
        over = self.rate(subject.account, case.work.contact, case.facts.inbox)
        if over:
            log.problem("rate_limited", bot=subject.bot, conversation=subject.conversation, why=over)
        return over

    async def _ask(self, question: Question, case: _Case, desk: Desk | None, tell: Tell) -> Answer:
        """The answer, within the patience for all attempts together."""
        try:
            async with asyncio.timeout(self.patience.answer), _place(self.places):
                files: tuple[UploadedFile, ...] = ()
                if self.enclosing is not None:
                    files, kept_back = await self.enclosing.files(case.work.attachments, case.user)
                    for sentence in kept_back:
                        await tell(note(Step.ASK, sentence))
                return await self._ask_again(question, case, desk, files)
        except TimeoutError as error:
            raise Unavailable(f"no answer within {self.patience.answer:.0f} s") from error

    async def _ask_again(
        self, question: Question, case: _Case, desk: Desk | None, files: tuple[UploadedFile, ...]
    ) -> Answer:
        attempt, conversation = 1, case.facts.dify_conversation
        inputs = {} if conversation else await self._inputs(case, desk)
        while True:
            try:
                return await self.chat.chat(
                    question, user=case.user, conversation_id=conversation, inputs=inputs, files=files
                )
            except Unavailable as error:
                if attempt >= self.patience.attempts or error.code == QUOTA:
                    raise
                await self.sleep(pause(self.patience, attempt))
                attempt += 1
            except ServiceError as error:
                # Dify forgets conversations: they are deleted there, or the key is now another app's.
                if error.status != 404 or not conversation:
                    raise
                conversation, inputs = "", await self._inputs(case, desk)

    async def _inputs(self, case: _Case, desk: Desk | None) -> Mapping[str, str]:
        """What the app is told when a Dify conversation begins."""
        if self.enclosing is None:
            return {}
        subject = case.work.subject

        async def look() -> Mapping[str, str]:
            if desk is None:
                return {}
            return dict((await desk.conversation(subject.account, subject.conversation)).contact)

        situation = Situation(
            subject.conversation, case.facts.inbox, case.manner.channel, case.words.language, case.before
        )
        return await self.enclosing.inputs(situation, look)


@dataclass(frozen=True)
class _Case:
    """A message with all that is known about answering it."""

    work: Work
    facts: Facts
    before: tuple[str, ...]
    mode: Mode
    manner: Manner

    @cached_property
    def words(self) -> Words:
        """In the language of the route, of this message, of those before it, or of the channel."""
        if self.manner.language:
            return WORDS.get(self.manner.language.partition("-")[0].casefold(), ENGLISH)
        hint = self.facts.language
        if self.before:
            hint = language_of("\n".join(self.before), hint)
        return words_for(self.work.text, hint)

    @property
    def user(self) -> str:
        return user_of(self.work.subject.account, self.work.contact)


def pause(patience: Patience, attempt: int) -> float:
    """Seconds to wait behind the attempt of this number (1 is the first), doubling up to the longest."""
    return min(patience.longest_pause, patience.first_pause * 2.0 ** min(attempt - 1, 30))


@asynccontextmanager
async def _place(places: asyncio.Semaphore | None) -> AsyncIterator[None]:
    if places is None:
        yield
        return
    async with places:
        yield


@asynccontextmanager
async def _typing(case: _Case, desk: Desk | None) -> AsyncIterator[None]:
    """The customer sees somebody type meanwhile. It holds nothing up, and whether it works is no matter."""
    if desk is None or case.mode is not Mode.REPLY:
        yield
        return
    subject = case.work.subject

    async def show() -> None:
        with suppress(ServiceError):
            await desk.type(subject.account, subject.conversation, is_on=True)

    showing = asyncio.create_task(show())
    try:
        yield
    finally:
        showing.cancel()


def _without_words(case: _Case) -> Decided:
    """Nothing that the AI could be asked. After a sticker the customer is asked for words, once."""
    kinds = {one.kind for one in case.work.attachments}
    came = ", ".join(map(str, case.work.attachments)) or "an empty message"
    if kinds == {"sticker"} and not case.facts.was_clarified and case.mode is Mode.REPLY:
        told = note(Step.DECISION, f"clarify: {because(NO_TEXT)} ({came})", action="clarify", reason=NO_TEXT)
        return Decided(
            Outcome(Action.CLARIFY.value, NO_TEXT),
            (Post(Kind.REPLY, case.words.in_words),),
            replace(case.facts, was_clarified=True),
            (told,),
        )
    return _handed_off(case, UNHEARD if "audio" in kinds else NO_TEXT, came)


def _handed_off(case: _Case, reason: str, detail: str = "") -> Decided:
    more = f" ({detail})" if detail else ""
    told = note(Step.DECISION, f"handoff: {because(reason)}{more}", action="handoff", reason=reason)
    failed = (note(Step.ERROR, detail),) if reason in {AI_UNAVAILABLE, QUOTA_SPENT} else ()
    posts = posts_without_answer(
        reason, detail, case.words, case.mode, case.manner, asked=case.work.text, before=case.before
    )
    draft = undrafted(case.work.text, reason) if case.mode is Mode.DRAFT else None
    return Decided(Outcome(Action.HANDOFF.value, reason), posts, case.facts, (*failed, told), draft)


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
