"""The way of one customer's message, until where it stopped: delivery, filter, decision, post, echo, channel.

The latest one of our inboxes, or the latest of the conversation that is asked for. No words of it are shown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, and_, select

from bridge.chatwoot.admin import Admin, Listed
from bridge.doctor.arrival import PRIVATE
from bridge.doctor.scene import Known, Scene
from bridge.events import Verdict
from bridge.speech.reasons import AI_UNAVAILABLE, DEGRADED, INTERNAL_ERROR, QUOTA_SPENT, because
from bridge.store.schema import messages, posts, trace, turns
from bridge.tables.outbox import State
from bridge.tables.trace import Step
from kbtool.doctor.finding import Finding, fine, note, problem
from kbtool.errors import KbtoolError, ServiceError

BOT_FAILED = "error with the agent bot"
"""Of the sentence with which Chatwoot opens a conversation whose bot it could not reach: an activity, which
no webhook brings (contract §2). Other languages have other words.
"""
ON_ITS_WAY = 60.0
"""Seconds within which nothing that is missing is a fault yet."""
INCOMING, ACTIVITY = 0, 2
FAULTS = {
    AI_UNAVAILABLE: "kbtool doctor dify looks at the app.",
    QUOTA_SPENT: "Add credit at the model's provider, in Dify: Settings › Model Provider.",
    DEGRADED: "In the app in Dify: Features › Citations and attributions.",
    INTERNAL_ERROR: "Look at the bridge's log, and write to us.",
}
"""Reasons of a handoff that are nobody's decision, and what to do."""
_TRACE = "kbtool bridge trace shows its way."


