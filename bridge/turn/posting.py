"""A turn from its decision on: post by post, each marked before it is sent and after.

A post whose outcome is not known is looked for by its mark, again after the longest time that a post may
take, before it is sent a second time: Chatwoot itself would take it twice (bridge rule 24).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sqlalchemy import Connection

from bridge import log
from bridge.chatwoot.wire import is_surely_not_stored
from bridge.conversation import SILENT, Facts, next_step
from bridge.conversation import Step as Next
from bridge.settings import Patience
from bridge.speech import (
    CANNOT_REPLY,
    POST_REFUSED,
    SAID,
    Kind,
    Manner,
    Post,
    because,
    choices,
    posts_opened,
    posts_unsaid,
)
from bridge.tables import known, leases, outbox, turns
from bridge.tables.outbox import Planned, State
from bridge.tables.trace import Note, Step, Subject, note, record
from bridge.tables.turns import Work
from bridge.turn.desk import Desk
from bridge.turn.handing import act
from kbtool.errors import ContractBroken, Rejected, Unavailable

_UNPROCESSABLE = 422
_ECHO_EVERY = 0.5
"""Seconds between two looks for a post that Chatwoot tells us of itself."""


class Posting:
    """The posts of one turn, for the bridge `me`. Each call may raise Unavailable, and LeaseLost."""

    def __init__(self, desk: Desk, work: Work, me: str, patience: Patience) -> None:
        self._desk = desk
        self._store = desk.store
        self._patience = patience
        self._client = desk.clients[work.subject.bot]
        self._work = work
        self._subject = work.subject
        self._me = me

    async def deliver(self, posts: Sequence[Planned], status: str, *, is_begun: bool = True) -> None:
        """Send the posts in order and end the turn. `is_begun` where this turn has just marked the first."""
        left = list(posts)
        if not left:
            await self._end("done")
        while left:
            post, *behind = left
            if post.is_marked:
                left = await self._send(post, behind, is_begun=is_begun)
            else:
                left = await self._act(post, behind, status)
            is_begun = True

    async def only_open(self, count: int) -> list[Planned]:
        """A person has spoken meanwhile: nothing is said, and the conversation is shown to people."""
        return await self._store.write(lambda c: self._only_open(c, count))

    async def unsaid(self, left: Sequence[Planned], count: int, manner: Manner) -> list[Planned]:
        """The channel takes no reply any more: people get what was left to say (bridge rule 27)."""
        posts = posts_unsaid([post.post for post in left], CANNOT_REPLY, "", manner)
        log.problem(CANNOT_REPLY, **named(self._subject), why=because(CANNOT_REPLY))

        def replan(connection: Connection) -> list[Planned]:
            leases.require(connection, self._subject, self._me)
            outbox.drop(connection, self._subject)
            now = self._desk.clock()
            record(connection, self._subject, now, note(Step.ERROR, because(CANNOT_REPLY)))
            return outbox.add(connection, self._subject, posts, first=count, now=now, begun=False)

        return await self._store.write(replan)

    async def _send(self, post: Planned, behind: list[Planned], *, is_begun: bool) -> list[Planned]:
        """What is left to do after this post."""
        if not is_begun:
            if post.state is State.SENDING and await self._turns_up(post):
                return await self._sent(post, behind, None, "found in Chatwoot by its mark, not posted again")
            await self._set(post, State.SENDING)
        try:
            if not is_begun and post.state is State.SENDING:
                await self._require_marks()
            posted = await self._post(post)
        except Rejected as error:
            return await self._refused(post, behind, error)
        if posted is None:
            return await self._sent(post, behind, None, "found in Chatwoot by its mark, not posted again")
        return await self._sent(post, behind, posted, "posted")

    async def _post(self, post: Planned) -> int | None:
        """The id of the message; None where it was there without our having been told.

        Chatwoot answers 422 to whatever goes wrong in it, also to what would go right a moment later, and
        after the message was stored: so that is looked at, and tried once more.
        """
        try:
            return await self._call(post)
        except Rejected as error:
            if error.status != _UNPROCESSABLE:
                raise
            if await self._is_there(post):
                return None
            await asyncio.sleep(self._patience.first_pause)
            return await self._call(post)
        except (Unavailable, ContractBroken) as error:
            if is_surely_not_stored(error):
                await self._set(post, State.PLANNED)
                raise
            lost = note(Step.ERROR, f"{error.message}; it may have been posted, looking for it")
            await self._note(lost)
            log.problem("post_unknown", **named(self._subject), kind=post.kind.value, status=error.status)
            if await self._turns_up(post):
                return None
            await self._require_marks()
            return await self._call(post)

    async def _require_marks(self) -> None:
        """What is not found was not posted, unless this Chatwoot drops what it would be found by."""
        if await self._store.read(lambda c: outbox.keeps_marks(c, self._subject.bot)) is False:
            raise Rejected("it cannot be told whether this was posted: Chatwoot does not keep our mark")

    async def _call(self, post: Planned) -> int:
        subject = self._subject
        text, options = choices(post.post)
        return await self._client.post(
            subject.account,
            subject.conversation,
            text,
            is_private=post.kind is Kind.NOTE,
            mark=post.mark(subject),
            options=options,
        )

    async def _turns_up(self, post: Planned) -> bool:
        """Whether the post is in Chatwoot, now or at the end of the longest time that one may take.

        Measured from now, whatever the clock said when it was sent: clocks jump, and differ.
        """
        if await self._is_there(post):
            return True
        mark = post.mark(self._subject)
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience.post_limit
        while (rest := until - loop.time()) > 0:
            await asyncio.sleep(min(rest, _ECHO_EVERY))
            if await self._store.read(lambda c: outbox.has_echo(c, self._subject, mark)):
                return True
        return await self._is_there(post)

    async def _is_there(self, post: Planned) -> bool:
        """Told back to us, among the conversation's last, or listed: the last needs the user token."""
        subject, mark = self._subject, post.mark(self._subject)
        if await self._store.read(lambda c: outbox.has_echo(c, subject, mark)):
            return True
        shown = await self._client.conversation(subject.account, subject.conversation)
        if mark in shown.marks:
            return True
        try:
            listed = await self._client.marks_after(subject.account, subject.conversation, subject.message)
        except Rejected as error:
            log.problem("user_token_refused", **named(subject), status=error.status)
            return False
        return listed is not None and mark in listed

    async def _act(self, post: Planned, behind: list[Planned], status: str) -> list[Planned]:
        """What is no message. Where Chatwoot refuses labels, priority or team, people get the rest."""
        if post.kind is Kind.OPEN:
            return await self._open(post, behind, status)
        subject = self._subject
        try:
            told = await act(self._client, subject.account, subject.conversation, post.post)
        except Rejected as error:
            log.problem("act_refused", **named(subject), kind=post.kind.value, status=error.status)
            told = note(Step.ERROR, error.message, kind=post.kind.value)
        return await self._store.write(lambda c: self._advance(c, post, behind, None, told))

    async def _open(self, post: Planned, behind: list[Planned], status: str) -> list[Planned]:
        """Give the conversation to people. Repeating it does no harm."""
        subject = self._subject
        told = note(Step.HANDOFF, "open already")
        if status != "open":
            try:
                after = await self._client.open(subject.account, subject.conversation)
            except Rejected as error:
                log.problem("dead_letter", **named(subject), status=error.status, why=error.message)
                await self._end("failed", post, note(Step.ERROR, f"{error.message}; nothing more is tried"))
                return []
            told = note(Step.HANDOFF, f"conversation is {after}: people see it now", status=after)
        left = await self._store.write(lambda c: self._advance(c, post, behind, None, told))
        log.event("handoff", **named(subject))
        return left

    async def _sent(
        self, post: Planned, behind: list[Planned], posted: int | None, how: str
    ) -> list[Planned]:
        who = "private note" if post.kind is Kind.NOTE else "reply"
        told = note(Step.POST, f"{who} {how}", kind=post.kind.value, posted=posted)
        left = await self._store.write(lambda c: self._advance(c, post, behind, posted, told))
        log.event("post", **named(self._subject), kind=post.kind.value, posted=posted or "found")
        return left

    def _advance(
        self, connection: Connection, post: Planned, behind: list[Planned], posted: int | None, told: Note
    ) -> list[Planned]:
        """One post done and the next begun, or the turn ended, in one commit; that requires the lease too."""
        if behind:
            leases.require(connection, self._subject, self._me)
        now = self._desk.clock()
        outbox.set_post(
            connection, self._subject, post.number, State.SENT, now=now, posted=posted, notes=[told]
        )
        if behind and behind[0].kind in SAID:
            step = self._step(connection)
            if step in SILENT:
                outbox.drop(connection, self._subject)
                behind = []
            elif step is Next.OPEN:
                behind = self._only_open(connection, behind[-1].number + 1)
        return self._begin_next(connection, behind, now)

    def _begin_next(self, connection: Connection, behind: list[Planned], now: float) -> list[Planned]:
        if not behind:
            turns.finish(connection, self._work, self._me, now)
        elif behind[0].is_marked:
            outbox.set_post(connection, self._subject, behind[0].number, State.SENDING, now=now)
        return behind

    def _step(self, connection: Connection) -> Next:
        """Whether a person has spoken, or the status changed, since the first post."""
        facts = known.facts_of(connection, self._subject) or Facts()
        return next_step(facts, self._work.at, self._desk.mode(self._subject.bot, facts))

    def _manner(self, connection: Connection) -> Manner:
        facts = known.facts_of(connection, self._subject) or Facts()
        return self._desk.manner(self._subject.bot, facts)

    def _only_open(self, connection: Connection, count: int) -> list[Planned]:
        leases.require(connection, self._subject, self._me)
        outbox.drop(connection, self._subject)
        now = self._desk.clock()
        record(connection, self._subject, now, note(Step.FILTER, "a person has spoken meanwhile: not posted"))
        opened = posts_opened(self._manner(connection))
        return outbox.add(connection, self._subject, opened, first=count, now=now, begun=False)

    async def _refused(self, post: Planned, behind: list[Planned], error: Rejected) -> list[Planned]:
        """Chatwoot does not take a post: a person must then have the conversation."""
        log.problem("post_refused", **named(self._subject), kind=post.kind.value, status=error.status)
        failed = note(Step.ERROR, error.message, kind=post.kind.value)
        why = Post(Kind.NOTE, f"Handed off: {because(POST_REFUSED)} ({error.message}).")

        def refuse(connection: Connection) -> list[Planned]:
            leases.require(connection, self._subject, self._me)
            now = self._desk.clock()
            outbox.set_post(connection, self._subject, post.number, State.REFUSED, now=now, notes=[failed])
            left = [other for other in behind if other.kind not in SAID]
            if not any(other.kind is Kind.OPEN for other in left):
                first = (behind[-1] if behind else post).number + 1
                wanted = (why, *posts_opened(self._manner(connection)))
                left += outbox.add(connection, self._subject, wanted, first=first, now=now, begun=False)
            return self._begin_next(connection, left, now)

        return await self._store.write(refuse)

    async def _end(self, state: str, refused: Planned | None = None, *notes: Note) -> None:
        def end(connection: Connection) -> None:
            now = self._desk.clock()
            if refused is not None:
                outbox.set_post(connection, self._subject, refused.number, State.REFUSED, now=now)
            turns.finish(connection, self._work, self._me, now, *notes, state=state)

        await self._store.write(end)

    async def _set(self, post: Planned, state: State) -> None:
        def put(connection: Connection) -> None:
            leases.require(connection, self._subject, self._me)
            outbox.set_post(connection, self._subject, post.number, state, now=self._desk.clock())

        await self._store.write(put)

    async def _note(self, one: Note) -> None:
        now = self._desk.clock()
        await self._store.write(lambda c: record(c, self._subject, now, one))


def named(subject: Subject) -> dict[str, object]:
    """The subject for a line of the log."""
    return {
        "bot": subject.bot,
        "account": subject.account,
        "conversation": subject.conversation,
        "message": subject.message,
    }
