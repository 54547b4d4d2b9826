"""Events reach another program: in order, each under one id, whatever it does, and as the schema says."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from httpx_aiohttp import HttpxAiohttpClient
from jsonschema import Draft202012Validator, FormatChecker
from sqlalchemy import Connection, create_engine, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge.events import Rating
from bridge.operating import load
from bridge.sandbox.records import ContactInbox, MessageType
from bridge.serve import Bridge, Streamed, address_of, listen, serving
from bridge.settings import Mode
from bridge.store import Store
from bridge.store.postgres import PostgresStore
from bridge.store.schema import alerts, stream, trace, turns
from bridge.store.sqlite import SqliteStore
from bridge.stream import rows, sender
from bridge.stream.rows import Wanted
from bridge.stream.sender import LONGEST, Receiver, Sender
from bridge.tables import ratings
from bridge.tables import stream as table
from bridge.tables.alerts import keep
from bridge.tables.trace import Subject
from kbtool.events import SCHEMA, Event, Kind
from kbtool.notify import Message
from tests.bridging import Said, Stand, stand
from tests.postgres import database
from tests.server import run
from tests.waiting import until

SCHEMA_V1 = json.loads(SCHEMA.read_text(encoding="utf-8"))
VALID = Draft202012Validator(SCHEMA_V1, format_checker=FormatChecker())
SECRET = "events-secret"
DESK = "https://chat.example.com"
EVERY = Wanted(frozenset(Kind), DESK)
ANSWERS = {"refund": Said("You have 30 days.", 0.9), "my order 48213 is late": Said("Sorry.", 0.1)}


@dataclass
class Program:
    """Who gets events: answers with the statuses that it is given first, then with 200."""

    statuses: list[int] = field(default_factory=list)
    hangs: bool = False
    got: list[dict[str, Any]] = field(default_factory=list)
    signatures: list[bool] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        body = await request.body()
        stamp = request.headers["x-kbtool-timestamp"]
        right = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        self.signatures.append(request.headers["x-kbtool-signature"] == f"sha256={right}")
        if self.hangs:
            await asyncio.sleep(3600)
        status = self.statuses.pop(0) if self.statuses else 200
        if status == 200:
            self.got.append(json.loads(body))
        await Response(status_code=status)(scope, receive, send)

    def types(self) -> list[str]:
        return [one["type"].removeprefix("kbtool.") for one in self.got]


@asynccontextmanager
async def receiving(program: Program, wanted: Wanted = EVERY) -> AsyncIterator[Streamed]:
    listening = listen("127.0.0.1", 0)
    async with HttpxAiohttpClient(trust_env=False) as http, serving((program, listening)):
        yield Streamed(Receiver(f"{address_of(listening)}/hook?key=secret", SECRET, wanted), http)


@asynccontextmanager
async def streaming(at: Stand, program: Program, wanted: Wanted = EVERY) -> AsyncIterator[Bridge]:
    async with receiving(program, wanted) as streamed, at.bridge(streamed=streamed) as bridge:
        yield bridge


async def said(at: Stand, visit: ContactInbox) -> None:
    await at.until(lambda: at.replies(visit) != [])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "EVERY", 0.02)
    monkeypatch.setattr(sender, "FIRST_PAUSE", 0.01)


# What a bridge at work says.


def test_what_happens_to_customers_is_told_in_order_and_as_the_schema_says(tmp_path: Path) -> None:
    program = Program()

    async def story() -> None:
        async with stand(tmp_path, ANSWERS) as at, streaming(at, program):
            answered = at.ask("refund")
            await until(lambda: "answered" in program.types())
            handed = at.ask("my order 48213 is late")
            await until(lambda: "handoff" in program.types())
            urgent = at.ask("my lawyer will sue you")
            await until(lambda: program.types().count("handoff") == 2)
            await until(lambda: "alert" in program.types())
            assert [at.conversation(one).id for one in (answered, handed, urgent)] == [1, 2, 3]

    run(story())
    assert all(program.signatures)
    for one in program.got:
        VALID.validate(one)
    first = program.got[0]
    assert first["data"]["url"] == f"{DESK}/app/accounts/1/conversations/1"
    assert first["data"]["score"] == 0.9
    types = program.types()
    assert types.index("sensitive") < len(types) - 1 - types[::-1].index("handoff")
    assert len({one["id"] for one in program.got}) == len(program.got)
    assert "question" not in json.dumps(program.got)


def test_words_come_only_where_they_are_asked_for_and_without_what_points_to_somebody(tmp_path: Path) -> None:
    program = Program()

    async def story() -> None:
        wanted = Wanted(frozenset({Kind.HANDOFF}), DESK, words=True)
        async with stand(tmp_path, ANSWERS) as at, streaming(at, program, wanted):
            at.ask("refund")
            at.ask("my order 48213 is late")
            await until(lambda: program.got)

    run(story())
    assert program.types() == ["handoff"]
    assert program.got[0]["data"]["question"] == "my order [number] is late"
    VALID.validate(program.got[0])


def test_a_draft_that_a_person_pasted_is_told(tmp_path: Path) -> None:
    program = Program()

    async def story() -> None:
        async with stand(tmp_path, ANSWERS, mode=Mode.DRAFT) as at, streaming(at, program):
            visit = at.ask("refund")
            await at.until(lambda: len(at.notes(visit)) > 0)
            agent = at.sandbox.state.directory.users[1]
            at.sandbox.state.add(at.conversation(visit), MessageType.outgoing, "You have 30 days!", agent)
            await until(lambda: "draft.sent" in program.types())

    run(story())
    (told,) = [one for one in program.got if one["type"] == "kbtool.draft.sent"]
    VALID.validate(told)
    assert told["data"]["how"] == "by_hand"
    assert 0 < told["data"]["changed"] < 0.1


# Whatever the receiver does.


@pytest.mark.parametrize("statuses", [[500, 503, 429], [404, 401, 301]])
def test_a_receiver_that_fails_gets_them_later_in_order(tmp_path: Path, statuses: list[int]) -> None:
    program = Program(statuses=list(statuses))

    async def story() -> None:
        async with stand(tmp_path, ANSWERS) as at, streaming(at, program):
            for _ in range(4):
                visit = at.ask("refund")
                await said(at, visit)
            await until(lambda: len(program.got) == 4)

    run(story())
    assert [one["data"]["conversation"] for one in program.got] == [1, 2, 3, 4]


def test_an_event_that_is_refused_for_good_holds_up_no_others(tmp_path: Path) -> None:
    program = Program(statuses=[422])

    async def story() -> dict[str, int]:
        async with stand(tmp_path, ANSWERS) as at, streaming(at, program) as bridge:
            for _ in range(2):
                visit = at.ask("refund")
                await said(at, visit)
            await until(lambda: len(program.got) == 1)

            async def unsent() -> dict[str, int]:
                measured = await bridge.store.read(lambda c: load.measure(c, time.time()))
                return dict(measured.unsent)

            async def is_settled() -> bool:
                return "waiting" not in await unsent()

            await until(is_settled)
            return await unsent()

    assert run(story()) == {"lost": 1}


def test_nothing_is_lost_when_the_bridge_dies_while_it_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come twice then, under the same id."""
    monkeypatch.setattr(sender, "CLAIM", 0.2)
    program = Program(hangs=True)

    async def story() -> None:
        async with stand(tmp_path, ANSWERS) as at:
            async with streaming(at, program):
                visit = at.ask("refund")
                await until(lambda: program.signatures)
            program.hangs = False
            async with streaming(at, program):
                await until(lambda: program.got)
            assert at.replies(visit) == ["You have 30 days."]

    run(story())
    assert program.types() == ["answered"]
    assert len(program.signatures) == 2