@dataclass(frozen=True, slots=True)
class Followed:
    """A message in Chatwoot, and what of its conversation came behind it."""

    address: str
    account: int
    conversation: int
    status: str
    listed: Listed
    behind: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store knows of it; `turn` is the message with which it was answered. Empty: nothing."""

    verdict: str
    state: str
    turn: int
    action: str = ""
    reason: str = ""
    posts: tuple[tuple[str, str, int], ...] = ()
    errors: tuple[str, ...] = ()
    echoes: frozenset[int] = frozenset()


async def look(scene: Scene, known: Known) -> AsyncIterator[Finding]:
    if known.admin is None or not known.bots:
        return
    try:
        followed = await _latest(scene, known, known.admin)
    except ServiceError as error:
        yield note("message", error.message, error.hint or "Try again.")
        return
    if followed is None:
        said = "no customer has written into these inboxes yet, as far as Chatwoot lists"
        yield note("message", said, "Write one in the widget, then: kbtool doctor bridge")
        return
    when = datetime.fromtimestamp(followed.listed.at, UTC).isoformat(timespec="seconds")
    yield fine("message", f"{followed.listed.id} of conversation {followed.conversation}, {when}")
    try:
        with scene.visit() as connection:
            kept = _kept(connection, followed)
    except KbtoolError as error:
        yield note(
            "message", f"how it went on is not to be seen: {error.message}", "Run it beside the store."
        )
        return
    is_new = scene.clock() - followed.listed.at < ON_ITS_WAY
    if kept is None:
        yield _lost(followed, known, is_new=is_new)
        return
    for finding in _way(followed, kept, is_new=is_new):
        yield finding


async def _latest(scene: Scene, known: Known, admin: Admin) -> Followed | None:
    found: list[Followed] = []
    for address, inboxes in known.inboxes.items():
        account, _ = known.bots[address]
        for inbox in inboxes:
            talks = await admin.conversations(account, inbox.id)
            wanted = [one for one in talks if scene.conversation in {0, one.id}]
            for talk in sorted(wanted, key=lambda one: one.at, reverse=True)[:1]:
                listed = await admin.messages(account, talk.id)
                asked = [one for one in listed if one.kind == INCOMING and not one.is_private]
                if asked:
                    last = asked[-1]
                    behind = tuple(one for one in listed if one.id > last.id)
                    found.append(Followed(address, account, talk.id, talk.status, last, behind))
    return max(found, key=lambda one: one.listed.id, default=None)


def _lost(followed: Followed, known: Known, *, is_new: bool) -> Finding:
    """It is in Chatwoot, and never came to us."""
    if any(one.kind == ACTIVITY and BOT_FAILED in one.text for one in followed.behind):
        said = "Chatwoot could not deliver it, and opened the conversation"
        remedy = PRIVATE if known.is_private else "What `arrival` says above; was the bridge down then?"
        return problem("private network" if known.is_private else "delivery", said, remedy)
    if followed.status == "pending":
        if is_new:
            return note("delivery", "it has not come yet", "Look again in a minute: kbtool doctor bridge")
        said = "it waits in Chatwoot, and was never sent"
        return problem("delivery", said, "Is Chatwoot's Sidekiq running, with the queue `high`?")
    said = f"the conversation is {followed.status}, and it was never sent: the inbox calls no bot"
    return problem(
        "delivery",
        said,
        "Its bot is switched off there, or was connected later. Connect it anew: Settings › Inboxes › the "
        "inbox › Bot Configuration; then write in a new conversation.",
    )


def _kept(connection: Connection, followed: Followed) -> Kept | None:
    m, t, p = messages.c, turns.c, posts.c
    bot, account = followed.address, followed.account
    row = connection.execute(
        select(m.verdict, m.state, m.turn).where(
            m.bot == bot, m.account == account, m.id == followed.listed.id
        )
    ).first()
    if row is None:
        return None
    turn = row.turn or followed.listed.id
    decided = connection.execute(
        select(t.action, t.reason).where(t.bot == bot, t.account == account, t.message == turn)
    ).first()
    sent = connection.execute(
        select(p.kind, p.state, p.posted)
        .where(p.bot == bot, p.account == account, p.message == turn)
        .order_by(p.number)
    ).all()
    numbers = [one.posted for one in sent if one.posted]
    echoes = connection.execute(
        select(m.id).where(m.bot == bot, m.account == account, m.id.in_(numbers))
    ).scalars()
    told = connection.execute(
        select(trace.c.text)
        .where(
            and_(trace.c.bot == bot, trace.c.account == account, trace.c.message == turn),
            trace.c.step == Step.ERROR.value,
        )
        .order_by(trace.c.id)
    ).scalars()
    return Kept(
        row.verdict,
        row.state,
        turn,
        decided.action if decided else "",
        decided.reason if decided else "",
        tuple((one.kind, one.state, one.posted or 0) for one in sent),
        tuple(told),
        frozenset(echoes),
    )


def _way(followed: Followed, kept: Kept, *, is_new: bool) -> Iterator[Finding]:
    """Hop by hop; the first that it did not pass is the last that is told."""
    yield fine("delivery", "came, and was kept")
    if kept.verdict != Verdict.ASKS.value:
        said = f"the bridge says nothing to it: {kept.verdict}"
        yield problem(
            "filter", said, "That is a rule of its own (docs/bridge.md), or `inboxes` of the route."
        )
        return
    yield fine("filter", "wants an answer")
    if not kept.action:
        yield _undecided(kept, is_new=is_new)
        return
    yield _decision(kept)
    refused = [kind for kind, state, _ in kept.posts if state == State.REFUSED.value]
    if refused:
        why = f": {kept.errors[-1]}" if kept.errors else ""
        yield problem("post", f"Chatwoot did not take the {refused[0]}{why}", _TRACE)
        return
    left = [kind for kind, state, _ in kept.posts if state in {State.PLANNED.value, State.SENDING.value}]
    if left:
        said = f"the {left[0]} is not out yet"
        yield (
            note("post", said, f"kbtool bridge trace {followed.conversation}")
            if is_new
            else problem("post", said, f"Is Chatwoot slow? kbtool bridge trace {followed.conversation}")
        )
        return
    posted = [number for _, _, number in kept.posts if number]
    yield fine("post", f"{len(posted)} in Chatwoot")
    missing = [number for number in posted if number not in kept.echoes]
    if missing and not is_new:
        said = f"message {missing[0]} of ours did not come back as a webhook"
        yield problem(
            "echo", said, "Chatwoot's later deliveries are lost: look at `arrival`, and at its Sidekiq."
        )
        return
    yield from _delivered(followed.behind, posted)


def _decision(kept: Kept) -> Finding:
    remedy = FAULTS.get(kept.reason)
    if remedy is not None:
        why = f": {kept.errors[-1]}" if kept.errors else ""
        return problem("decision", f"{kept.action}, {because(kept.reason)}{why}", remedy)
    return fine("decision", f"{kept.action}: {because(kept.reason)}" if kept.action != "reply" else "reply")


def _undecided(kept: Kept, *, is_new: bool) -> Finding:
    if kept.errors:
        return problem("turn", kept.errors[-1], _TRACE)
    if kept.state == "done":
        return note("turn", "left alone: a person had the conversation, or it was not pending", _TRACE)
    if is_new:
        return note("turn", "is under way", "Look again in a minute: kbtool doctor bridge")
    return problem("turn", "still waits for its turn", "Is the bridge up? Is Dify slow? (docs/operations.md)")


def _delivered(behind: Sequence[Listed], posted: Sequence[int]) -> Iterator[Finding]:
    own = [one for one in behind if one.id in posted and not one.is_private]
    failed = next((one for one in own if one.status == "failed" or one.error), None)
    if failed is not None:
        said = f"the channel did not deliver message {failed.id}: {failed.error or failed.status}"
        yield problem(
            "channel", said, "Look at the inbox's connection in Chatwoot, and at its messaging window."
        )
    elif own:
        yield fine("channel", ", ".join(dict.fromkeys(one.status or "sent" for one in own)))
