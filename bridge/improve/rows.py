"""The store's items for the improvement queue, without addresses and numbers. Reads only."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, select

from bridge.events import Role
from bridge.improve.items import KNOWLEDGE, Item, Kind
from bridge.speech.posts import SAID
from bridge.store.schema import messages, posts, ratings, trace, turns
from bridge.store.visit import visit
from bridge.tables import drafts, handled
from bridge.tables.fates import dealt
from bridge.tables.trace import Step
from kbtool.handoff import Action
from kbtool.kpi.matters import TAKEN_OVER
from kbtool.kpi.rows import Fate
from kbtool.redact import redact

DAYS = 90.0
"""For so long words are kept, and with them what the queue is made of."""
OTHER = "another answer was written"
BAD = 2
"""The best rating that is a bad one, of 5."""
MOST = 5000
"""Items that are looked at, the newest: a queue that is longer than that is not worked through."""
DRAFTS = 100_000
"""Drafts that are looked through for them."""
_LONGEST = 2000
_SCORE = " ("

Turn = tuple[int, int]
"""Account, and the id of the turn's newest message."""


def visited(store: Path, since: float, database: str = "") -> list[Item]:
    """As `items`, from outside the bridge; of the PostgreSQL at `database`, or of the file."""
    with visit(store, database) as connection:
        return items(connection, since)


def items(connection: Connection, since: float) -> list[Item]:
    """What came up since then and nobody has seen to, newest first."""
    seen = handled.every(connection)
    told = _Told(connection, since)
    found = [
        *_drafts(connection, since),
        *_handoffs(connection, told, since),
        *_ratings(connection, told, since),
    ]
    open_items = [item for item in found if item.question and item.key not in seen]
    return sorted(open_items, key=lambda item: (-item.at, item.key))[:MOST]


class _Told:
    """Who said what in these days, looked up by turn and by conversation."""

    def __init__(self, connection: Connection, since: float) -> None:
        self._connection = connection
        self._since = since
        self._asked = self._questions()
        self.people = self._people()
        self.sources = self._sources()

    def question(self, turn: Turn) -> str:
        """Cleaned when it is wanted: most turns are of no item."""
        return _clean(self._asked.get(turn, ""))

    def human(self, account: int, conversation: int, message: int) -> str:
        """What people answered next, until the customer spoke again."""
        ids, texts = self.people.get((account, conversation), ([], []))
        said: list[str] = []
        for text in texts[bisect_right(ids, message) :]:
            if text is not None:
                said.append(text)
            elif said:
                break
        return _clean("\n\n".join(said))

    def _questions(self) -> Mapping[Turn, str]:
        """What a turn was about: all messages that were taken together."""
        m = messages.c
        query = (
            select(m.account, m.id, m.turn, m.text)
            .where(m.at >= self._since, m.role == Role.CUSTOMER.value, m.text != "")
            .order_by(m.id)
        )
        found: dict[Turn, dict[int, str]] = defaultdict(dict)
        for row in self._connection.execute(query):
            found[row.account, row.turn or row.id][row.id] = row.text
        return {turn: "\n".join(texts.values()) for turn, texts in found.items()}

    def _people(self) -> Mapping[tuple[int, int], tuple[list[int], list[str | None]]]:
        """Ids and texts of people's messages; the customer's stand as None between them."""
        m = messages.c
        query = (
            select(m.account, m.conversation, m.id, m.role, m.text)
            .where(m.at >= self._since, m.role.in_([Role.CUSTOMER.value, Role.PERSON.value]))
            .order_by(m.id)
        )
        found: dict[tuple[int, int], tuple[list[int], list[str | None]]] = {}
        last = 0
        for row in self._connection.execute(query):
            if row.id == last:  # heard by two bots
                continue
            last = row.id
            ids, texts = found.setdefault((row.account, row.conversation), ([], []))
            ids.append(row.id)
            texts.append(row.text if row.role == Role.PERSON.value else None)
        return found

    def _sources(self) -> Mapping[Turn, tuple[str, ...]]:
        """The sections that the AI was given, best first."""
        query = select(trace.c.account, trace.c.message, trace.c.detail).where(
            trace.c.at >= self._since, trace.c.step == Step.SOURCES.value, trace.c.message.is_not(None)
        )
        return {
            (row.account, row.message): tuple(_place(one) for one in _listed(row.detail))
            for row in self._connection.execute(query)
        }


