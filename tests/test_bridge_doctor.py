"""`kbtool doctor bridge` names what was broken: each fault is put into Chatwoot, Dify or the network between.

The doctor knows nothing of how. What is sound is called sound, and what is broken is the only problem named.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_aiohttp import HttpxAiohttpClient
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as Asgi
from typer.testing import CliRunner, Result

from bridge.doctor import Scene, arrival, examine, message
from bridge.sandbox import CallFault, DeliverySettings, Faults
from bridge.sandbox.records import Bot, ContactInbox
from bridge.sandbox.settings import BotSettings, UserSettings, WebhookSettings
from bridge.serve import address_of, listen, serving
from bridge.settings import BridgeSettings
from bridge.store.visit import visit
from kbtool.cli import app
from kbtool.doctor import Finding, Level
from kbtool.doctor.alerts import examine_alerts
from kbtool.errors import ConfigError, Exit
from kbtool.notify import Channels, Email
from tests.bridging import Said, Stand, stand
from tests.ports import free_port
from tests.server import run
from tests.test_notify import MailServer
from tests.test_notify import serving as receiving

ADMINISTRATOR = "sandbox-administrator-token"
AGENT = "sandbox-agent-token"
ANSWER = Said("You have 30 days.", 0.9)
ANSWERS = {"refund": ANSWER}


@dataclass
class Net:
    """What stands between Chatwoot and the bridge, and does as it is told to each request that passes."""

    to: str
    status: int = 0
    location: str = ""
    seconds: float = 0.0
    drops: tuple[str, ...] = ()
    adds: bytes = b""
    path: Callable[[str], str] = field(default=lambda path: path)
    http: HttpxAiohttpClient = field(default_factory=lambda: HttpxAiohttpClient(trust_env=False))

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        answer = await self._answer(request)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        await asyncio.sleep(self.seconds)
        if self.status:
            return Response("nginx\n", self.status, {"location": self.location} if self.location else None)
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in {"host", "content-length", *self.drops}
        }
        body = await request.body() + self.adds
        try:
            passed = await self.http.request(
                request.method, self.to + self.path(request.url.path), content=body, headers=headers
            )
        except httpx.HTTPError:
            return Response("bad gateway\n", 502)
        return Response(passed.content, passed.status_code)


@dataclass
class World:
    """A stand whose bot is called through `net`. `settings` and `ops` are what the doctor is told."""

    at: Stand
    net: Net
    url: str
    settings: BridgeSettings
    ops: str = ""
    listens: tuple[str, int] = ("127.0.0.1", 0)
    chatwoot: str = ""
    clock: Callable[[], float] = time.time

    @property
    def bot(self) -> Bot:
        return self.at.sandbox.state.directory.bots[1]

    def set_bot(self, **changes: Any) -> None:
        self.at.sandbox.state.directory.change_bot(replace(self.bot, **changes))

    def set_inbox(self, number: int = 1, **changes: Any) -> None:
        inboxes = self.at.sandbox.state.directory.inboxes
        inboxes[number] = replace(inboxes[number], **changes)

    def route(self, **changes: Any) -> None:
        """As the doctor, and whoever runs it, believe the route to be."""
        self.settings = replace(self.settings, routes=(replace(self.settings.routes[0], **changes),))

    async def asked(self, text: str = "refund") -> ContactInbox:
        """A customer has written, and all that follows of it has happened."""
        visit = self.at.ask(text)
        await self.at.sandbox.settle()
        return visit

    async def answered(self) -> ContactInbox:
        visit = await self.asked()
        await self.at.until(lambda: self.at.replies(visit) == ["You have 30 days."])
        await self.at.sandbox.settle()
        return visit

    async def findings(self) -> list[Finding]:
        base = self.chatwoot or str(self.at.http.base_url)
        async with (
            HttpxAiohttpClient(base_url=base, trust_env=False, timeout=5.0) as chatwoot,
            HttpxAiohttpClient(trust_env=False, timeout=10.0) as outside,
        ):
            scene = Scene(
                self.settings,
                chatwoot,
                outside,
                lambda _: self.at.chat,
                self.listens,
                self.ops or self.at.ops,
                lambda: visit(self.at.settings.store),
                clock=self.clock,
            )
            return [one async for one in examine(scene)]


@asynccontextmanager
async def world(
    folder: Path, answers: dict[str, Said], *, delivery: DeliverySettings | None = None, works: bool = True
) -> AsyncIterator[World]:
    async with stand(
        folder,
        answers,
        user_token=ADMINISTRATOR,
        delivery=delivery,
        users=(
            UserSettings("Other administrator", "other@fennbrook.example", "other-token", "administrator"),
        ),
    ) as at:
        net = Net(f"http://127.0.0.1:{at.port}")
        outside = listen("127.0.0.1", 0)
        url = f"{address_of(outside)}/webhooks/chatwoot/kbtool"
        async with net.http, serving((net, outside)):
            own = World(at, net, url, at.settings, listens=("127.0.0.1", at.port))
            own.set_bot(url=url)
            if not works:
                own.ops = f"http://127.0.0.1:{free_port()}"
                async with at.bridge():
                    pass  # it has made its store, and is gone
                yield own
                return
            async with at.bridge():
                yield own


def problems(found: list[Finding]) -> list[tuple[str, str]]:
    assert all(one.remedy for one in found if one.level is not Level.FINE)
    return [(one.about, one.said) for one in found if one.level is Level.PROBLEM]


def test_what_is_sound_is_called_sound(tmp_path: Path) -> None:
    async def story() -> list[Finding]:
        async with world(tmp_path, ANSWERS) as here:
            await here.answered()
            return await here.findings()

    found = run(story())
    assert problems(found) == []
    told = [one.about for one in found if one.level is Level.FINE]
    assert told == [
        "Chatwoot", "clocks", "bot token", "user token", "bot", "inbox", "second brain", "arrival", "bridge",
        "store", "app", "app's prompt", "message", "delivery", "filter", "decision", "post", "channel",
    ]  # fmt: skip
    assert [one.about for one in found if one.level is Level.NOTE] == ["address"]  # loopback is private


# What is broken: what is done, once a message was answered or before, and what is then said of what.
Fault = Callable[[World], Awaitable[None]]


async def _no_bot(here: World) -> None:
    here.set_bot(url="https://elsewhere.example.com/hook")


async def _wrong_path(here: World) -> None:
    """What the proxy passes on is another path than Chatwoot's."""
    here.net.path = lambda path: path.replace("/webhooks", "/webhooks/webhooks")


