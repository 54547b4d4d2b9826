"""A stored conversation against today's configuration: what would be decided now, beside what was.

The Dify app is asked anew, in a conversation of its own and with today's threshold; nothing is posted, and
nothing is written into the store.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, and_, select

from bridge.answering import Answering, Chat
from bridge.conversation import Facts, begin
from bridge.events import Verdict
from bridge.operating.hops import Place
from bridge.settings import BridgeSettings, Mode, Route
from bridge.store.schema import messages
from bridge.store.schema import turns as turns_of
from bridge.tables import known
from bridge.tables.trace import Note, Subject
from bridge.tables.turns import Outcome, Work
from kbtool.errors import ConfigError

FORGOTTEN = -1
"""The contact of a message whose words are kept no more (`retention.py`)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A customer's message and what became of it; `then` is None where the bridge kept silent."""

    work: Work
    then: Outcome | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """One message: `then` and `now`, and the posts of now as (kind, text)."""

    message: int
    text: str
    then: Outcome | None
    now: Outcome
    posts: tuple[tuple[str, str], ...]

    @property
    def is_same(self) -> bool:
        return self.then is not None and self.then.action == self.now.action

    def as_json(self) -> dict[str, Any]:
        then = asdict(self.then) if self.then else None
        posts = [{"kind": kind, "text": text} for kind, text in self.posts]
        return {
            "message": self.message,
            "then": then,
            "now": asdict(self.now),
            "same": self.is_same,
            "posts": posts,
        }


def stored(connection: Connection, place: Place) -> tuple[Facts, list[Stored]]:
    """The conversation's questions in order, those of one message where the place names it."""
    m, t = messages.c, turns_of.c
    on = and_(t.bot == m.bot, t.account == m.account, t.message == m.id)
    query = (
        select(messages, t.action, t.reason, t.score)
        .outerjoin(turns_of, on)
        .where(
            m.bot == place.bot,
            m.account == place.account,
            m.conversation == place.conversation,
            m.verdict == Verdict.ASKS.value,
        )
        .order_by(m.id)
    )
    found = []
    for row in connection.execute(query):
        if row.contact == FORGOTTEN:
            raise ConfigError(f"what was said in conversation {place.conversation} is forgotten by now")
        subject = Subject(row.bot, row.account, row.conversation, row.id)
        work = Work(subject, row.text, row.at, tuple(row.attachments), row.contact, 0)
        then = Outcome(row.action, row.reason, row.score) if row.action else None
        found.append(Stored(work, then))
    if not found:
        raise ConfigError(f"conversation {place.conversation} has no question to replay")
    facts = known.facts_of(connection, found[0].work.subject) or Facts()
    return facts, found


async def replay(
    facts: Facts,
    questions: list[Stored],
    settings: BridgeSettings,
    answering_of: Callable[[Route], Answering],
    only: int = 0,
) -> list[Replayed]:
    """Each question decided again, with those before it for its history; `only` is one message's id."""
    address = questions[0].work.subject.bot
    route = settings.choose(address, facts.inbox, facts.labels)
    if route is None or route.mode is Mode.OFF:
        where = f"{address}, inbox {facts.inbox or 'unknown'}"
        raise ConfigError(f"no route of today's kb.toml answers this conversation ({where})")
    answering = answering_of(route)
    facts = replace(facts, episode_at=0.0, dify_conversation="", was_clarified=False)
    before: list[tuple[float, str]] = []
    replayed = []
    for one in questions:
        facts = begin(facts, one.work.at, route.mode)
        if not only or one.work.subject.message == only:
            history = tuple(text for at, text in before if at >= facts.episode_at)
            decided = await answering.decide(one.work, facts, history, route.mode, _tell_nobody)
            posts = tuple((post.kind.value, post.text) for post in decided.posts)
            replayed.append(
                Replayed(one.work.subject.message, one.work.text, one.then, decided.outcome, posts)
            )
            facts = decided.facts
        before.append((one.work.at, one.work.text))
    return replayed


async def _tell_nobody(_: Note) -> None:
    """There is no trace of a replay."""


def answering_of(settings: BridgeSettings, chats: Callable[[str], Chat]) -> Callable[[Route], Answering]:
    """For each route what answers it today: its app and its policy, with nothing held back."""

    def make(route: Route) -> Answering:
        return Answering(chats(route.app), settings.policy_of(route), settings.patience_of(route))

    return make
