"""Key figures of a bridge at work: what its store tells of conversations in the sandbox."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select
from typer.testing import CliRunner

from bridge.kpi.rows import rows, visited
from bridge.kpi.watch import Watch
from bridge.sandbox.records import ContactInbox, MessageType, User
from bridge.settings import BridgeSettings, Keep
from bridge.store.schema import closings, messages, posts, ratings, turns
from bridge.store.sqlite import SqliteStore
from bridge.tables.alerts import after
from bridge.tables.retention import DAY, forget
from kbtool.cli import app
from kbtool.config import Kpi
from kbtool.handoff import Policy
from kbtool.kpi.figures import figures
from kbtool.kpi.matters import QUIET, matters
from kbtool.kpi.rows import By
from tests.bridging import Said, Stand, stand
from tests.server import run
from tests.waiting import until

ASKED = "How long may I wait?"
DIFY = {ASKED: Said("You have 30 days.", 0.9), "Do you ship to Iceland?": Said("Perhaps.", 0.1)}
SURVEY = Path(__file__).parent / "contract" / "chatwoot" / "message_updated_csat_response_web.json"


def person(at: Stand) -> User:
    return next(iter(at.sandbox.state.directory.users.values()))


def resolve(at: Stand, visit: ContactInbox) -> None:
    at.sandbox.state.set_status(at.conversation(visit), "resolved", person(at))


def rate(at: Stand, visit: ContactInbox, *ratings: int, words: str = "") -> None:
    """Chatwoot asks, and the customer rates: once, or changing it."""
    survey = at.sandbox.state.add(
        at.conversation(visit), MessageType.template, "Please rate us", content_type="input_csat"
    )
    for stars in ratings:
        answer = {"rating": stars, "feedback_message": words}
        survey = at.sandbox.state.submit(survey, {"csat_survey_response": answer})


def count(connection: Connection, of: Any) -> int:
    return connection.execute(select(func.count()).select_from(of)).scalar_one()


def test_a_day_of_conversations_gives_its_figures(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, DIFY) as at, at.bridge() as bridge:
            begun = time.time() - 1
            alone = at.ask(ASKED)
            await at.until(lambda: len(at.replies(alone)) == 1)
            resolve(at, alone)
            rate(at, alone, 2, 5)
            helped = at.ask("Do you ship to Iceland?")
            await at.until(lambda: at.status(helped) == "open")
            at.sandbox.state.reply(at.conversation(helped), "We do not.", person(at))
            silent = at.ask("I want to talk to a human")
            await at.until(lambda: at.status(silent) == "open")

            async def all_is_known() -> bool:
                now = time.time()
                found = await bridge.store.read(lambda c: rows(c, begun, now))
                said = [one.by for one in found.said]
                return len(found.rated) == 1 and said.count(By.PERSON) == 1 and bool(found.closed)

            await until(all_is_known)
            now = time.time() + QUIET + 60
            found = figures(await bridge.store.read(lambda c: rows(c, begun, now)), begun, now)
            assert found.matters == 3
            assert (found["deflection"].hits, found["deflection"].n) == (1, 3)
            assert (found["handoff"].hits, found["handoff"].n) == (2, 3)
            assert found.reasons == {"asked_for_person": 1, "below_threshold": 1}
            assert found.waiting == 1
            assert (found["csat"].hits, found["csat"].n) == (1, 1)
            assert found["first_response_ai_p50"].n == 1
            assert found["first_response_human_p50"].n == 1
            assert found["cost"].value is None  # this Dify tells no price
            store = at.settings.store
            assert figures(visited(store, begun, now), begun, now) == found

    run(scenario())


def test_one_closing_is_kept_once_and_an_ordinary_message_writes_neither(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, DIFY) as at, at.bridge() as bridge:
            visit = at.ask(ASKED)
            await at.until(lambda: len(at.replies(visit)) == 1)
            assert await bridge.store.read(lambda c: (count(c, closings), count(c, ratings))) == (0, 0)
            resolve(at, visit)
            await asyncio.sleep(0.01)  # Chatwoot's messages bear milliseconds, its conversations more
            at.ask(ASKED, visit)
            await at.until(lambda: len(at.replies(visit)) == 2)
            assert await bridge.store.read(lambda c: count(c, closings)) == 1
            now = time.time()
            found = await bridge.store.read(lambda c: rows(c, now - 60, now))
            first, second = matters(found)
            assert first.closed_at is not None
            assert second.closed_at is None

    run(scenario())


def test_what_is_written_to_a_rating_is_kept_without_addresses_and_forgotten(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, DIFY) as at, at.bridge() as bridge:
            visit = at.ask(ASKED)
            await at.until(lambda: len(at.replies(visit)) == 1)
            resolve(at, visit)
            rate(at, visit, 1, words="call marta@example.net about order 48213")

            async def words() -> str:
                return await bridge.store.read(
                    lambda c: c.execute(select(ratings.c.words)).scalar_one_or_none() or ""
                )

            await until(words)
            assert await words() == "call [email] about order [number]"
            await forget(bridge.store, Keep(words=90), time.time() + 91 * DAY)
            assert await words() == ""
            assert await bridge.store.read(lambda c: count(c, ratings)) == 1

    run(scenario())


def test_what_is_no_rating_is_taken_and_not_counted(tmp_path: Path) -> None:
    body = json.loads(SURVEY.read_text(encoding="utf-8"))["body"]
    answer = body["content_attributes"]["submitted_values"]["csat_survey_response"]

    async def scenario() -> None:
        async with stand(tmp_path, DIFY) as at, at.bridge() as bridge:
            for stars in (0, 6, "5", None, True):
                answer["rating"] = stars
                assert await at.deliver(json.dumps(body).encode()) == 200
            visit = at.ask(ASKED)
            await at.until(lambda: len(at.replies(visit)) == 1)
            assert await bridge.store.read(lambda c: count(c, ratings)) == 0

    run(scenario())


def test_the_figures_stand_in_the_metrics_with_their_targets(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, DIFY) as at:
            async with at.bridge():
                visit = at.ask(ASKED)
                await at.until(lambda: len(at.replies(visit)) == 1)
                await at.traced(visit, "posted")
            later = time.time() + QUIET + 60
            async with at.bridge(clock=lambda: later, kpi=Kpi(deflection=0.4)):

                async def shown() -> bool:
                    text = (await at.http.get(f"{at.ops}/metrics")).text
                    lines = (
                        'bridge_kpi_ratio{figure="deflection"} 1.0',
                        'bridge_kpi_over{figure="deflection"} 1.0',
                        'bridge_kpi_target{figure="deflection"} 0.4',
                        'bridge_kpi_over{figure="csat"} 0.0',
                    )
                    assert 'bridge_kpi_ratio{figure="csat"}' not in text
                    return all(line in text for line in lines)

                await until(shown)

    run(scenario())


def rated(connection: Connection, first: int, at: float, *stars: int) -> None:
    """Conversations that the AI answered alone, each closed and rated at that time."""
    for number, given in enumerate(stars, start=first):
        key = {"bot": "kbtool", "account": 1, "conversation": number}
        said = {"role": "customer", "verdict": "asks", "text": "", "state": "done", "received_at": at}
        row = key | said | {"id": number, "at": at - 9, "attachments": [], "contact": number, "mark": ""}
        connection.execute(insert(messages), row)
        decided = {"message": number, "at": at - 8, "action": "reply", "reason": "answered"}
        connection.execute(insert(turns), key | decided)
        echo = {"id": 20_000 + number, "at": at - 7, "role": "bot", "contact": 0}
        connection.execute(insert(messages), row | echo)
        sent = {"bot": "kbtool", "account": 1, "message": number, "number": 0, "kind": "reply", "text": ""}
        state = {"state": "sent", "begun_at": at - 7, "posted": 20_000 + number}
        connection.execute(insert(posts), sent | state)
        connection.execute(insert(ratings), key | {"message": 10_000 + number, "at": at, "rating": given,
                                                   "words": ""})  # fmt: skip


def test_a_drop_of_ratings_is_told_once_a_week_unless_kb_toml_says_not_to(tmp_path: Path) -> None:
    now = time.time()

    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "bridge.sqlite") as store:
            await store.write(lambda c: rated(c, 1, now - 20 * DAY, *([5] * 50)))
            await store.write(lambda c: rated(c, 100, now - DAY, *([1] * 20)))
            for asked, told in ((False, 0), (True, 1), (True, 1)):
                settings = BridgeSettings(tmp_path, (), Policy(), kpi=Kpi(rating_alert=asked))
                await Watch(store, lambda settings=settings: settings, lambda: now).look()  # type: ignore[misc]
                raised = await store.read(lambda c: after(c, 0))
                assert len(raised) == told
            (alert,) = raised
            assert alert.message.key == "csat_drop"
            assert "0 of 20" in alert.message.lines[0]

    run(scenario())


def test_the_command_shows_the_figures_and_what_they_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KBTOOL_DATABASE_URL", raising=False)
    (tmp_path / "kb.toml").write_text("[kpi]\ncsat = 0.9\n", encoding="utf-8")
    missing = CliRunner().invoke(app, ["bridge", "kpi"])
    assert "there is no bridge store" in str(missing.exception)

    async def fill() -> None:
        async with SqliteStore.open(tmp_path / ".kbtool" / "bridge.sqlite") as store:
            await store.write(lambda c: rated(c, 1, time.time() - 2 * DAY, 5, 4, 2))

    run(fill())
    found = json.loads(CliRunner().invoke(app, ["bridge", "kpi", "--json"]).output)
    (csat,) = (one for one in found["figures"] if one["name"] == "csat")
    assert (csat["counted"], csat["of"], csat["target"], csat["met"]) == (2, 3, 0.9, False)
    assert all(one["definition"] and one["source"] for one in found["figures"])
    shown = CliRunner().invoke(app, ["bridge", "kpi", "--define"]).output
    assert "✗ CSAT where the AI was alone" in shown
    assert csat["definition"] in shown
