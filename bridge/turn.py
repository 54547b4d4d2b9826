"""One turn: a customer's message, from its claim to the last post.

    status → ask → decide → keep the decision → status again → post by post, each marked before and after

Every step can be repeated. A post whose outcome is not known is looked for by its mark, after the longest
time it may take, before it is sent again: Chatwoot itself would take it twice (bridge rule 24).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from bridge import known, log, turns
from bridge.answering import Answering, pause
from bridge.chatwoot.client import ChatwootClient
from bridge.chatwoot.wire import Shown, is_surely_not_stored
from bridge.conversation import Facts, begin, next_step
from bridge.conversation import Step as Next
from bridge.handing import act
from bridge.settings import BridgeSettings, Mode
from bridge.speech import (
    CANNOT_REPLY,
    INTERNAL_ERROR,
    POST_REFUSED,
    SAID,
    WRITTEN,
    Kind,
    Manner,
    Post,
    because,
    because_of,
    choices,
    posts_unsaid,
    posts_without_answer,
)
from bridge.store import Store
from bridge.trace import Note, Step, Subject, note, record
from bridge.turns import Decided, Outcome, Planned, State, Work
from bridge.words import words_for
from kbtool.errors import ContractBroken, Rejected, ServiceError, Unavailable
from kbtool.handoff import Action

_TRIES_AFTER_A_BUG = 2


@dataclass(frozen=True, slots=True)
class Turn:
    """How turns are taken. `clients` has Chatwoot's client for each route's name."""

    store: Store
    answering: Answering
    clients: Mapping[str, ChatwootClient]
    settings: BridgeSettings
    clock: Callable[[], float] = time.time

    async def take(self, work: Work) -> None:
        """Deal with the message, or leave it for later. Raises only what is a bug, or a store that fails."""
        try:
            if await self._is_planned(work):
                await self._deliver(work)
        except (Unavailable, ContractBroken) as error:
            await self._later(work, error, pause(self.settings.patience, work.attempts + 1))

    async def give_up(self, work: Work, error: BaseException) -> None:
        """After a bug: try again, then hand off, and if even that fails let the message be."""
        what = type(error).__name__
        if work.attempts < _TRIES_AFTER_A_BUG:
            await self._later(work, error, pause(self.settings.patience, work.attempts + 1))
            return
        subject, now = work.subject, self.clock()
        posts = posts_without_answer(INTERNAL_ERROR, what, words_for(work.text), self._mode(subject))
        told = note(Step.DECISION, f"handoff: {because(INTERNAL_ERROR)}", reason=INTERNAL_ERROR)
        failed = note(Step.ERROR, f"{what}: nothing more is tried")

        def work_around(connection: Connection) -> None:
            if turns.posts_of(connection, subject):
                turns.finish(connection, subject, now, failed, state="failed")
                return
            facts = known.facts_of(connection, subject) or Facts()
            decided = Decided(Outcome("handoff", INTERNAL_ERROR), posts, facts, (told,))
            turns.plan(connection, subject, decided, now)
            turns.postpone(connection, subject, now, now)

        await self.store.write(work_around)

    async def _is_planned(self, work: Work) -> bool:
        """Decide, unless it is decided; False where the bot keeps silent."""
        subject = work.subject

        def look(connection: Connection) -> tuple[bool, Facts, tuple[str, ...]]:
            facts = begin(known.facts_of(connection, subject) or Facts(), work.at)
            before = turns.history(connection, subject, facts.episode_at)
            return bool(turns.posts_of(connection, subject)), facts, before

        is_decided, facts, before = await self.store.read(look)
        if is_decided:
            return True
        mode = self._mode(subject)
        step = next_step(facts, work.at, mode)
        if step in {Next.NOT_PENDING, Next.ANSWERED}:
            await self._silent(subject, step, facts.status)
            return False
        if step is Next.OPEN:
            told = note(Step.DECISION, "a person has this conversation: shown to people", reason=step.value)
            decided = Decided(Outcome("handoff", step.value), (Post(Kind.OPEN),), facts, (told,))
        else:

            def tell(one: Note) -> Awaitable[None]:
                return self._tell(subject, one)

            manner, desk = self._manner(subject, facts), self.clients[subject.bot]
            decided = await self.answering.decide(work, facts, before, mode, tell, manner=manner, desk=desk)
        outcome, now = decided.outcome, self.clock()
        row = because_of(outcome.reason)
        if outcome.action == Action.HANDOFF and (row.is_alarm or row.is_urgent):
            what = "on_call" if row.is_urgent else "alarm"
            log.problem(what, **_named(subject), reason=outcome.reason)
        await self.store.write(lambda c: turns.plan(c, subject, decided, now))
        log.event(
            "decision",
            **_named(subject),
            action=outcome.action,
            reason=outcome.reason,
            score="none" if outcome.score is None else outcome.score,
        )
        return True

    async def _deliver(self, work: Work) -> None:
        """Post what is planned, if it is still wanted."""
        subject = work.subject
        client = self.clients[subject.bot]
        try:
            shown = await client.conversation(subject.account, subject.conversation)
        except Rejected as error:
            if error.status != 404:
                raise Unavailable(error.message, status=error.status) from error
            await self._failed(subject, error)
            return

        def look(connection: Connection) -> tuple[Facts, list[Planned]]:
            return known.facts_of(connection, subject) or Facts(), turns.posts_of(connection, subject)

        facts, planned = await self.store.read(look)
        now_known = replace(facts, status=shown.status, has_person=shown.has_person)
        step = next_step(now_known, work.at, self._mode(subject))
        waiting = [post for post in planned if post.state in {State.PLANNED, State.SENDING}]
        is_over = not any(post.kind in WRITTEN for post in waiting)
        if step in {Next.NOT_PENDING, Next.ANSWERED} and not (is_over and shown.status == "open"):
            await self._silent(subject, step, shown.status)
            return
        if step is Next.OPEN and not is_over:
            waiting = await self._only_open(subject, len(planned))
        elif not shown.can_reply and any(post.kind in SAID for post in waiting):
            waiting = await self._unsaid(subject, waiting, len(planned), facts)
        for post in waiting:
            if not await self._send(work, post, shown):
                return
        await self.store.write(lambda c: turns.finish(c, subject, self.clock()))

    async def _send(self, work: Work, post: Planned, shown: Shown) -> bool:
        """One post; False where the turn does not go on behind it for now."""
        subject, settles = work.subject, self.settings.patience.settles
        if post.kind not in WRITTEN:
            return await self._act(subject, post, shown)
        if post.state is State.SENDING:
            if self.clock() < post.begun_at + settles:
                await self._wait(subject, post.begun_at + settles)
                return False
            if await self._is_there(work, post, shown):
                await self._sent(subject, post, None, "found in Chatwoot by its mark, not posted again")
                return True
        await self._set(subject, post, State.SENDING)
        text, options = choices(Post(post.kind, post.text))
        try:
            posted = await self.clients[subject.bot].post(
                subject.account,
                subject.conversation,
                text,
                is_private=post.kind is Kind.NOTE,
                mark=post.mark(subject),
                options=options,
            )
        except Rejected as error:
            await self._refused(subject, post, error)
            return False
        except (Unavailable, ContractBroken) as error:
            if is_surely_not_stored(error):
                await self._set(subject, post, State.PLANNED)
                raise
            await self._later(work, error, settles)
            return False
        await self._sent(subject, post, posted, "posted")
        return True

    async def _open(self, subject: Subject, post: Planned, shown: Shown) -> bool:
        """Give the conversation to people. Repeating it does no harm."""
        told = note(Step.HANDOFF, "open already")
        if shown.status != "open":
            try:
                status = await self.clients[subject.bot].open(subject.account, subject.conversation)
            except Rejected as error:
                await self._set(subject, post, State.REFUSED, note(Step.ERROR, error.message))
                log.problem("open_refused", **_named(subject), status=error.status)
                return True
            told = note(Step.HANDOFF, f"conversation is {status}: people see it now", status=status)
        await self._set(subject, post, State.SENT, told)
        log.event("handoff", **_named(subject))
        return True

    async def _act(self, subject: Subject, post: Planned, shown: Shown) -> bool:
        """What is no message. If Chatwoot refuses that, it must not keep people from the customer."""
        if post.kind is Kind.OPEN:
            return await self._open(subject, post, shown)
        client = self.clients[subject.bot]
        try:
            told = await act(client, subject.account, subject.conversation, Post(post.kind, post.text))
        except Rejected as error:
            await self._set(subject, post, State.REFUSED, note(Step.ERROR, error.message))
            log.problem("act_refused", **_named(subject), kind=post.kind.value, status=error.status)
            return True
        await self._set(subject, post, State.SENT, told)
        return True

    async def _refused(self, subject: Subject, post: Planned, error: Rejected) -> None:
        """Chatwoot does not take a post: a person must then have the conversation."""
        log.problem("post_refused", **_named(subject), kind=post.kind.value, status=error.status)
        now = self.clock()

        def refuse(connection: Connection) -> None:
            failed = note(Step.ERROR, error.message, kind=post.kind.value)
            turns.set_post(connection, subject, post.number, State.REFUSED, now=now, notes=[failed])
            planned = turns.posts_of(connection, subject)
            if not any(other.kind is Kind.OPEN for other in planned):
                why = Post(Kind.NOTE, f"Handed off: {because(POST_REFUSED)} ({error.message}).")
                turns.add_posts(connection, subject, (why, Post(Kind.OPEN)), first=len(planned))
            turns.postpone(connection, subject, now, now)

        await self.store.write(refuse)

    async def _is_there(self, work: Work, post: Planned, shown: Shown) -> bool:
        """Whether a post is in Chatwoot: told back to us, listed, or among the conversation's last."""
        subject, mark = work.subject, post.mark(work.subject)
        if mark in shown.marks or await self.store.read(lambda c: turns.has_echo(c, subject, mark)):
            return True
        try:
            listed = await self.clients[subject.bot].marks_after(
                subject.account, subject.conversation, subject.message
            )
        except Rejected as error:
            log.problem("user_token_refused", **_named(subject), status=error.status)
            return False
        return listed is not None and mark in listed

    async def _only_open(self, subject: Subject, count: int) -> list[Planned]:
        """A person has spoken meanwhile: nothing is said, and the conversation is shown to people."""

        def replan(connection: Connection) -> list[Planned]:
            turns.drop_posts(connection, subject)
            turns.add_posts(connection, subject, (Post(Kind.OPEN),), first=count)
            told = note(Step.FILTER, "a person has spoken meanwhile: not posted")
            record(connection, subject, self.clock(), told)
            return [post for post in turns.posts_of(connection, subject) if post.state is State.PLANNED]

        return await self.store.write(replan)

    async def _unsaid(
        self, subject: Subject, waiting: Sequence[Planned], count: int, facts: Facts
    ) -> list[Planned]:
        """The channel takes no reply any more: people get it instead (bridge rule 27)."""
        planned = [Post(post.kind, post.text) for post in waiting]
        posts = posts_unsaid(planned, CANNOT_REPLY, "", self._manner(subject, facts))

        def replan(connection: Connection) -> list[Planned]:
            turns.drop_posts(connection, subject)
            turns.add_posts(connection, subject, posts, first=count)
            record(connection, subject, self.clock(), note(Step.ERROR, because(CANNOT_REPLY)))
            return [post for post in turns.posts_of(connection, subject) if post.state is State.PLANNED]

        log.problem("cannot_reply", **_named(subject))
        return await self.store.write(replan)

    async def _silent(self, subject: Subject, step: Next, status: str) -> None:
        def finish(connection: Connection) -> None:
            turns.drop_posts(connection, subject)
            why = f"silent: {step.value} (status {status or 'unknown'})"
            told = note(Step.FILTER, why, verdict=step.value)
            turns.finish(connection, subject, self.clock(), told)

        await self.store.write(finish)
        log.event("silent", **_named(subject), reason=step.value, status=status)

    async def _sent(self, subject: Subject, post: Planned, posted: int | None, how: str) -> None:
        who = "private note" if post.kind is Kind.NOTE else "reply"
        told = note(Step.POST, f"{who} {how}", kind=post.kind.value, posted=posted)
        now = self.clock()
        await self.store.write(
            lambda c: turns.set_post(
                c, subject, post.number, State.SENT, now=now, posted=posted, notes=[told]
            )
        )
        log.event("post", **_named(subject), kind=post.kind.value, posted=posted or "found")

    async def _set(self, subject: Subject, post: Planned, state: State, *notes: Note) -> None:
        now = self.clock()
        await self.store.write(lambda c: turns.set_post(c, subject, post.number, state, now=now, notes=notes))

    async def _tell(self, subject: Subject, one: Note) -> None:
        now = self.clock()
        await self.store.write(lambda c: record(c, subject, now, one))

    async def _wait(self, subject: Subject, until: float) -> None:
        await self.store.write(lambda c: turns.postpone(c, subject, until, self.clock()))

    async def _later(self, work: Work, error: BaseException, seconds: float) -> None:
        said = error.message if isinstance(error, ServiceError) else type(error).__name__
        told = note(Step.ERROR, f"{said}; tried again in {seconds:.0f} s")
        now = self.clock()
        await self.store.write(lambda c: turns.postpone(c, work.subject, now + seconds, now, told))
        log.problem("postponed", **_named(work.subject), seconds=seconds, why=said)

    async def _failed(self, subject: Subject, error: ServiceError) -> None:
        told = note(Step.ERROR, f"{error.message}; nothing more is tried")
        await self.store.write(lambda c: turns.finish(c, subject, self.clock(), told, state="failed"))
        log.problem("failed", **_named(subject), status=error.status)

    def _manner(self, subject: Subject, facts: Facts) -> Manner:
        """How to speak in this conversation."""
        route = self.settings.route(subject.bot)
        if route is None:
            return Manner(channel=facts.channel)
        return Manner(channel=facts.channel, language=route.language, forwarding=route.forwarding)

    def _mode(self, subject: Subject) -> Mode:
        route = self.settings.route(subject.bot)
        return route.mode if route else Mode.DRAFT


def _named(subject: Subject) -> dict[str, object]:
    return {
        "bot": subject.bot,
        "account": subject.account,
        "conversation": subject.conversation,
        "message": subject.message,
    }
