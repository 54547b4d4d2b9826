"""`kbtool bridge trace`, `replay` and `deadletters` on the store of a bridge that ran."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from bridge.chatwoot.client import ChatwootClient
from bridge.operating.deadletters import every
from bridge.operating.hops import Place
from bridge.operating.replay import Onlooker, answering_of, replay, stored
from bridge.serve import address_of, listen, serving
from bridge.store import open_store
from bridge.store.schema import deliveries, messages, posts
from bridge.store.visit import visit
from bridge.tables import inbox
from kbtool.cli import app
from kbtool.embedded import InputField as EngineInput
from kbtool.handoff import Policy
from tests.bridging import Dify, Said, stand
from tests.server import APP, over_http, run

QUESTION = "How long may I wait?"
OTHER = "Is it waterproof?"
SECRETS = {"CHATWOOT_BOT_TOKEN": "token", "CHATWOOT_WEBHOOK_SECRET": "secret", "DIFY_APP_KEY": "app-test"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a bridge that answered one question and handed one off, in conversation 1 of account 1."""
    folder = tmp_path_factory.mktemp("bridge")

    async def scenario() -> None:
        answers = {QUESTION: Said("You have 30 days.", 0.8), OTHER: Said("Yes.", 0.3)}
        async with stand(folder, answers, policy=Policy(clarify=False)) as at, at.bridge():
            visit = at.ask(QUESTION)
            await at.until(lambda: at.replies(visit) == ["You have 30 days."])
            at.ask(OTHER, visit)
            await at.until(lambda: at.status(visit) == "open")

    run(scenario())
    return folder / "bridge.sqlite"


