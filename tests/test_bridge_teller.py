"""Alerts reach people: over real sockets, each channel by itself, once, at night only what cannot wait."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx_aiohttp import HttpxAiohttpClient
from typer.testing import CliRunner

from bridge.guards.teller import CLAIM, FIRST_PAUSE, Teller
from bridge.serve import Told
from bridge.store import Store
from bridge.store.postgres import PostgresStore
from bridge.store.sqlite import SqliteStore
from bridge.tables import alerts, told
from bridge.tables.told import LONGEST
from kbtool.cli import app
from kbtool.config.hours import ALWAYS, Hours
from kbtool.notify import Channels, Email, Level, Message
from tests.bridging import Said, stand
from tests.postgres import database
from tests.server import run
from tests.test_notify import MailServer, Receiver, serving
from tests.waiting import until

NOW = 1_750_000_000.0  # a Sunday, 15:06 UTC
QUOTA = Message("The quota is spent", ("Raise it in Dify.",), Level.WARNING, "quota")
OTHER = Message("Customers wait", ("Look at the backlog.",), Level.WARNING, "overdue")
DEAD = Message("A message is tried no more", ("kbtool bridge deadletters list",), Level.CRITICAL, "dead")


@dataclass
class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def telling(
    store: Store, channels: Channels, clock: Clock, hours: Hours = ALWAYS
) -> AsyncIterator[Teller]:
    async with HttpxAiohttpClient() as http:
        yield Teller(store, channels, http, clock, hours=hours)


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver.posts]


async def raised(store: Store, *messages: Message, at: float = NOW) -> None:
    for message in messages:
        assert await alerts.raise_alert(store, message, at)


def test_an_alert_says_what_happened_what_to_do_and_since_when(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = Clock(NOW - 4000)
        async with (
            SqliteStore.open(tmp_path / "s.sqlite") as store,
            telling(store, Channels(receiver.url), clock) as teller,
        ):
            await raised(store, QUOTA, at=NOW - 4000)
            await teller.tell("webhook")
            clock.now = NOW
            await raised(store, QUOTA)
            await teller.tell("webhook")

    with serving(Receiver()) as receiver:
        run(scenario())
    first, second = bodies(receiver)
    assert (first["subject"], first["details"]["alerts"]) == (QUOTA.subject, [1])
    assert first["lines"] == ["Raise it in Dify.", "At 2025-06-15 14:00 UTC."]
    assert second["lines"] == ["Raise it in Dify.", "Since 2025-06-15 14:00 UTC."]
    assert second["details"] == {"alerts": [2], "at": NOW, "since": NOW - 4000}


def test_what_is_critical_goes_alone_and_the_rest_together(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            SqliteStore.open(tmp_path / "s.sqlite") as store,
            telling(store, Channels(receiver.url), Clock()) as teller,
        ):
            await raised(store, QUOTA, DEAD, OTHER)
            await teller.tell("webhook")
            await teller.tell("webhook")  # nothing twice

    with serving(Receiver()) as receiver:
        run(scenario())
    urgent, rest = bodies(receiver)
    assert urgent["subject"] == DEAD.subject
    assert rest["subject"] == "2 alerts of the bridge"
    assert rest["details"] == {"alerts": [1, 3]}
    assert rest["lines"][0] == "2025-06-15 15:06 UTC  The quota is spent: Raise it in Dify."


def test_out_of_hours_only_what_is_critical_is_told_and_the_rest_when_they_begin(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with (
            SqliteStore.open(tmp_path / "s.sqlite") as store,
            telling(
                store, Channels(receiver.url), clock, Hours.parse(["mon-fri 08:00-18:00"], "UTC")
            ) as teller,
        ):
            await raised(store, QUOTA, DEAD, OTHER)
            await teller.tell("webhook")
            assert [body["subject"] for body in bodies(receiver)] == [DEAD.subject]
            clock.now = NOW + 16 * 3600  # Monday, 07:06
            await teller.tell("webhook")
            assert len(receiver.posts) == 1
            clock.now = NOW + 17 * 3600
            await teller.tell("webhook")

    with serving(Receiver()) as receiver:
        run(scenario())
    assert bodies(receiver)[1]["details"] == {"alerts": [1, 3]}


def test_a_receiver_that_is_down_is_tried_again_and_holds_no_other_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = Clock()
        both = Channels(
            receiver.url,
            email=Email("127.0.0.1", mail.server_address[1], "kb@x.io", ("ops@x.io",), uses_tls=False),
        )
        async with (
            SqliteStore.open(tmp_path / "s.sqlite") as store,
            telling(store, both, clock) as teller,
        ):
            await raised(store, DEAD)
            for channel in both.names:
                await teller.tell(channel)
            assert (len(receiver.posts), len(mail.mails)) == (1, 1)
            receiver.status = 200
            await teller.tell("webhook")
            assert len(receiver.posts) == 1  # not before its pause is over
            clock.now += FIRST_PAUSE
            await teller.tell("webhook")
            assert await store.read(told.waiting) == []

    with serving(Receiver(503)) as receiver, serving(MailServer()) as mail:
        run(scenario())
    first, second = bodies(receiver)
    assert first["details"]["alerts"] == second["details"]["alerts"] == [1]
    assert "kbtool bridge deadletters list" in mail.mails[0]


def test_what_no_receiver_took_for_a_day_is_lost_and_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with (
            SqliteStore.open(tmp_path / "s.sqlite") as store,
            telling(store, Channels(receiver.url), clock) as teller,
        ):
            await raised(store, DEAD)
            while clock.now < NOW + LONGEST:
                await teller.tell("webhook")
                clock.now += 3600.0
            clock.now += 3600.0
            await teller.tell("webhook")
            assert await store.read(told.waiting) == [("webhook", "lost", 1)]

    with serving(Receiver(503)) as receiver:
        run(scenario())
    assert 20 <= len(receiver.posts) <= 26


def test_a_bridge_that_dies_between_sending_and_marking_tells_again_under_the_same_number(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with (
            SqliteStore.open(tmp_path / "s.sqlite") as store,
            telling(store, Channels(receiver.url), clock) as teller,
        ):
            await raised(store, DEAD)
            killed = asyncio.create_task(teller.tell("webhook"))
            await until(lambda: bool(receiver.posts))
            killed.cancel()
            await asyncio.gather(killed, return_exceptions=True)
        async with (
            SqliteStore.open(tmp_path / "s.sqlite") as store,
            telling(store, Channels(receiver.url), clock) as teller,
        ):
            clock.now += CLAIM
            await teller.tell("webhook")

    with serving(Receiver()) as receiver:
        run(scenario())
    assert {body["details"]["alerts"][0] for body in bodies(receiver)} == {1}
    assert 1 <= len(receiver.posts) <= 2


def test_of_two_bridges_on_one_store_each_alert_is_told_by_one() -> None:
    async def scenario(url: str) -> None:
        async with (
            PostgresStore.open(url) as one,
            PostgresStore.open(url) as other,
            telling(one, Channels(receiver.url), Clock()) as first,
            telling(other, Channels(receiver.url), Clock()) as second,
        ):
            await raised(one, DEAD, QUOTA)
            await asyncio.gather(*(teller.tell("webhook") for teller in (first, second, first, second)))

    with serving(Receiver()) as receiver, database() as url:
        run(scenario(url))
    assert sorted(body["details"]["alerts"] for body in bodies(receiver)) == [[1], [2]]


def test_a_new_channel_hears_of_nothing_that_was_before_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "s.sqlite") as store:
            await raised(store, QUOTA, at=NOW - 10)
            async with telling(store, Channels(receiver.url), Clock()) as teller:
                await raised(store, DEAD)
                await teller.tell("webhook")

    with serving(Receiver()) as receiver:
        run(scenario())
    assert [body["subject"] for body in bodies(receiver)] == [DEAD.subject]


def test_a_running_bridge_tells_of_a_customer_who_wants_a_person_now(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with (
            stand(tmp_path, {"x": Said("y")}) as at,
            HttpxAiohttpClient() as http,
            at.bridge(told=Told(Channels(receiver.url), http)),
        ):
            at.ask("My lawyer will hear of this")
            await at.until(lambda: bool(receiver.posts))

    with serving(Receiver()) as receiver:
        run(scenario())
    (body,) = bodies(receiver)
    assert body["level"] == "critical"
    assert "lawyer" not in json.dumps(body).replace("a lawyer", "")


# kbtool alert test


def config(folder: Path, url: str) -> Path:
    path = folder / "kb.toml"
    path.write_text(f'[notify]\nwebhook = "{url}"\n', encoding="utf-8")
    return path


def test_the_test_message_arrives_and_is_said_to_be_sent(tmp_path: Path) -> None:
    with serving(Receiver()) as receiver:
        done = CliRunner().invoke(app, ["alert", "test", "--config", str(config(tmp_path, receiver.url))])
    assert done.exit_code == 0
    assert done.output == "webhook: sent; look whether it has arrived\n"
    assert bodies(receiver)[0]["level"] == "info"


def test_a_deaf_channel_is_named_with_its_reason(tmp_path: Path) -> None:
    with serving(Receiver(403)) as receiver:
        path = str(config(tmp_path, receiver.url))
        done = CliRunner().invoke(app, ["alert", "test", "webhook", "--json", "--config", path])
    assert json.loads(done.stdout) == {"webhook": "answered 403"}
    assert "not told over webhook" in str(done.exception)


@pytest.mark.parametrize(("named", "said"), [("", "nobody is told"), ("slack", "slack is not configured")])
def test_where_nobody_is_told_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, said: str
) -> None:
    monkeypatch.delenv("SLACK_WEBHOOK", raising=False)
    path = config(tmp_path, "http://127.0.0.1:9/x" if named else "")
    done = CliRunner().invoke(app, ["alert", "test", *([named] if named else []), "--config", str(path)])
    assert said in str(done.exception)
