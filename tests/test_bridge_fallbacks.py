"""What keeps the AI from answering sends the customer to a person and tells the operator: Dify's errors, its
quota, a budget, a stale policy. And the routing table at work: two routes of one bot, changed while it runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bridge.answering import Chat
from bridge.sandbox.records import ContactInbox
from bridge.serve import Bridge, Reread, address_of, bridge, listen, serving
from bridge.settings import BridgeSettings, Budget, Mode
from bridge.speech.words import ENGLISH
from bridge.tables import alerts, usage
from bridge.tables.usage import month_of
from kbtool.canary import Canary, mark
from kbtool.errors import ConfigError, Rejected
from kbtool.handoff import Policy
from kbtool.model import Answer, Question
from kbtool.notify import Message
from tests.bridging import Said, Stand, stand
from tests.server import run
from tests.waiting import until

QUESTION = "How long may I wait?"
ANSWER = "You have 30 days."
GOOD = {QUESTION: Said(ANSWER, 0.8)}


@dataclass
class Priced:
    """A Dify whose answers cost: what `price` says, or nothing told."""

    chat_app: Chat
    price: str | None

    async def chat(self, question: Question, **more: Any) -> Answer:
        answer = await self.chat_app.chat(question, **more)
        return replace(answer, tokens=100, price=self.price, currency="USD")


class Spent:
    """A Dify whose provider gives nothing more (contract §6)."""

    async def chat(self, question: Question, **more: Any) -> Answer:  # noqa: ARG002
        raise Rejected("Dify answered 400 to a question", status=400, code="provider_quota_exceeded")


@asynccontextmanager
async def bridging(
    at: Stand,
    chats: Chat | Callable[[str], Chat] | None = None,
    *,
    is_stale: Callable[[], Awaitable[str]] | None = None,
    reread: Reread | None = None,
    **changes: Any,
) -> AsyncIterator[Bridge]:
    hooks, ops = listen("127.0.0.1", at.port), listen("127.0.0.1", 0)
    at.ops = address_of(ops)
    settings = replace(at.settings, **changes)
    async with (
        bridge(settings, chats or at.chat, at.http, is_stale=is_stale, reread=reread) as running,
        serving((running.app, hooks), (running.ops, ops)),
    ):
        yield running


def has_said(at: Stand, visit: ContactInbox) -> bool:
    return bool(at.replies(visit))


async def until_open(at: Stand, visit: ContactInbox) -> None:
    await at.until(lambda: at.status(visit) == "open")


async def until_answered(at: Stand, visit: ContactInbox) -> None:
    await at.until(lambda: at.replies(visit) == [ANSWER])


async def told(running: Bridge) -> list[Message]:
    """The alerts so far."""
    return [one.message for one in await running.store.read(lambda c: alerts.after(c, 0))]


async def until_told(running: Bridge, key: str) -> Message:
    async def look() -> Message | None:
        return next((message for message in await told(running) if message.key == key), None)

    return await until(look, lambda: f"{key} was not told")


def test_a_dify_that_fails_is_told_once_and_every_customer_gets_a_person(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {QUESTION: Said(status=500)}) as at, bridging(at) as running:
            visits = [at.ask(QUESTION), at.ask(QUESTION)]
            for visit in visits:
                await until_open(at, visit)
                assert "[ai_unavailable]" in at.notes(visit)[0]
            await until_told(running, "dify:kbtool")
            assert [message.key for message in await told(running)] == ["dify:kbtool"]

    run(scenario())


def test_a_quota_that_is_used_up_is_told_as_such(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, {}) as at, bridging(at, Spent()) as running:
            visit = at.ask(QUESTION)
            await at.until(lambda: at.status(visit) == "open")
            message = await until_told(running, "quota:kbtool")
            assert "quota" in message.subject
            assert message.level == "critical"

    run(scenario())


def test_a_spent_budget_sends_questions_to_people_and_greetings_are_still_answered(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            (route,) = at.settings.routes
            bounded = replace(route, budget=Budget(money=1.0))
            async with bridging(at, Priced(at.chat, "0.6"), routes=(bounded,)) as running:
                for _ in range(2):
                    visit = at.ask(QUESTION)
                    await until_answered(at, visit)
                assert (await until_told(running, next(iter(await keys(running))))).key.endswith(":spent")
                late = at.ask(QUESTION)
                await at.until(lambda: at.status(late) == "open")
                assert "[budget_spent]" in at.notes(late)[0] or "budget_spent" in at.notes(late)[0]
                greeting = at.ask("hello")
                await at.until(lambda: at.replies(greeting) == [ENGLISH.greeting])
                assert len(at.dify.asked) == 2
            # The next bridge on the store knows it from the start.
            async with bridging(at, Priced(at.chat, "0.6"), routes=(bounded,)):
                later = at.ask(QUESTION)
                await at.until(lambda: at.status(later) == "open")
                assert len(at.dify.asked) == 2

    async def keys(running: Bridge) -> list[str]:
        async def look() -> list[str]:
            return [message.key for message in await told(running) if message.key.startswith("budget:")]

        return await until(look, lambda: "nothing was told of the budget")

    run(scenario())


def test_an_unknown_price_closes_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            (route,) = at.settings.routes
            bounded = replace(route, budget=Budget(money=0.01))
            async with bridging(at, Priced(at.chat, None), routes=(bounded,)):
                for _ in range(2):
                    visit = at.ask(QUESTION)
                    await until_answered(at, visit)

    run(scenario())


def test_a_stale_policy_holds_replies_and_not_drafts(tmp_path: Path) -> None:
    async def stale() -> str:
        return "3 of 5 canary questions score differently"

    async def scenario(mode: Mode) -> None:
        (tmp_path / mode).mkdir()
        async with stand(tmp_path / mode, GOOD, mode=mode) as at, bridging(at, is_stale=stale) as running:
            assert "canary" in (await until_told(running, "policy_stale")).lines[0]
            visit = at.ask(QUESTION)
            await at.until(lambda: at.status(visit) == "open")
            if mode is Mode.REPLY:
                assert at.replies(visit) == [ENGLISH.handoff]
                assert at.dify.asked == []
            else:
                assert ANSWER in at.notes(visit)[0]

    run(scenario(Mode.REPLY))
    run(scenario(Mode.DRAFT))


def test_canaries_that_sing_otherwise_hold_replies_until_the_policy_is_measured_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        answers = GOOD | {"canary": Said("It sings.", 0.4)}
        async with stand(tmp_path, answers) as at:
            text = answers["canary"].sources[0]
            old = Policy(canaries=(Canary("canary", 0.9, mark(text)),))
            new = Policy(canaries=(Canary("canary", 0.4, mark(text)),))
            current = [replace(at.settings, policy=old)]
            (tmp_path / "kb.toml").write_text("# one", encoding="utf-8")
            reread = Reread(tmp_path / "kb.toml", lambda: current[0])
            async with bridging(at, reread=reread, policy=old) as running:
                message = await until_told(running, "policy_stale")
                assert "0.90 → 0.40" in message.lines[0]
                visit = at.ask(QUESTION)
                await until_open(at, visit)
                assert [asked["query"] for asked in at.dify.asked] == ["canary"]
                month = month_of(time.time(), "UTC")
                spent = await running.store.read(lambda c: usage.spent(c, "kbtool", month))
                assert spent.answers == 1  # canaries cost what answers cost
                current[0] = replace(at.settings, policy=new)
                running.look_again()
                await at.until(lambda: len(at.dify.asked) == 2)
                await asyncio.sleep(0.2)
                await until_answered(at, at.ask(QUESTION))

    run(scenario())


def test_two_routes_of_one_bot_have_their_own_app_threshold_and_mode_and_change_at_work(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            (route,) = at.settings.routes
            vip = replace(
                route, name="vip", bot="kbtool", labels=frozenset({"vip"}), app="vip", mode=Mode.DRAFT
            )
            rest = replace(route, name="rest", bot="kbtool", policy=Policy(threshold=0.9))
            current: list[BridgeSettings] = [replace(at.settings, routes=(vip, rest))]
            asked: list[str] = []

            def chats(app: str) -> Chat:
                if app not in {"", "vip"}:
                    raise ConfigError(f"no key for {app}")
                asked.append(app)
                return at.chat

            (tmp_path / "kb.toml").write_text("# one", encoding="utf-8")
            reread = Reread(tmp_path / "kb.toml", lambda: current[0])
            async with bridging(at, chats, reread=reread, routes=(vip, rest)) as running:
                assert sorted(set(asked)) == ["", "vip"]
                strict = at.ask(QUESTION)
                await at.until(lambda: at.status(strict) == "open")
                assert at.replies(strict) == [ENGLISH.handoff]
                labelled = at.sandbox.state.arrive()
                conversation = at.sandbox.state.begin(labelled, labels=("vip",))
                assert conversation.labels == ("vip",)
                at.ask(QUESTION, labelled)
                await at.until(lambda: any(ANSWER in note for note in at.notes(labelled)))

                current[0] = replace(at.settings, routes=(vip, replace(rest, policy=Policy(threshold=0.7))))
                running.look_again()
                for _ in range(50):
                    visit = at.ask(QUESTION)
                    await at.until(partial(has_said, at, visit))
                    if at.replies(visit) == [ANSWER]:
                        break
                assert at.replies(visit) == [ANSWER]

                # An app without a key: refused, and what was there goes on.
                current[0] = replace(at.settings, routes=(replace(rest, app="unknown"),))
                running.look_again()
                message = await until_told(running, "reload_refused")
                assert "no key for unknown" in message.lines[0]
                again = at.ask(QUESTION)
                await at.until(lambda: at.replies(again) == [ANSWER])

    run(scenario())


def test_readiness_tells_the_neighbours_apart_and_does_not_depend_on_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with stand(tmp_path, GOOD) as at:
            at.dify.is_published = False
            async with bridging(at):
                states = await at.ready()
            assert states["status"] == "ready"
            assert (states["database"], states["worker"], states["chatwoot"]) == ("ok", "ok", "ok")
            assert "404" in states["dify"]

    run(scenario())