def _handoffs(connection: Connection, told: _Told, since: float) -> Iterator[Item]:
    query = (
        select(turns)
        .where(turns.c.at >= since, turns.c.action == Action.HANDOFF.value, turns.c.reason != TAKEN_OVER)
        .order_by(turns.c.at.desc())
        .limit(MOST)
    )
    for row in _once(connection.execute(query)):
        turn = (row.account, row.message)
        sources = told.sources.get(turn, ())
        yield Item(
            Kind.UNANSWERED if row.reason in KNOWLEDGE else Kind.HANDOFF,
            row.account,
            row.conversation,
            row.message,
            row.at,
            told.question(turn),
            row.reason,
            sources[0] if sources else "",
            sources,
            human=told.human(row.account, row.conversation, row.message),
        )


def _drafts(connection: Connection, since: float) -> Iterator[Item]:
    """Drafts that were not sent as they were. Where the AI had nothing to say, the handoff tells of it."""
    kinds = {Fate.EDITED: Kind.EDITED, Fate.DISCARDED: Kind.DISCARDED, Fate.OTHER: Kind.DISCARDED}
    for draft in drafts.decided(connection, since, DRAFTS):
        found = dealt(draft)
        if found is None or found.fate not in kinds:
            continue
        subject, asked = draft.subject, draft.drafted
        sources = tuple(redact(source.title) for source in asked.sources)
        yield Item(
            kinds[found.fate],
            subject.account,
            subject.conversation,
            subject.message,
            draft.decided_at or draft.at,
            _clean(asked.asked),
            _clean(draft.why) or (OTHER if found.fate is Fate.OTHER else ""),
            sources[0] if sources else "",
            sources,
            answer=_clean(asked.text),
            human=_clean(draft.sent),
            distance=None if found.changed is None else round(found.changed, 3),
            agent=draft.agent,
        )


def _ratings(connection: Connection, told: _Told, since: float) -> Iterator[Item]:
    """Bad ratings of conversations in which the AI answered: for its last answer before the rating."""
    bad = connection.execute(select(ratings).where(ratings.c.at >= since, ratings.c.rating <= BAD)).all()
    if not bad:
        return
    answered = _by_conversation(
        connection.execute(
            select(turns)
            .where(turns.c.at >= since, turns.c.action == Action.REPLY.value)
            .order_by(turns.c.message)
        )
    )
    for row in _once(bad):
        replies = answered.get((row.account, row.conversation), [])
        before = bisect_left([reply.message for reply in replies], row.message)
        if not before:
            continue
        turn = (row.account, replies[before - 1].message)
        sources = told.sources.get(turn, ())
        yield Item(
            Kind.RATING,
            row.account,
            row.conversation,
            turn[1],
            row.at,
            told.question(turn),
            section=sources[0] if sources else "",
            sources=sources,
            answer=_answer(connection, turn),
            human=told.human(row.account, row.conversation, turn[1]),
            rating=row.rating,
            words=_clean(row.words),
        )


def _answer(connection: Connection, turn: Turn) -> str:
    p = posts.c
    own = and_(p.account == turn[0], p.message == turn[1], p.kind.in_([kind.value for kind in SAID]))
    texts = connection.execute(select(p.text).where(own).order_by(p.number)).scalars().all()
    return _clean("\n\n".join(dict.fromkeys(texts)))


def _once(rows: Iterable[Row[Any]]) -> Iterable[Row[Any]]:
    """What two bots heard of the same message is one thing."""
    return {(row.account, row.message): row for row in rows}.values()


def _by_conversation(rows: Iterable[Row[Any]]) -> dict[tuple[int, int], list[Row[Any]]]:
    found: dict[tuple[int, int], list[Row[Any]]] = {}
    for row in rows:
        found.setdefault((row.account, row.conversation), []).append(row)
    return found


def _listed(detail: Any) -> Sequence[str]:
    listed = detail.get("sources") if isinstance(detail, dict) else None
    return [str(one.get("line", "")) for one in listed if isinstance(one, dict)] if listed else []


def _place(line: str) -> str:
    """`Refunds › Time limit (0.62)` without the score."""
    place, _, _ = line.rpartition(_SCORE)
    return redact(place or line)


def _clean(text: str) -> str:
    return redact(text)[:_LONGEST]
