"""Two bridges on one PostgreSQL: they share the load, hear of each other, and never take one turn twice."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from httpx_aiohttp import HttpxAiohttpClient
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DataError, IntegrityError

from bridge import intake
from bridge.events import MARK
from bridge.operating import deadletters
from bridge.sandbox import DeliverySettings
from bridge.serve import bridge, listen, serving
from bridge.settings import Keep, Mode
from bridge.store.postgres import PostgresStore
from bridge.store.schema import deliveries
from bridge.tables import alerts, inbox, leases, retention, turns
from bridge.tables.inbox import Delivery
from bridge.tables.leases import LeaseLost
from bridge.tables.trace import Step, Subject, note, record
from bridge.tables.turns import Taken
from kbtool.errors import Unavailable
from kbtool.notify import Message
from tests.bridging import QUICK, Said, Stand, stand
from tests.postgres import database
from tests.server import run
from tests.test_bridge_events import body_of
from tests.test_bridge_receive import question

QUESTION = "How long may I wait?"
GOOD = {QUESTION: Said("You have 30 days.", 0.9)}
_BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
SHORT = replace(QUICK, lease=1.0)


def _until_blocked(url: str) -> None:
    """Until somebody waits for a lock. Each look is a transaction of its own: within one, PostgreSQL shows
    the same activity again and again.
    """
    until = time.monotonic() + 5.0
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(_BLOCKED).fetchone() == (0,):
            assert time.monotonic() < until, "nobody waits for a lock"
            time.sleep(0.01)


@pytest.fixture
def url() -> Iterator[str]:
    with database() as address:
        yield address


@asynccontextmanager
async def another(at: Stand, url: str, **changes: Any) -> AsyncIterator[str]:
    """A second bridge on the database; the address of its webhook."""
    hooks = listen("127.0.0.1", 0)
    settings = replace(at.settings, database=url, **changes)
    http = HttpxAiohttpClient(base_url=at.http.base_url, trust_env=False)
    async with http, bridge(settings, at.chat, http) as running, serving((running.app, hooks)):
        yield f"http://127.0.0.1:{hooks.getsockname()[1]}/webhooks/chatwoot/kbtool"


def test_a_bridge_works_on_postgresql_as_on_a_file(tmp_path: Path, url: str) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge(database=url):
            visit = at.ask(QUESTION)
            await at.until(lambda: at.replies(visit) == ["You have 30 days."])
            await at.traced(visit, "reply posted")
            both = await asyncio.gather(*(at.deliver(question(), delivery="d-1") for _ in range(2)))
            assert both == [200, 200]
            with psycopg.connect(url) as connection:
                count = connection.execute("select count(*) from deliveries where delivery = 'd-1'")
                assert count.fetchone() == (1,)
        assert not (tmp_path / "bridge.sqlite").exists()

    run(scenario())


def test_two_bridges_share_the_conversations_and_answer_each_once(tmp_path: Path, url: str) -> None:
    async def scenario() -> None:
        hangs = {QUESTION: Said("You have 30 days.", 0.9, hangs=True)}
        async with (
            stand(tmp_path, hangs) as at,
            at.bridge(database=url, concurrency=6),  # neither can take all twelve
            another(at, url, concurrency=6),
        ):
            visits = [at.ask(QUESTION) for _ in range(12)]
            await at.until(lambda: len(at.dify.asked) == 12)
            with psycopg.connect(url) as connection:
                owners = connection.execute("select owner, count(*) from conversations group by owner")
                assert [count for _, count in owners] == [6, 6]
            at.dify.released.set()
            await at.until(lambda: all(at.replies(one) == ["You have 30 days."] for one in visits))
            await asyncio.sleep(0.2)
            assert all(at.replies(one) == ["You have 30 days."] for one in visits)

    run(scenario())


def test_what_one_bridge_receives_the_other_hears_of(tmp_path: Path, url: str) -> None:
    """A person takes over: Chatwoot tells one bridge, and the other ends the turn that it has."""

    async def scenario() -> None:
        hangs = {QUESTION: Said("never", hangs=True)}
        kept = DeliverySettings(keep_pending_on_bot_failure=True)
        async with stand(tmp_path, hangs, delivery=kept) as at:
            visit = at.ask(QUESTION)  # which Chatwoot can tell nobody
            await at.sandbox.settle()
            long = replace(QUICK, answer=60.0)
            async with another(at, url, patience=long) as address:
                assert (
                    await at.deliver(question(1, conversation=at.conversation(visit).id), to=address) == 200
                )
                await at.until(lambda: len(at.dify.asked) == 1)
                async with at.bridge(database=url, patience=long):
                    state = at.sandbox.state
                    person = next(iter(state.directory.users.values()))
                    state.set_status(at.conversation(visit), "open", person)
                    async with asyncio.timeout(4.0):  # before the app is given up
                        await at.traced(visit, "silent: not_pending")
            assert at.replies(visit) == []

    run(scenario())


def test_what_a_dead_bridge_had_is_taken_within_the_lease(tmp_path: Path, url: str) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            at.ask(QUESTION)
            begun = time.monotonic()
            async with PostgresStore.open(url) as store:  # a bridge that took a turn, and died
                await store.write(lambda c: leases.join(c, "dead"))
                assert await taken_by(store, "dead") is not None
            async with at.bridge(database=url, patience=SHORT):
                await at.until(lambda: len(at.dify.asked) == 1)
                assert time.monotonic() - begun > 0.5

    run(scenario())


async def taken_by(store: PostgresStore, me: str) -> Taken | None:
    """Receive a question as a bridge, and take its turn."""
    body = question(1)

    def take(connection) -> Taken | None:
        inbox.accept(connection, "kbtool", "d-1", body, 0.0)
        intake.sort(connection, inbox.unsorted(connection), lambda _: frozenset(), 0.0)
        (lease,) = leases.claim(connection, me, ["kbtool"], 1.0, 9)
        return turns.take(connection, lease, lambda *_: Mode.REPLY, 1.0, merges=True)

    return await store.write(take)


def test_a_bridge_that_was_taken_for_dead_can_write_nothing_more_of_its_turns(url: str) -> None:
    async def scenario() -> None:
        async with PostgresStore.open(url) as store:
            await store.write(lambda c: leases.join(c, "slow"))
            taken = await taken_by(store, "slow")
            assert taken is not None
            await store.write(lambda c: leases.join(c, "quick"))
            await asyncio.sleep(0.2)
            assert await store.write(lambda c: leases.beat(c, "quick", 0.1))
            assert not await store.write(lambda c: leases.beat(c, "slow", 0.1))
            assert len(await store.write(lambda c: leases.claim(c, "quick", ["kbtool"], 1.0, 9))) == 1
            for work in (
                lambda c: leases.require(c, taken.work.subject, "slow"),
                lambda c: turns.finish(c, taken.work, "slow", 2.0),
                lambda c: turns.postpone(c, taken.work, "slow", 3.0, 2.0),
            ):
                with pytest.raises(LeaseLost):
                    await store.write(work)
            await store.write(lambda c: turns.finish(c, taken.work, "quick", 2.0))

    run(scenario())


def test_a_bridge_that_was_taken_for_dead_claims_nothing_that_nobody_would_free(url: str) -> None:
    """It was stopped, and looks for turns before it says that it lives: its claim would outlive its name."""

    async def scenario() -> None:
        async with PostgresStore.open(url) as store:
            for name in ("slow", "quick"):
                await store.write(partial(leases.join, me=name))
            await asyncio.sleep(0.2)
            assert await store.write(lambda c: leases.beat(c, "quick", 0.1))  # nothing was slow's yet
            await store.write(lambda c: inbox.accept(c, "kbtool", "d-1", question(1), 0.0))
            await store.write(lambda c: intake.sort(c, inbox.unsorted(c), lambda _: frozenset(), 0.0))
            assert await store.write(lambda c: leases.claim(c, "slow", ["kbtool"], 1.0, 9)) == []
            assert len(await store.write(lambda c: leases.claim(c, "quick", ["kbtool"], 1.0, 9))) == 1

    run(scenario())


def test_a_bridge_is_not_taken_for_dead_while_it_claims(url: str) -> None:
    async def scenario() -> None:
        async with PostgresStore.open(url) as store:
            for name in ("slow", "quick"):
                await store.write(partial(leases.join, me=name))
            await store.write(lambda c: inbox.accept(c, "kbtool", "d-1", question(1), 0.0))
            await store.write(lambda c: intake.sort(c, inbox.unsorted(c), lambda _: frozenset(), 0.0))
            await asyncio.sleep(0.2)
            claimed, looked_at = threading.Event(), threading.Event()

            def claim_slowly(connection: Connection) -> None:
                assert len(leases.claim(connection, "slow", ["kbtool"], 1.0, 9)) == 1
                claimed.set()
                assert looked_at.wait(5.0)

            claiming = asyncio.create_task(store.write(claim_slowly))
            await asyncio.to_thread(claimed.wait, 5.0)
            try:
                assert await store.write(lambda c: leases.beat(c, "quick", 0.1))
            finally:
                looked_at.set()
            await claiming
            assert await store.write(lambda c: leases.beat(c, "quick", 0.1))  # now it is, with what it has
            assert len(await store.write(lambda c: leases.claim(c, "quick", ["kbtool"], 1.0, 9))) == 1

    run(scenario())


def test_a_message_that_is_sorted_while_its_conversation_is_let_go_is_due(url: str) -> None:
    """Found by killing: one bridge ends a turn while another sorts, and the second commits first."""

    def sort(connection: Connection) -> None:
        inbox.accept(connection, "kbtool", "d-2", question(9002), 0.0)
        intake.sort(connection, inbox.unsorted(connection), lambda _: frozenset(), 0.0)

    async def scenario() -> None:
        async with PostgresStore.open(url) as store:
            await store.write(lambda c: leases.join(c, "me"))
            taken = await taken_by(store, "me")
            assert taken is not None
            sorted_ = threading.Event()

            def sort_slowly(connection: Connection) -> None:
                sort(connection)
                sorted_.set()
                _until_blocked(url)  # until the other transaction waits for this one

            sorting = asyncio.create_task(store.write(sort_slowly))
            await asyncio.to_thread(sorted_.wait, 5.0)
            async with asyncio.timeout(10.0):
                await store.write(lambda c: turns.finish(c, taken.work, "me", 2.0))
                await sorting
            again = await store.write(lambda c: leases.claim(c, "me", ["kbtool"], 3.0, 9))
            assert [lease.subject.conversation for lease in again] == [taken.work.subject.conversation]

    run(scenario())


def test_a_bridge_that_leaves_frees_what_it_had_at_once(tmp_path: Path, url: str) -> None:
    async def scenario() -> None:
        hangs = {QUESTION: Said("You have 30 days.", 0.9, hangs=True)}
        async with stand(tmp_path, hangs) as at:
            long = replace(QUICK, answer=60.0, drain=0.05, lease=600.0)
            async with at.bridge(database=url, patience=long):
                visit = at.ask(QUESTION)
                await at.until(lambda: len(at.dify.asked) == 1)
            at.dify.released.set()
            async with at.bridge(database=url, patience=long):
                await at.until(lambda: at.replies(visit) == ["You have 30 days."])

    run(scenario())


def test_a_broken_connection_is_made_anew(tmp_path: Path, url: str) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at, at.bridge(database=url):
            visit = at.ask(QUESTION)
            await at.until(lambda: at.replies(visit) == ["You have 30 days."])
            with psycopg.connect(url, autocommit=True) as connection:
                others = "select pg_terminate_backend(pid) from pg_stat_activity"
                connection.execute(f"{others} where datname = current_database() and pid <> pg_backend_pid()")
            await asyncio.sleep(0.1)
            other = at.ask(QUESTION)
            await at.until(lambda: at.replies(other) == ["You have 30 days."])

    run(scenario())


def test_two_bridges_that_find_the_same_trouble_at_once_tell_it_once(url: str) -> None:
    async def scenario() -> None:
        async with PostgresStore.open(url) as store:
            message = Message("Dify fails", key="dify:kbtool")
            both = threading.Barrier(2)

            def tell(connection: Connection) -> bool:
                connection.execute(text("SELECT 1"))
                both.wait(5.0)
                is_new = alerts.keep(connection, message, 1.0)
                time.sleep(0.1)  # the other has looked by now, unless it waits
                return is_new

            assert sorted(await asyncio.gather(store.write(tell), store.write(tell))) == [False, True]
            assert len(await store.read(lambda c: alerts.after(c, 0))) == 1

    run(scenario())


def test_a_dead_letter_that_is_given_to_the_bridge_while_it_is_forgotten_is_kept(url: str) -> None:
    async def scenario() -> None:
        async with PostgresStore.open(url) as store:
            await store.write(lambda c: leases.join(c, "me"))
            taken = await taken_by(store, "me")
            assert taken is not None
            await store.write(lambda c: turns.finish(c, taken.work, "me", 2.0, state="failed"))
            given = threading.Event()

            def give_slowly(connection: Connection) -> None:
                letters = deadletters.every(connection)
                assert [letter.name for letter in letters] == ["m1"]
                deadletters.retry(connection, letters, 500 * retention.DAY)
                given.set()
                _until_blocked(url)  # until what forgets waits for this

            giving = asyncio.create_task(store.write(give_slowly))
            await asyncio.to_thread(given.wait, 5.0)
            async with asyncio.timeout(10.0):
                await retention.forget(store, Keep(), 500 * retention.DAY)
                await giving
            (lease,) = await store.write(lambda c: leases.claim(c, "me", ["kbtool"], 500 * retention.DAY, 9))
            again = await store.write(
                lambda c: turns.take(c, lease, lambda *_: Mode.REPLY, 500 * retention.DAY, merges=True)
            )
            assert again is not None
            assert again.work.text == taken.work.text != ""

    run(scenario())


def test_what_the_database_refuses_for_what_it_holds_is_a_bug_and_no_outage(url: str) -> None:
    """Waiting for it would hold up every other delivery for ever."""

    async def scenario() -> None:
        async with PostgresStore.open(url) as store:
            subject = Subject("kbtool", 1, 1)
            with pytest.raises(DataError):
                await store.write(lambda c: record(c, subject, 0.0, note(Step.ERROR, "a NUL: \x00")))
            await store.write(partial(leases.join, me="me"))
            with pytest.raises(IntegrityError):
                await store.write(partial(leases.join, me="me"))
            with pytest.raises(Unavailable):
                await store.write(lambda c: c.execute(text("SELECT * FROM no_such_table")))

    run(scenario())


def test_a_reply_that_was_not_delivered_is_handed_off_once_whichever_bridges_are_told(url: str) -> None:
    body = body_of("message_updated_failed_whatsapp_window")
    body["content_attributes"] = body["content_attributes"] | {MARK: "kbtool:1:0"}
    bodies = [json.dumps(body | {"again": number}).encode() for number in range(2)]
    before = json.dumps(body | {"event": "conversation_updated"} | body["conversation"]).encode()

    async def scenario() -> None:
        async with PostgresStore.open(url) as store:
            await store.write(lambda c: inbox.accept(c, "kbtool", "d-0", before, 0.0))
            await store.write(lambda c: intake.sort(c, inbox.unsorted(c), lambda _: frozenset(), 0.0))
            for number, one in enumerate(bodies, start=1):
                await store.write(
                    partial(inbox.accept, bot="kbtool", delivery=f"d-{number}", body=one, at=0.0)
                )
            first = threading.Event()

            def sort_slowly(connection: Connection) -> list[str]:
                word = _unlocked(connection, bodies[0])
                first.set()
                _until_blocked(url)  # until the other bridge waits for this one
                return word

            def sort_too(connection: Connection) -> list[str]:
                return _unlocked(connection, bodies[1])

            sorting = asyncio.create_task(store.write(sort_slowly))
            await asyncio.to_thread(first.wait, 5.0)
            async with asyncio.timeout(10.0):
                assert await store.write(sort_too) == await sorting == ["not_delivered"]
            with psycopg.connect(url) as connection:
                assert connection.execute("select count(*), min(reason) from turns").fetchone() == (
                    1,
                    "not_delivered",
                )

    run(scenario())


def _unlocked(connection: Connection, body: bytes) -> list[str]:
    """Sort the one delivery of that body, as a bridge does that has it in hand."""
    number = connection.execute(select(deliveries.c.id).where(deliveries.c.body == body)).scalar_one()
    new = [Delivery(number, "kbtool", 0.0, body)]
    return [one.word for one in intake.sort(connection, new, lambda _: frozenset(), 0.0)]