async def _other_secret(here: World) -> None:
    here.route(secret="that of another bot")


async def _restarted_with_another_secret(here: World) -> None:
    """Chatwoot and the doctor have a new secret, the bridge was not started anew."""
    here.set_bot(secret="renewed")
    here.route(secret="renewed")


async def _agents_token(here: World) -> None:
    here.route(user_token=AGENT)


async def _bots_token_for_the_user(here: World) -> None:
    here.route(user_token=here.bot.token)


async def _users_token_for_the_bot(here: World) -> None:
    here.route(bot_token="other-token")


async def _token_of_nobody(here: World) -> None:
    here.route(bot_token="mistyped")


async def _another_bots_token(here: World) -> None:
    directory = here.at.sandbox.state.directory
    other = directory.add_bot(
        directory.accounts[1], BotSettings("https://n8n.example.com/x", "s", "t", "Other")
    )
    here.route(bot_token=other.token)


async def _not_connected(here: World) -> None:
    here.at.sandbox.state.directory.attach(here.at.sandbox.state.directory.inboxes[1], None)


async def _connected_to_an_inbox_of_no_route(here: World) -> None:
    directory = here.at.sandbox.state.directory
    directory.attach(directory.inboxes[2], here.bot)
    here.route(inboxes=frozenset({1}))


async def _dialogflow(here: World) -> None:
    here.at.sandbox.state.directory.dialogflow.add(1)


async def _captain(here: World) -> None:
    here.at.sandbox.state.directory.captain.add(1)


async def _same_webhook(here: World) -> None:
    directory = here.at.sandbox.state.directory
    directory.add_webhook(directory.accounts[1], WebhookSettings(here.url))


async def _signature_lost(here: World) -> None:
    here.net.drops = ("x-chatwoot-signature",)


async def _body_changed(here: World) -> None:
    here.net.adds = b"\n"


async def _bad_gateway(here: World) -> None:
    here.net.status = 502


