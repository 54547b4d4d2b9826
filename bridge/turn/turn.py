"""A turn up to its decision: asked, merged with what comes meanwhile, dropped when a person has it."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

from sqlalchemy import Connection

from bridge import log, rivals
from bridge.answering import pause
from bridge.chatwoot.wire import Shown
from bridge.conversation import SILENT, Facts, begin, next_step
from bridge.conversation import Step as Next
from bridge.settings import Mode
from bridge.speech import (
    CANNOT_REPLY,
    INTERNAL_ERROR,
    SAID,
    Manner,
    because,
    because_of,
    posts_opened,
    posts_unsaid,
    posts_without_answer,
)
from bridge.speech.words import words_for
from bridge.tables import alerts, known, leases, outbox, turns
from bridge.tables.leases import Lease
from bridge.tables.outbox import OUTSTANDING, Planned
from bridge.tables.trace import Note, Step, Subject, note, record
from bridge.tables.turns import Decided, Outcome, Taken
from bridge.turn.burst import Burst
from bridge.turn.desk import Desk
from bridge.turn.news import News
from bridge.turn.posting import Posting, named
from kbtool.errors import ContractBroken, Rejected, ServiceError, Unavailable
from kbtool.notify import Level, Message

_TRIES_AFTER_A_BUG = 2


class Turn:
    """The turn of one conversation that this bridge, `me`, has a lease of. It is run once."""

    def __init__(self, desk: Desk, taken: Taken, me: str, news: News) -> None:
        self._desk = desk
        self._store = desk.store
        self._patience = desk.patience(taken.work.subject.bot, taken.facts)
        self._taken = taken
        self._me = me
        self._news = news
        self._burst = Burst.of(taken.work, self._patience, desk.clock(), monotonic())

    async def run(self) -> None:
        """Deal with it, or leave it for later. Raises LeaseLost, and what is a bug or a store that fails."""
        try:
            await (self._go_on() if self._taken.posts else self._answer())
        except (Unavailable, ContractBroken) as error:
            await self._later(error)

    async def give_up(self, error: BaseException) -> None:
        """After a bug: try again, then hand off, and if even that fails let the messages be."""
        what = type(error).__name__
        work = self._taken.work
        if work.attempts < _TRIES_AFTER_A_BUG:
            await self._later(error)
            return
        subject, now = work.subject, self._desk.clock()
        words = words_for(work.text, self._taken.facts.language)
        posts = posts_without_answer(INTERNAL_ERROR, what, words, self._mode, self._manner, asked=work.text)
        told = note(Step.DECISION, f"handoff: {because(INTERNAL_ERROR)}", reason=INTERNAL_ERROR)
        failed = note(Step.ERROR, f"{what}: nothing more is tried")

        def work_around(connection: Connection) -> bool:
            leases.require(connection, subject, self._me)
            if outbox.posts_of(connection, subject):
                turns.finish(connection, work, self._me, now, failed, state="failed")
                return False
            facts = known.facts_of(connection, subject) or Facts()
            decided = Decided(Outcome("handoff", INTERNAL_ERROR), posts, facts, (told,))
            turns.plan(connection, work, decided, now, begun=False)
            turns.postpone(connection, work, self._me, now, now)
            return True

        if not await self._store.write(work_around):
            log.problem("dead_letter", **named(subject), why=what)

    async def _answer(self) -> None:
        """Ask until the answer is to what the conversation is now; then say it."""
        while True:
            taken = self._taken
            if taken.posts:  # it came up meanwhile, decided already
                await self._go_on()
                return
            step = next_step(taken.facts, taken.work.at, self._mode)
            if step in SILENT:
                await self._keep_silent(step, taken.facts.status)
                return
            decided = _opening(taken.facts, self._manner) if step is Next.OPEN else await self._ask()
            if decided is not None:
                shown = await self._shown()
                if shown is None:
                    return
                begun = await self._begin(decided, shown)
                if begun is not None:
                    if not isinstance(begun, Next) and begun:
                        await self._posting().deliver(begun, shown.status)
                    return
            if not await self._look_again():
                return

    async def _ask(self) -> Decided | None:
        """The decision, when the customer has been quiet for long enough; None where all has changed."""
        taken = self._taken
        route = self._desk.route(taken.work.subject.bot, taken.facts)
        assert route is not None  # otherwise its mode is one that asks nobody
        answering = self._desk.answering[route.name]
        decision = answering.decide(
            taken.work,
            taken.facts,
            taken.before,
            self._mode,
            self._tell,
            manner=self._manner,
            desk=self._desk.clients[taken.work.subject.bot],
        )
        return await self._news.hold_or_change(
            decision, self._has_changed, lambda: self._burst.posts_at - monotonic()
        )

    async def _has_changed(self) -> bool:
        """Whether the answer that is being waited for is not wanted any more."""
        work = self._taken.work

        def look(connection: Connection) -> bool:
            facts = known.facts_of(connection, work.subject) or Facts()
            mode = self._desk.mode(work.subject.bot, facts)
            is_wanted = next_step(begin(facts, work.at, mode), work.at, mode) is Next.ANSWER
            return not is_wanted or (self._merges and turns.has_more(connection, work))

        return await self._store.read(look)

    async def _look_again(self) -> bool:
        """Take what waits now; False where nothing does."""
        work = self._taken.work
        lease = Lease(work.subject, work.attempts)
        merges = self._merges

        def take(connection: Connection) -> Taken | None:
            leases.require(connection, work.subject, self._me)
            now = self._desk.clock()
            taken = turns.take(connection, lease, self._desk.mode, now, merges=merges)
            if taken is None:
                leases.let_go(connection, work.subject, self._me, now)
            return taken

        taken = await self._store.write(take)
        if taken is None:
            return False
        self._taken = taken
        self._burst = self._burst.grown(taken.work, self._patience, self._desk.clock(), monotonic())
        return True

    async def _begin(self, decided: Decided, shown: Shown) -> list[Planned] | Next | None:
        """Keep the decision and mark the first post, if it is still wanted: the posts, the reason for
        silence, or None where the customer has gone on writing. Between Chatwoot's word on the status and
        the post there is this one commit: that race cannot be closed, only kept short (bridge rule 11).
        """
        work, mode, merges = self._taken.work, self._mode, self._merges
        has_rival = await self._is_others(shown)

        def keep(connection: Connection) -> list[Planned] | Next | None:
            leases.require(connection, work.subject, self._me)
            facts = known.facts_of(connection, work.subject) or Facts()
            step = next_step(_seen_as(facts, shown, has_rival=has_rival), work.at, mode)
            now = self._desk.clock()
            if step is Next.RIVAL and shown.owner is not None:
                rivals.tell(connection, work.subject, shown.owner, now)
            if step in SILENT:
                turns.finish(connection, work, self._me, now, _silence(step, shown.status))
                return step
            if merges and turns.has_more(connection, work):
                return None
            final = _opening(decided.facts, self._manner) if step is Next.OPEN else decided
            if not shown.can_reply:
                final = _unsaid(final, self._manner, work.subject)
            if because_of(final.outcome.reason).is_urgent:
                alerts.keep(connection, _call(work.subject, final.outcome.reason), now)
            planned = turns.plan(connection, work, final, now)
            if not planned:
                turns.finish(connection, work, self._me, now)
            return planned

        begun = await self._store.write(keep)
        if isinstance(begun, Next):
            log.event("silent", **named(work.subject), reason=begun.value, status=shown.status)
        elif begun is not None:
            outcome = decided.outcome
            score = "none" if outcome.score is None else outcome.score
            log.event(
                "decision", **named(work.subject), action=outcome.action, reason=outcome.reason, score=score
            )
        return begun

    async def _go_on(self) -> None:
        """With what an earlier attempt had begun to post, if it is still wanted."""
        taken = self._taken
        shown = await self._shown()
        if shown is None:
            return
        facts = _seen_as(taken.facts, shown, has_rival=await self._is_others(shown))
        step = next_step(facts, taken.work.at, self._mode)
        left = [post for post in taken.posts if post.state in OUTSTANDING]
        is_last = not any(post.is_marked for post in left)
        if step in SILENT and not (is_last and (shown.status == "open" or step is Next.RIVAL)):
            await self._keep_silent(step, shown.status)
            return
        posting = self._posting()
        if step is Next.OPEN and not is_last:
            left = await posting.only_open(len(taken.posts))
        elif not shown.can_reply and any(post.kind in SAID for post in left):
            left = await posting.unsaid(left, len(taken.posts), self._manner)
        await posting.deliver(left, shown.status, is_begun=False)

    async def _shown(self) -> Shown | None:
        """The conversation as Chatwoot has it now; None where it is gone, and the turn with it."""
        subject = self._taken.work.subject
        try:
            return await self._desk.clients[subject.bot].conversation(subject.account, subject.conversation)
        except Rejected as error:
            if error.status != 404:
                raise Unavailable(error.message, status=error.status) from error
            await self._let_be(error.message)
            return None

    async def _is_others(self, shown: Shown) -> bool:
        """Whether another brain has the conversation."""
        subject = self._taken.work.subject
        return await rivals.is_others(self._store, self._desk.clients[subject.bot], subject, shown)

    async def _keep_silent(self, step: Next, status: str) -> None:
        work = self._taken.work

        def finish(connection: Connection) -> None:
            leases.require(connection, work.subject, self._me)
            outbox.drop(connection, work.subject)
            turns.finish(connection, work, self._me, self._desk.clock(), _silence(step, status))

        await self._store.write(finish)
        log.event("silent", **named(work.subject), reason=step.value, status=status)

    async def _later(self, error: BaseException) -> None:
        """Try again after a pause that grows with the attempts; let it be when it has been tried too long."""
        work, now = self._taken.work, self._desk.clock()
        said = error.message if isinstance(error, ServiceError) else type(error).__name__
        if now - work.first_at > self._patience.longest_try and isinstance(error, ServiceError):
            await self._let_be(said)
            return
        seconds = pause(self._patience, work.attempts + 1)
        told = note(Step.ERROR, f"{said}; tried again in {seconds:.0f} s")
        await self._store.write(lambda c: turns.postpone(c, work, self._me, now + seconds, now, told))
        log.problem("postponed", **named(work.subject), seconds=seconds, why=said)

    async def _let_be(self, said: str) -> None:
        """A dead letter: kept, told, and tried no more by itself."""
        work = self._taken.work
        told = note(Step.ERROR, f"{said}; nothing more is tried")
        now = self._desk.clock()
        await self._store.write(lambda c: turns.finish(c, work, self._me, now, told, state="failed"))
        log.problem("dead_letter", **named(work.subject), why=said)

    async def _tell(self, one: Note) -> None:
        subject, now = self._taken.work.subject, self._desk.clock()
        self._store.write_later(lambda c: record(c, subject, now, one))

    def _posting(self) -> Posting:
        return Posting(self._desk, self._taken.work, self._me, self._patience)

    @property
    def _manner(self) -> Manner:
        return self._desk.manner(self._taken.work.subject.bot, self._taken.facts)

    @property
    def _mode(self) -> Mode:
        return self._desk.mode(self._taken.work.subject.bot, self._taken.facts)

    @property
    def _merges(self) -> bool:
        return self._patience.quiet > 0 and monotonic() < self._burst.ends_at


def _seen_as(facts: Facts, shown: Shown, *, has_rival: bool) -> Facts:
    """The facts with what Chatwoot itself says now."""
    return replace(facts, status=shown.status, has_person=shown.has_person, has_rival=has_rival)


def _opening(facts: Facts, manner: Manner) -> Decided:
    told = note(Step.DECISION, "a person has this conversation: shown to people", reason=Next.OPEN.value)
    return Decided(Outcome("handoff", Next.OPEN.value), posts_opened(manner), facts, (told,))


def _unsaid(decided: Decided, manner: Manner, subject: Subject) -> Decided:
    """Where the channel takes no reply: people get what would have been said (bridge rule 27)."""
    if not any(post.kind in SAID for post in decided.posts):
        return decided
    log.problem(CANNOT_REPLY, **named(subject), why=because(CANNOT_REPLY))
    return replace(
        decided,
        outcome=replace(decided.outcome, action="handoff", reason=CANNOT_REPLY),
        posts=posts_unsaid(decided.posts, CANNOT_REPLY, "", manner),
        notes=(*decided.notes, note(Step.ERROR, because(CANNOT_REPLY))),
    )


def _call(subject: Subject, reason: str) -> Message:
    """For whoever is on call."""
    return Message(
        subject=f"Conversation {subject.conversation} wants a person now",
        lines=(f"Handed off: {because(reason)}.",),
        level=Level.CRITICAL,
        key=f"on_call:{subject.account}:{subject.conversation}",
        details={"account": subject.account, "conversation": subject.conversation, "reason": reason},
    )


def _silence(step: Next, status: str) -> Note:
    return note(Step.FILTER, f"silent: {step.value} (status {status or 'unknown'})", verdict=step.value)
