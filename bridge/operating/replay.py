"""A stored conversation against today's configuration: what would be decided now, beside what was.

The Dify app is asked anew, in a conversation of its own and with today's threshold, with its variables and
the customer's files as a turn has them; nothing is posted, nobody is shown to type, and nothing is written
into the store. What cannot be had any more, mostly files whose addresses were good for a while, is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import httpx
from sqlalchemy import Connection, Row, and_, select

from bridge.answering import Answering, Chat, Desk
from bridge.asking.enclosing import App, Enclosing
from bridge.asking.fetch import Fetcher
from bridge.chatwoot.client import ChatwootClient
from bridge.chatwoot.wire import Shown
from bridge.conversation import Facts, begin
from bridge.events import Verdict
from bridge.operating.hops import Place
from bridge.settings import BridgeSettings, Mode, Route
from bridge.store.schema import messages
from bridge.store.schema import turns as turns_of
from bridge.tables import known
from bridge.tables.trace import Note, Subject
from bridge.tables.turns import HISTORY, Outcome, Work, work_of
from bridge.turn.desk import manner_of
from kbtool.errors import ConfigError

FORGOTTEN = -1
"""The contact of a message whose words are kept no more (`retention.py`)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a customer wrote and what became of it; `then` is None where the bridge kept silent. `said` has
    when each message was written, and its words.
    """

    work: Work
    then: Outcome | None
    said: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Replayed:
    """One turn, named by its newest message: `then` and `now`, and the posts of now as (kind, text).
    `lacking` are sentences about what was not asked along.
    """

    message: int
    text: str
    then: Outcome | None
    now: Outcome
    posts: tuple[tuple[str, str], ...]
    lacking: tuple[str, ...] = ()

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
            "lacking": list(self.lacking),
        }


def stored(connection: Connection, place: Place) -> tuple[Facts, list[Stored]]:
    """What is known of the conversation, and its questions in order; what was taken together is one."""
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
    turns: dict[int, list[Row[Any]]] = {}
    for row in connection.execute(query):
        if row.contact == FORGOTTEN:
            raise ConfigError(f"what was said in conversation {place.conversation} is forgotten by now")
        turns.setdefault(row.turn or row.id, []).append(row)
    found = []
    for rows in turns.values():
        newest = rows[-1]
        subject = Subject(newest.bot, newest.account, newest.conversation, newest.id)
        then = Outcome(newest.action, newest.reason, newest.score) if newest.action else None
        found.append(Stored(work_of(subject, rows, 0), then, tuple((row.at, row.text) for row in rows)))
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
    desk: Desk | None = None,
) -> list[Replayed]:
    """Each question decided again, with those before it for its history; `only` is one message's id. `desk`
    knows the contact, where an app wants to be told of it.
    """
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
        if not only or only in one.work.messages:
            history = [text for at, text in before if text and at >= facts.episode_at][-HISTORY:]
            lacking: list[str] = []
            decided = await answering.decide(
                one.work,
                facts,
                history,
                route.mode,
                partial(_hear, lacking),
                manner=manner_of(route, facts, one.work.at),
                desk=desk,
            )
            posts = tuple((post.kind.value, post.text) for post in decided.posts)
            message = one.work.subject.message
            replayed.append(
                Replayed(message, one.work.text, one.then, decided.outcome, posts, tuple(lacking))
            )
            facts = decided.facts
        before += one.said
    return replayed


async def _hear(lacking: list[str], told: Note) -> None:
    """There is no trace of a replay; what it had to leave out is said. That it asks has facts beside it."""
    if not told.detail:
        lacking.append(told.text)


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Who looks at conversations in Chatwoot and leaves no sign of it."""

    client: ChatwootClient

    async def conversation(self, account: int, conversation: int) -> Shown:
        return await self.client.conversation(account, conversation)

    async def type(self, account: int, conversation: int, *, is_on: bool) -> None:
        """Nobody types in a replay."""


def answering_of(
    settings: BridgeSettings, chats: Callable[[str], Chat], chatwoot: httpx.AsyncClient | None = None
) -> Callable[[Route], Answering]:
    """For each route what answers it today: its app and its policy, with nothing held back. Files come from
    `chatwoot` and its storage; without it none do.
    """

    def make(route: Route) -> Answering:
        chat = chats(route.app)
        enclosing = None
        if isinstance(chat, App):
            fetcher = Fetcher.of(chatwoot, str(chatwoot.base_url), settings.storage) if chatwoot else None
            enclosing = Enclosing(chat, fetcher, route.contact)
        policy, patience = settings.policy_of(route), settings.patience_of(route)
        return Answering(chat, policy, patience, enclosing=enclosing)

    return make