async def _redirected(here: World) -> None:
    here.net.status, here.net.location = 301, here.url.replace("http:", "https:")


async def _another_site(here: World) -> None:
    here.net.status = 200


async def _slow_way(here: World) -> None:
    here.net.seconds = 1.2


async def _no_citations(here: World) -> None:
    here.at.dify.has_citations = False


async def _no_constraints(here: World) -> None:
    here.at.dify.answers = ANSWERS | {
        "What is the capital of Australia?": Said("The capital of Australia is Canberra.", sources=())
    }


async def _tunnel_to_nobody(here: World) -> None:
    """The address leads to another machine's door, and the bridge listens on this one's inside only."""
    here.set_bot(url=f"http://127.0.0.1:{free_port()}/webhooks/chatwoot/kbtool")


FAULTS: dict[str, tuple[Fault, str, str]] = {
    "no bot calls us": (_no_bot, "bot", "none calls …/webhooks/chatwoot/kbtool. There are: “Assistant”"),
    "the proxy loses the path": (_wrong_path, "arrival", "knows no bot of this name (404)"),
    "another secret": (_other_secret, "webhook secret", "signs with another one than ours"),
    "the bridge has the old secret": (
        _restarted_with_another_secret, "signature", "refuses what is signed with our secret",
    ),
    "an agent's token reads": (_agents_token, "user token", "who is an agent"),
    "the bot's token reads": (_bots_token_for_the_user, "user token", "is an agent bot's"),
    "a person's token writes": (_users_token_for_the_bot, "bot token", "is Other administrator's own"),
    "a token of nobody": (_token_of_nobody, "bot token", "is nobody's"),
    "another bot's token": (_another_bots_token, "bot token", "is not that of “Assistant”"),
    "not connected": (_not_connected, "inbox", "is connected to none of 2"),
    "an inbox of no route": (_connected_to_an_inbox_of_no_route, "inbox", "no route takes it"),
    "Dialogflow answers too": (_dialogflow, "second brain", "Dialogflow answers in “Fennbrook website” too"),
    "Captain answers too": (_captain, "second brain", "Captain answers in “Fennbrook website” too"),
    "the account's webhook too": (_same_webhook, "webhook", "each message comes twice"),
    "the signature is dropped": (_signature_lost, "signature", "on the way headers or the body are changed"),
    "the body is changed": (_body_changed, "signature", "on the way headers or the body are changed"),
    "bad gateway": (_bad_gateway, "arrival", "answered 502; the bridge is up at 127.0.0.1"),
    "a redirect": (_redirected, "arrival", "redirects (it answered 301)"),
    "another site": (_another_site, "arrival", "takes what nobody signed"),
    "a slow way": (_slow_way, "arrival", "no answer in 1 s; Chatwoot has hung up by then"),
    "no citations": (_no_citations, "citations", "switched off"),
    "an app without constraints": (_no_constraints, "app's prompt", "“What is the capital of Australia?”"),
    "bound to loopback": (_tunnel_to_nobody, "arrival", "listens on 127.0.0.1 only"),
}  # fmt: skip


