"""A draft on its way to the customer, by the agent's own token: once, and only while it is still wanted.

    Chatwoot asked → claimed in a commit → posted, with a mark → kept as sent or edited

Chatwoot knows no idempotency. A post of unknown outcome leaves the draft `sending`; it is left by looking:
there is the mark, or the agent's own message of that text, or it is told back to us by webhook. Only what is
not there after the longest time that a post may take (`Patience.post_limit`) is open again (bridge rule 24).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from bridge import log
from bridge.chatwoot.agent import AgentClient, Later, is_text
from bridge.chatwoot.wire import Shown, is_surely_not_stored
from bridge.settings import BridgeSettings
from bridge.store import Store
from bridge.tables import drafts
from bridge.tables.drafts import ALIVE, Draft, Moved, State
from bridge.tables.trace import Step, Subject, note, record
from kbtool.errors import ContractBroken, Rejected, Unavailable

_UNPROCESSABLE = 422


class Came(StrEnum):
    """What an attempt came to; the draft's state says the rest."""

    SENT = "sent"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    CANNOT_REPLY = "cannot_reply"
    TAKEN = "taken"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Attempt:
    """`said` is Chatwoot's own sentence, where it refused."""

    came: Came
    said: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """For all agents. Methods raise what `AgentClient` and the store raise."""

    store: Store
    current: Callable[[], BridgeSettings]
    clock: Callable[[], float]

    async def send(
        self, agent: AgentClient, who: int, draft: Draft, text: str, shown: Shown, later: Sequence[Later]
    ) -> Attempt:
        """Send `text` in the place of the draft, if nothing has happened since: `shown` is the conversation
        as Chatwoot has it now, `later` what was said in it behind the draft's message.
        """
        subject = draft.subject
        if how := moved_on(draft, shown, later):
            await self._supersede(subject, how)
            return Attempt(Came.MOVED)
        if not shown.can_reply:
            return Attempt(Came.CANNOT_REPLY)
        now = self.clock()
        claimed = await self.store.write(lambda c: drafts.claim(c, subject, text, who, now))
        if claimed is None:
            return Attempt(Came.TAKEN)
        if isinstance(claimed, Moved):
            self._tell_moved(subject, claimed)
            return Attempt(Came.MOVED)
        return await self._post(agent, claimed)

    async def settle(self, agent: AgentClient, draft: Draft) -> None:
        """Look what became of a draft that is `sending`, and may be for long."""
        if await self._is_there(agent, draft):
            return
        settings = self.current()
        route = settings.route(draft.subject.bot)
        limit = (settings.patience_of(route) if route else settings.patience).post_limit
        begun = draft.decided_at or 0.0
        # By the wall clock, which may have been set back: then it began later than now.
        if not 0.0 <= self.clock() - begun <= limit:
            await self._release(draft.subject, "not in Chatwoot: it may be sent again")

    async def _post(self, agent: AgentClient, draft: Draft) -> Attempt:
        subject = draft.subject
        try:
            posted = await agent.send(subject.account, subject.conversation, draft.sent, draft.mark)
        except Rejected as error:
            if error.status == _UNPROCESSABLE:
                # Whatever goes wrong in Chatwoot is 422, also after the message was stored.
                try:
                    if await self._is_there(agent, draft):
                        return Attempt(Came.SENT)
                except (Unavailable, ContractBroken):
                    return Attempt(Came.UNKNOWN)
            await self._release(subject, error.message)
            return Attempt(Came.REFUSED, error.message)
        except (Unavailable, ContractBroken) as error:
            if is_surely_not_stored(error):
                await self._release(subject, error.message)
                return Attempt(Came.REFUSED, error.message)
            log.problem("draft_unknown", **_named(subject), status=error.status)
            return Attempt(Came.UNKNOWN)
        await self._arrived(draft, posted)
        return Attempt(Came.SENT)

    async def _is_there(self, agent: AgentClient, draft: Draft) -> bool:
        """Looked for in Chatwoot; kept as sent where it is found."""
        subject = draft.subject
        for one in await agent.after(subject.account, subject.conversation, subject.message):
            is_ours = one.sender == draft.agent and is_text(one, draft.sent)
            if one.mark == draft.mark or (is_ours and not one.mark):
                await self._arrived(draft, one.id)
                return True
        return False

    async def _arrived(self, draft: Draft, posted: int) -> None:
        subject, now = draft.subject, self.clock()

        def keep(connection: Connection) -> State | None:
            drafts.arrived(connection, subject, posted, now)
            told = note(Step.POST, "draft sent by a person", posted=posted, agent=draft.agent)
            record(connection, subject, now, told)
            kept = drafts.get(connection, subject)
            return kept.state if kept else None

        state = await self.store.write(keep)
        log.event("draft_sent", **_named(subject), state=state.value if state else "", posted=posted)

    async def _release(self, subject: Subject, why: str) -> None:
        now = self.clock()

        def release(connection: Connection) -> None:
            drafts.release(connection, subject)
            record(connection, subject, now, note(Step.ERROR, f"draft not sent: {why}"))

        await self.store.write(release)
        log.problem("draft_not_sent", **_named(subject), why=why)

    async def _supersede(self, subject: Subject, how: Moved) -> None:
        now = self.clock()
        await self.store.write(lambda c: drafts.supersede(c, subject, how, now))
        self._tell_moved(subject, how)

    def _tell_moved(self, subject: Subject, how: Moved) -> None:
        log.event("draft_superseded", **_named(subject), how=how.value)


def moved_on(draft: Draft, shown: Shown, later: Sequence[Later] = ()) -> Moved | None:
    """How the conversation moved on, as Chatwoot itself has it now."""
    for one in later:
        if one.is_customers:
            return Moved.ASKED
        if one.sender and one.mark != draft.mark:
            return Moved.ANSWERED
    return None if shown.status in ALIVE else Moved.STATUS


def _named(subject: Subject) -> dict[str, object]:
    return {
        "bot": subject.bot,
        "account": subject.account,
        "conversation": subject.conversation,
        "message": subject.message,
    }