@pytest.fixture
def project(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the store, and a kb.toml beside it."""
    for part in store.parent.glob("bridge.sqlite*"):
        (tmp_path / part.name).write_bytes(part.read_bytes())
    (tmp_path / "kb.toml").write_text('[bridge]\nstore = "bridge.sqlite"\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KBTOOL_DATABASE_URL", raising=False)
    return tmp_path


def said(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["bridge", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["bridge", *arguments])
    assert result.exception is not None
    return f"{result.exception}"


def questions(project: Path) -> list[int]:
    with visit(project / "bridge.sqlite") as connection:
        query = select(messages.c.id).where(messages.c.role == "customer").order_by(messages.c.id)
        return list(connection.execute(query).scalars())


@pytest.mark.usefixtures("project")
def test_a_trace_shows_every_hop_in_order_with_its_times_and_no_words() -> None:
    shown = said("trace", "1")
    assert shown.startswith("Conversation 1 of account 1, bot kbtool: ")
    steps = {word for line in shown.splitlines() if line.startswith("  ") for word in line.split()[1:4]}
    for step in ("delivery", "filter", "ask", "sources", "decision", "post", "handoff"):
        assert step in steps
    assert "is done (asks); reply: sent" in shown
    assert "waterproof" not in shown
    assert "30 days" not in shown


def test_a_trace_of_a_message_is_that_message_and_what_became_of_its_posts(project: Path) -> None:
    _, second = questions(project)
    whole = json.loads(said("trace", "1", "--json"))
    found = json.loads(said("trace", str(second), "--message", "--json"))
    assert found["message"] == second
    own = [hop for hop in whole["hops"] if hop["message"] >= second]
    assert found["hops"] == own
    texts = " ".join(hop["text"] for hop in found["hops"])
    for words in ("received", "wants an answer", "handoff: ", "reply posted", "private note posted", "open"):
        assert words in texts
    assert all(hop["since"] >= 0 for hop in found["hops"])
    assert found["now"] == [
        {"message": second, "state": "done", "verdict": "asks",
         "posts": ["reply: sent", "note: sent", "open: sent"]}
    ]  # fmt: skip


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trace", "99"), "no conversation or message 99 in the store"),
        (("trace", "99", "--message"), "no message 99 in the store"),
        (("trace", "1", "--account", "7"), "no conversation or message 1 in the store"),
        (("trace", "1", "--store", "nowhere.sqlite"), "there is no bridge store"),
        (("deadletters", "show", "x1"), "'x1' is no dead letter's name"),
        (("deadletters", "show", "m1"), "m1 is no dead letter (any more)"),
        (("deadletters", "retry"), "which dead letter?"),
        (("replay", "99"), "no conversation or message 99"),
    ],
)
def test_what_is_not_there_is_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(*arguments)


def test_a_file_that_is_no_store_is_a_sentence(project: Path) -> None:
    (project / "other.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 50)
    assert "not a store that this kbtool can read" in refused("trace", "1", "--store", "other.sqlite")


def test_a_replay_asks_todays_app_with_todays_threshold_and_posts_nothing(project: Path) -> None:
    async def scenario() -> None:
        dify = Dify({QUESTION: Said("You have 30 days.", 0.8), OTHER: Said("Yes.", 0.3)})
        listening = listen("127.0.0.1", 0)
        (project / "kb.toml").write_text(
            f'[dify]\nbase_url = "{address_of(listening)}/v1"\n[handoff]\nthreshold = 0.25\n'
            '[bridge]\nstore = "bridge.sqlite"\n[bridge.routes.web]\nmode = "reply"\nuntuned = true\n',
            encoding="utf-8",
        )
        before = (project / "bridge.sqlite").read_bytes()
        async with serving((dify.app, listening)):
            found = json.loads(await asyncio.to_thread(said, "replay", "1", "--json"))
            one = json.loads(
                await asyncio.to_thread(said, "replay", str(found[1]["message"]), "--message", "--json")
            )
        assert [(one["then"]["action"], one["now"]["action"], one["same"]) for one in found] == [
            ("reply", "reply", True),
            ("handoff", "reply", False),
        ]
        assert found[1]["posts"] == [{"kind": "reply", "text": "Yes."}]
        assert [each["message"] for each in one] == [found[1]["message"]]
        assert [asked["query"] for asked in dify.asked] == [QUESTION, OTHER, OTHER]
        assert (project / "bridge.sqlite").read_bytes() == before

    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patched:
        patched.setenv("CHATWOOT_USER_TOKEN", "user")
        run(scenario())


def test_a_replay_takes_together_what_the_turn_did_and_says_what_it_cannot_ask_along(project: Path) -> None:
    first, second = questions(project)
    with visit(project / "bridge.sqlite", writes=True) as connection:
        one = messages.c.id == first
        connection.execute(update(messages).where(messages.c.id.in_([first, second])).values(turn=second))
        picture = [{"kind": "image", "url": "https://chat.example.com/a.png", "size": 9, "words": ""}]
        connection.execute(update(messages).where(one).values(attachments=picture))

    async def scenario() -> None:
        dify = Dify({f"{QUESTION}\n{OTHER}": Said("You have 30 days, and it is.", 0.8)})
        listening = listen("127.0.0.1", 0)
        (project / "kb.toml").write_text(
            f'[dify]\nbase_url = "{address_of(listening)}/v1"\n'
            '[bridge]\nstore = "bridge.sqlite"\n[bridge.routes.web]\nmode = "draft"\n',
            encoding="utf-8",
        )
        async with serving((dify.app, listening)):
            (one,) = json.loads(await asyncio.to_thread(said, "replay", str(first), "--message", "--json"))
        assert (one["message"], one["then"]["action"], one["now"]["action"]) == (second, "handoff", "reply")
        assert one["lacking"] == ["image is not passed on"]

    run(scenario())


def test_a_replay_tells_the_app_of_the_contact_and_shows_nobody_typing(tmp_path: Path) -> None:
    async def scenario() -> None:
        form = (EngineInput("contact_name"),)
        async with (
            stand(tmp_path, {QUESTION: Said("You have 30 days.", 0.8)}) as at,
            over_http(apps=(replace(APP, inputs=form),)) as its,
        ):
            await its.dataset("# Waiting\n\nYou may wait for 30 days.")
            async with at.bridge():
                asker = at.ask(QUESTION)
                await at.until(lambda: bool(at.replies(asker)))
            with visit(at.settings.store) as connection:
                facts, asked = stored(connection, Place("kbtool", 1, at.conversation(asker).id))
            (route,) = at.settings.routes
            today = replace(at.settings, routes=(replace(route, contact=frozenset({"name"})),))
            calls: list[tuple[str, str]] = []
            make = answering_of(today, lambda _: its.client, at.http)
            at.http.event_hooks["request"].append(keep_path(calls))
            (alone,) = await replay(facts, asked, today, make)
            assert alone.now.reason == "ai_unavailable"
            desk = Onlooker(ChatwootClient(at.http, route.bot_token))
            (told,) = await replay(facts, asked, today, make, desk=desk)
            assert told.now.reason != "ai_unavailable"
            assert [method for method, _ in calls] == ["GET"]

    run(scenario())


def keep_path(calls: list[tuple[str, str]]) -> Callable[[httpx.Request], Awaitable[None]]:
    async def keep(request: httpx.Request) -> None:
        calls.append((request.method, request.url.path))

    return keep


def test_a_replay_by_a_table_without_a_route_for_it_says_so(project: Path) -> None:
    (project / "kb.toml").write_text(
        '[bridge]\nstore = "bridge.sqlite"\n[bridge.routes.web]\ninboxes = [77]\n', encoding="utf-8"
    )
    assert "no route of today's kb.toml answers this conversation (kbtool, inbox 1)" in refused("replay", "1")


def test_dead_letters_are_listed_shown_and_given_to_the_bridge_again(project: Path) -> None:
    assert said("deadletters", "list") == "No dead letters.\n"
    _, second = questions(project)
    path = project / "bridge.sqlite"

    async def break_it() -> None:
        async with open_store(path) as store:
            await store.write(lambda c: inbox.accept(c, "kbtool", "x", b"not JSON", time.time()))
            await store.write(
                lambda c: c.execute(
                    update(deliveries).where(deliveries.c.delivery == "x").values(state="unreadable")
                )
            )
            await store.write(
                lambda c: c.execute(update(messages).where(messages.c.id == second).values(state="failed"))
            )
            last = posts.c.kind == "open"
            await store.write(lambda c: c.execute(update(posts).where(last).values(state="refused")))

    run(break_it())
    listed = said("deadletters", "list")
    assert listed.splitlines()[-1] == "2 dead letters."
    (delivery,) = (line.split()[0] for line in listed.splitlines() if line.startswith("d"))
    assert "conversation 1/1: not said" in listed
    assert "not JSON" in said("deadletters", "show", delivery)
    assert f"kbtool bridge trace --message {second}" in said("deadletters", "show", f"m{second}")
    assert said("deadletters", "retry", f"m{second}").startswith("1 given to the bridge again")
    assert [one["name"] for one in json.loads(said("deadletters", "list", "--json"))] == [delivery]

    async def mended() -> None:
        """A bridge takes it up: the post that was refused is tried again, those that were sent are not."""
        async with stand(project / "new", {}) as at:
            visitor = at.ask("hello")
            await at.sandbox.settle()
            settings = replace(at.settings, store=path)
            at.settings = settings
            async with at.bridge():
                await at.until(lambda: state_of(path, second) == "done")
                assert at.replies(visitor) == []

    (project / "new").mkdir()
    run(mended())
    with visit(path) as connection:
        query = select(posts.c.state).where(posts.c.message == second).order_by(posts.c.number)
        assert list(connection.execute(query).scalars())[:2] == ["sent", "sent"]
        assert [one.name for one in every(connection)] == [delivery]


def state_of(path: Path, message: int) -> str:
    with visit(path) as connection:
        return str(connection.execute(select(messages.c.state).where(messages.c.id == message)).scalar_one())