FOLLOWS = {"another secret": "signature"}
"""What else is then true."""


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_and_nothing_else(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it, about, words = FAULTS[name]
    monkeypatch.setattr(arrival, "PATIENCE", 1.0)

    async def story() -> list[Finding]:
        async with world(tmp_path, dict(ANSWERS)) as here:
            await here.answered()
            await break_it(here)
            found = await here.findings()
            here.net.status = 0
            return found

    found = problems(run(story()))
    assert found, name
    assert found[0][0] == about, found
    assert words in found[0][1], found
    assert {one for one, _ in found} <= {about, FOLLOWS.get(name)}, found


def test_a_bridge_that_is_down(tmp_path: Path) -> None:
    async def story() -> list[Finding]:
        async with world(tmp_path, ANSWERS, works=False) as here:
            return await here.findings()

    (found,) = problems(run(story()))
    assert found[0] == "arrival"
    assert "nor does anything answer at 127.0.0.1" in found[1]


def test_a_chatwoot_that_is_not_there_or_too_old_or_without_its_queue(tmp_path: Path) -> None:
    async def story() -> list[list[tuple[str, str]]]:
        async with world(tmp_path, ANSWERS) as here:
            gone = here.chatwoot
            here.chatwoot = f"http://127.0.0.1:{free_port()}"
            seen = [problems(await here.findings())]
            here.chatwoot = gone
            usual = here.at.sandbox.settings
            for changed in (replace(usual, version="4.12.1"), replace(usual, queue_services="failing")):
                here.at.sandbox.settings = changed
                seen.append(problems(await here.findings()))
            return seen

    gone, old, stuck = run(story())
    assert "cannot be reached" in gone[0][1]
    assert old == [("Chatwoot", "4.12.1 is too old: it does not sign, or lets no bot read a conversation")]
    assert "no webhook leaves it" in stuck[0][1]


def test_clocks_that_differ_by_more_than_a_signature_may(tmp_path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        async with world(tmp_path, ANSWERS) as here:
            here.clock = lambda: time.time() + 600
            return problems(await here.findings())

    found = run(story())
    assert found[0][0] == "clocks"
    assert re.fullmatch(r"Chatwoot's is 60\d s behind ours: what it signs is refused as old", found[0][1])
    assert {about for about, _ in found} == {"clocks", "signature"}


# Where a message stopped.


def test_a_private_network_that_chatwoot_refuses(tmp_path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        shut = DeliverySettings(private_network=False, retry_seconds=0.05)
        async with world(tmp_path, ANSWERS, delivery=shut) as here:
            await here.asked()
            return problems(await here.findings())

    assert run(story()) == [("private network", "Chatwoot could not deliver it, and opened the conversation")]


def test_a_bot_that_is_switched_off_in_its_inbox(tmp_path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        async with world(tmp_path, ANSWERS) as here:
            here.set_inbox(bot_is_on=False)
            await here.asked()
            return problems(await here.findings())

    ((about, said),) = run(story())
    assert about == "delivery"
    assert "the inbox calls no bot" in said


def test_a_queue_that_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "ON_ITS_WAY", 0.0)

    async def story() -> list[tuple[str, str]]:
        async with world(tmp_path, ANSWERS) as here:
            here.at.sandbox.deliveries.send = _nothing  # type: ignore[assignment,method-assign]
            here.at.ask("refund")
            return problems(await here.findings())

    assert run(story()) == [("delivery", "it waits in Chatwoot, and was never sent")]


def _nothing(_: Any) -> None:
    """What a Sidekiq does that is not there."""


def test_a_dify_that_fails(tmp_path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        async with world(tmp_path, {"refund": Said(status=500)}) as here:
            visit = await here.asked()
            await here.at.until(lambda: here.at.status(visit) == "open")
            return problems(await here.findings())

    ((about, said),) = run(story())
    assert about == "decision"
    assert "the AI could not be reached in time" in said
    assert "500" in said


def test_a_post_that_chatwoot_refuses(tmp_path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        async with world(tmp_path, ANSWERS) as here:
            here.at.chatwoot.faults = ["refused", "refused"]
            visit = await here.asked()
            await here.at.until(lambda: here.at.status(visit) == "open")
            await here.at.sandbox.settle()
            return problems(await here.findings())

    ((about, said),) = run(story())
    assert about == "post"
    assert "did not take the reply: Chatwoot answered 422" in said


def test_a_channel_that_does_not_deliver(tmp_path: Path) -> None:
    async def story() -> list[tuple[str, str]]:
        async with world(tmp_path, ANSWERS) as here:
            visit = await here.answered()
            state = here.at.sandbox.state
            last = state.messages(here.at.conversation(visit))[-1]
            failed = {**last.content_attributes, "external_error": "(#131047) Re-engagement message"}
            state.update(last, status="failed", content_attributes=failed)
            await here.at.sandbox.settle()
            return problems(await here.findings())

    found = dict(run(story()))
    assert "131047" in found["channel"]


def test_an_echo_that_never_came_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "ON_ITS_WAY", 0.0)

    async def story() -> list[tuple[str, str]]:
        async with world(tmp_path, ANSWERS) as here:
            send = here.at.sandbox.deliveries.send

            def only_incoming(event: Any) -> None:
                if event.body.get("message_type") == "incoming":
                    send(event)

            here.at.sandbox.deliveries.send = only_incoming  # type: ignore[method-assign]
            await here.answered()
            return problems(await here.findings())

    ((about, said),) = run(story())
    assert about == "echo"
    assert "did not come back" in said


def test_a_chatwoot_that_answers_no_listing_is_a_finding_and_no_traceback(tmp_path: Path) -> None:
    async def story() -> list[Finding]:
        async with world(tmp_path, ANSWERS) as here:
            fault = CallFault("refused", "agent_bots/index", 503, times=None)
            here.at.sandbox.state.faults = Faults(calls=(fault,))
            return await here.findings()

    found = problems(run(story()))
    assert ("Chatwoot", "Chatwoot answered 503 to GET /api/v1/accounts/1/agent_bots") in found


# Who is told of alarms.


async def told(email: Email) -> list[tuple[str, str]]:
    return problems([one async for one in examine_alerts(Channels(email=email))])


@pytest.mark.parametrize(
    ("sender", "said"),
    [
        ("alerts@localhost", "no domain that others can look up"),
        ("Kbtool <alerts@bridge.internal>", "no domain that others can look up"),
        ("ours@gmail.com", "gmail.com tells receivers to refuse"),
    ],
)
def test_a_sender_whose_mail_nobody_takes(sender: str, said: str) -> None:
    ((about, words),) = run(told(Email("smtp.postmarkapp.com", 587, sender, ("ops@example.com",))))
    assert about == "alert sender"
    assert said in words


@pytest.mark.parametrize(
    ("refuses", "about", "said"),
    [
        ({b"MAIL": b"550 sender not verified"}, "alert sender", "takes no mail from alerts@example.com"),
        ({b"RCPT": b"554 sandbox: not verified"}, "alert receivers", "delivers nothing to ops@example.com"),
        ({b"EHLO": b"502 no", b"HELO": b"421 busy"}, "mail server", "cannot be used"),
    ],
)
def test_a_mail_server_says_what_it_will_not_take(refuses: dict[bytes, bytes], about: str, said: str) -> None:
    with receiving(MailServer(refuses)) as server:
        ((found, words),) = run(told(email_at(server)))
    assert found == about
    assert said in words
    assert server.mails == []


def test_a_mail_server_that_takes_what_we_send_gets_nothing_for_that() -> None:
    with receiving(MailServer()) as server:
        assert run(told(email_at(server))) == []
    assert server.mails == []


def email_at(server: MailServer) -> Email:
    host, port = server.server_address[:2]
    return Email(str(host), int(port), "alerts@example.com", ("ops@example.com",), uses_tls=False)


# The command.


def test_the_command_says_what_it_found_and_ends_with_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "kb.toml"
    config.write_text(f"[bridge]\nport = {free_port()}\nops_port = {free_port()}\n", encoding="utf-8")
    for name, value in {
        "CHATWOOT_BOT_TOKEN": "sandbox-bot-token",
        "CHATWOOT_WEBHOOK_SECRET": "sandbox-bot-secret",
        "CHATWOOT_USER_TOKEN": ADMINISTRATOR,
    }.items():
        monkeypatch.setenv(name, value)

    async def story() -> Result:
        async with stand(tmp_path, ANSWERS) as at:
            words = ["doctor", "bridge", "--json", "--config", str(config)]
            url = str(at.http.base_url)
            return await asyncio.to_thread(lambda: CliRunner().invoke(app, [*words, "--chatwoot-url", url]))

    result = run(story())
    assert result.exit_code == Exit.ERROR
    found = {(one["about"], one["level"]): one["said"] for one in json.loads(result.stdout)}
    assert "nor does anything answer" in found["arrival", "problem"]
    assert found["alerts", "note"] == "nobody is told of anything"
    assert "sandbox-bot-token" not in result.output


def test_the_command_without_a_token_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHATWOOT_BOT_TOKEN", "CHATWOOT_WEBHOOK_SECRET"):
        monkeypatch.delenv(name, raising=False)
    config = tmp_path / "kb.toml"
    config.write_text("", encoding="utf-8")
    arguments = ["doctor", "bridge", "--chatwoot-url", "http://127.0.0.1:1", "--config", str(config)]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ConfigError)
    assert result.exception.message.startswith("CHATWOOT_BOT_TOKEN")