def test_what_happened_while_nobody_sent_is_told_at_the_next_start(tmp_path: Path) -> None:
    program = Program()

    async def story() -> None:
        async with stand(tmp_path, ANSWERS) as at:
            async with streaming(at, program):
                at.ask("refund")
                await until(lambda: len(program.got) == 1)
            async with at.bridge():
                visit = at.ask("refund")
                await at.until(lambda: at.replies(visit) != [])
            async with streaming(at, program):
                await until(lambda: len(program.got) == 2)

    run(story())


def test_a_receiver_that_is_new_hears_nothing_of_the_past(tmp_path: Path) -> None:
    program = Program()

    async def story() -> None:
        async with stand(tmp_path, ANSWERS) as at:
            async with at.bridge():
                visit = at.ask("refund")
                await at.until(lambda: at.replies(visit) != [])
            async with streaming(at, program):
                later = at.ask("refund")
                await at.until(lambda: at.replies(later) != [])
                await until(lambda: program.got)

    run(story())
    assert [one["data"]["conversation"] for one in program.got] == [2]


# By hand, on both stores.


@pytest.fixture(params=["sqlite", "postgresql"])
def store_of(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        if request.param == "sqlite":
            async with SqliteStore.open(tmp_path / "bridge.sqlite") as store:
                yield store
        else:
            with database() as url:
                async with PostgresStore.open(url) as store:
                    yield store

    return opened


def test_ratings_and_alerts_are_told_once_and_a_rating_that_changes_again(store_of: Any) -> None:
    program, now = Program(), 1_750_000_000.0
    subject = Subject("kbtool", 1, 7, 90)

    async def story() -> None:
        async with store_of() as store, receiving(program) as streamed:
            own = Sender(store, streamed.receiver, streamed.http, lambda: now)
            await own.look()
            for stars in (2, 2, 5):
                await store.write(lambda c, s=stars: ratings.keep(c, subject, Rating(s, "meh"), now + 1))
                await own.look()
                await own.look()
            await store.write(lambda c: keep(c, Message("Trouble", ("Do this.",), key="dify:x"), now + 2))
            await own.look()
            await own.look()

    run(story())
    for one in program.got:
        VALID.validate(one)
    assert [(one["type"], one["data"].get("rating")) for one in program.got] == [
        ("kbtool.csat", 2),
        ("kbtool.csat", 5),
        ("kbtool.alert", None),
    ]


def test_two_bridges_send_in_order_and_each_once(store_of: Any) -> None:
    program, now = Program(), time.time()

    async def story() -> None:
        async with store_of() as store, receiving(program) as streamed:
            senders = [Sender(store, streamed.receiver, streamed.http) for _ in range(2)]
            for number in range(60):
                event = Event(Kind.ALERT, str(number), now + number, "k", {"number": number})
                await store.write(lambda c, e=event: table.add(c, e, sender.SOURCE, now))
            while len(program.got) < 60:
                await asyncio.gather(*(one.look() for one in senders))

    run(story())
    assert [one["data"]["number"] for one in program.got] == list(range(60))


def test_what_is_not_taken_for_days_is_lost_and_people_were_told_long_before(store_of: Any) -> None:
    program = Program(statuses=[503, 503])
    clock = [1_750_000_000.0]

    async def story() -> tuple[list[str], list[str]]:
        async with store_of() as store, receiving(program, Wanted(frozenset({Kind.CSAT}), DESK)) as streamed:
            own = Sender(store, streamed.receiver, streamed.http, lambda: clock[0])
            await own.look()
            at, subject = clock[0] + 1, Subject("kbtool", 1, 7, 90)
            await store.write(lambda c: ratings.keep(c, subject, Rating(2, ""), at))
            clock[0] += 5
            await own.look()
            clock[0] += sender.TELL_AFTER
            await own.look()
            clock[0] += LONGEST
            await own.look()
            states = await store.read(lambda c: list(c.execute(select(stream.c.state)).scalars()))
            keys = await store.read(lambda c: list(c.execute(select(alerts.c.key)).scalars()))
            return states, keys

    assert run(story()) == (["lost"], ["events_unsent"])
    assert program.got == []


def test_what_a_slower_bridge_commits_later_is_seen_too() -> None:
    """PostgreSQL gives numbers before the commit: a lower one may come after a higher one was read."""
    now = time.time()

    def write(connection: Connection, conversation: int) -> None:
        key = {"bot": "kbtool", "account": 1, "message": conversation, "conversation": conversation}
        connection.execute(turns.insert(), key | {"at": now, "action": "reply", "reason": "answered"})
        of_post = {"at": now, "step": "post", "text": "posted", "detail": {"kind": "reply"}}
        connection.execute(trace.insert(), key | of_post)

    async def story(url: str) -> list[list[int]]:
        async with PostgresStore.open(url) as store:
            engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
            seen, after = [], [0]
            with engine.connect() as slow:
                write(slow, 1)
                await store.write(lambda c: write(c, 2))
                for _ in range(2):
                    events, after[0] = await store.read(lambda c: rows.turned(c, EVERY, after[0], now))
                    seen.append([int(one.data["conversation"]) for one in events])
                    slow.commit()
            engine.dispose()
            return seen

    with database() as url:
        assert run(story(url)) == [[2], [1, 2]]


def test_an_address_is_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    program = Program(statuses=[500, 422])

    async def story() -> None:
        async with stand(tmp_path, ANSWERS) as at, streaming(at, program):
            at.ask("refund")
            await until(lambda: len(program.signatures) == 2)

    run(story())
    assert "event_not_sent" in caplog.text
    assert "key=secret" not in caplog.text
    assert SECRET not in caplog.text


def test_the_example_of_the_documents_is_an_event() -> None:
    page = (Path(__file__).parent.parent / "docs" / "events.md").read_text(encoding="utf-8")
    example = page.split("<!-- event -->\n```json\n", 1)[1].split("```", 1)[0]
    VALID.validate(json.loads(example))
    named = set(re.findall(r"^\| `kbtool\.([a-z.]+)` \|", page, re.MULTILINE))
    assert named == {kind.value for kind in Kind}
