"""`kbtool bridge setup`: makes what is missing in Chatwoot, once, and leaves what is there alone."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bridge.sandbox import BotSettings, Sandbox, SandboxSettings, create_sandbox
from bridge.sandbox.settings import InboxSettings
from bridge.serve import address_of, listen, serving
from kbtool.cli import app
from kbtool.errors import ConfigError, Exit
from tests.bridging import Said, stand
from tests.server import run

ADMINISTRATOR = "sandbox-administrator-token"
URL = "https://bridge.example.com"


@asynccontextmanager
async def bare(*inboxes: InboxSettings) -> AsyncIterator[tuple[Sandbox, str]]:
    """A Chatwoot that has no bot in its web inbox yet."""
    sandbox = create_sandbox(SandboxSettings(inboxes=inboxes))
    sandbox.state.directory.bots.clear()
    sandbox.state.directory.attach(sandbox.state.directory.inboxes[1], None)
    listening = listen("127.0.0.1", 0)
    try:
        async with serving((sandbox, listening)):
            yield sandbox, address_of(listening)
    finally:
        await sandbox.aclose()


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATWOOT_USER_TOKEN", ADMINISTRATOR)


def project(folder: Path, text: str = "") -> list[str]:
    (folder / "kb.toml").write_text(text, encoding="utf-8")
    return ["--config", str(folder / "kb.toml")]


async def setup(chatwoot: str, *words: str, url: str = URL) -> Result:
    line = ["bridge", "setup", "--url", url, "--chatwoot-url", chatwoot, *words]
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, line))


def keys(folder: Path) -> dict[str, str]:
    lines = (folder / ".kbtool/chatwoot.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_what_is_missing_is_made_once_and_its_secrets_are_kept_for_us_alone(tmp_path: Path) -> None:
    async def story() -> None:
        async with bare() as (sandbox, chatwoot):
            config = project(tmp_path)
            result = await setup(chatwoot, "--yes", "--inbox", "1", *config)
            assert result.exit_code == Exit.OK, result.output
            directory = sandbox.state.directory
            (bot,) = directory.bots.values()
            assert bot.url == f"{URL}/webhooks/chatwoot/kbtool"
            assert directory.inboxes[1].bot == bot
            assert directory.inboxes[2].bot is None
            assert [one.urls for one in directory.dashboard_apps.values()] == [(f"{URL}/review",)]
            path = tmp_path / ".kbtool/chatwoot.env"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert keys(tmp_path) == {
                "CHATWOOT_URL": chatwoot,
                "CHATWOOT_BOT_TOKEN": bot.token,
                "CHATWOOT_WEBHOOK_SECRET": bot.secret,
            }
            assert bot.token not in result.output
            assert bot.secret not in result.output

            again = await setup(chatwoot, "--yes", *config)
            assert "All is set up in Chatwoot." in again.output
            assert (list(directory.bots.values()), len(directory.dashboard_apps)) == ([bot], 1)
            assert keys(tmp_path)["CHATWOOT_BOT_TOKEN"] == bot.token

    run(story())


def test_a_plan_changes_nothing_and_nobody_who_cannot_be_asked_has_agreed(tmp_path: Path) -> None:
    async def story() -> None:
        async with bare() as (sandbox, chatwoot):
            config = project(tmp_path)
            planned = await setup(chatwoot, "--plan", "--inbox", "1", *config)
            assert planned.exit_code == Exit.OK
            assert "create the bot “Assistant”" in planned.output
            unasked = await setup(chatwoot, "--inbox", "1", *config)
            assert unasked.exit_code == Exit.USAGE
            assert not sandbox.state.directory.bots
            assert not (tmp_path / ".kbtool").exists()

    run(story())


def test_every_route_gets_its_bot_and_its_webhook(tmp_path: Path) -> None:
    routes = """
    [bridge.routes.shop]
    bot = "shop"
    inboxes = [1]

    [bridge.routes.mail]
    bot = "mail"
    inboxes = [3]

    [bridge.routes.drafts]
    webhook = "drafts"
    """

    async def story() -> None:
        async with bare(InboxSettings("Mail", "Channel::Email", has_bot=False)) as (sandbox, chatwoot):
            result = await setup(chatwoot, "--yes", *project(tmp_path, routes))
            assert result.exit_code == Exit.OK, result.output
            directory = sandbox.state.directory
            names = {number: inbox.bot.name for number, inbox in directory.inboxes.items() if inbox.bot}
            assert names == {1: "Assistant (shop)", 3: "Assistant (mail)"}
            (hook,) = directory.webhooks.values()
            assert hook.url == f"{URL}/webhooks/chatwoot/account/drafts"
            assert "message_created" in hook.subscriptions
            found = keys(tmp_path)
            assert found["CHATWOOT_WEBHOOK_SECRET_DRAFTS"] == hook.secret
            assert set(found) > {"CHATWOOT_BOT_TOKEN_SHOP", "CHATWOOT_BOT_TOKEN_MAIL"}

    run(story())


def test_a_bridge_that_has_moved_keeps_its_bot(tmp_path: Path) -> None:
    async def story() -> None:
        async with bare() as (sandbox, chatwoot):
            config = project(tmp_path)
            await setup(chatwoot, "--yes", "--inbox", "1", *config)
            (before,) = sandbox.state.directory.bots.values()
            result = await setup(chatwoot, "--yes", *config, url="https://new.example.com/")
            (after,) = sandbox.state.directory.bots.values()
            assert "instead of https://bridge.example.com" in result.output
            assert after.url == "https://new.example.com/webhooks/chatwoot/kbtool"
            assert after.token == before.token
            assert sandbox.state.directory.inboxes[1].bot == after

    run(story())


def test_an_inbox_that_another_bot_answers_is_not_taken_unasked(tmp_path: Path) -> None:
    async def story() -> None:
        async with bare() as (sandbox, chatwoot):
            directory = sandbox.state.directory
            n8n = BotSettings("https://n8n.example.com", name="n8n")
            other = directory.add_bot(directory.accounts[1], n8n)
            directory.attach(directory.inboxes[1], other)
            words = ("--yes", "--inbox", "1", *project(tmp_path))
            refused = await setup(chatwoot, *words)
            assert isinstance(refused.exception, ConfigError)
            assert "answered by the bot “n8n” already" in refused.exception.message
            assert len(directory.bots) == 1
            assert (await setup(chatwoot, *words, "--replace")).exit_code == Exit.OK
            assert directory.inboxes[1].bot != other

    run(story())


@pytest.mark.parametrize(
    ("token", "words", "said"),
    [
        ("", (), "CHATWOOT_USER_TOKEN not set"),
        ("sandbox-agent-token", (), "who is no administrator"),
        (ADMINISTRATOR, (), "which inbox shall the bot 'kbtool' answer in?"),
        (ADMINISTRATOR, ("--inbox", "9"), "there is no inbox 9"),
        (ADMINISTRATOR, ("--account", "7"), "is no administrator of account 7"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("CHATWOOT_USER_TOKEN", token)

    async def story() -> Result:
        async with bare() as (_, chatwoot):
            return await setup(chatwoot, "--yes", *words, *project(tmp_path))

    error = run(story()).exception
    assert isinstance(error, ConfigError)
    assert said in error.message
    assert error.hint


@pytest.mark.parametrize("url", ["bridge.example.com", "https://bridge.example.com/path", "https://u@h", ""])
def test_an_address_that_chatwoot_could_not_call(tmp_path: Path, url: str) -> None:
    error = run(setup("http://127.0.0.1:1", *project(tmp_path), url=url)).exception
    assert isinstance(error, ConfigError)


def test_a_bridge_that_was_set_up_answers_and_the_doctor_has_nothing_to_say(tmp_path: Path) -> None:
    """Setup, serve, a question, doctor: with nothing but what setup wrote."""

    async def story() -> None:
        async with stand(tmp_path, {"refund": Said("You have 30 days.", 0.9)}) as at:
            directory = at.sandbox.state.directory
            directory.bots.clear()
            directory.attach(directory.inboxes[1], None)
            here = f"http://127.0.0.1:{at.port}"
            config = project(tmp_path, f"[bridge]\nport = {at.port}\nstore = 'bridge.sqlite'\n")
            made = await setup(str(at.http.base_url), "--yes", "--inbox", "1", *config, url=here)
            assert made.exit_code == Exit.OK, made.output
            found = keys(tmp_path)
            (route,) = at.settings.routes
            own = replace(
                route,
                secret=found["CHATWOOT_WEBHOOK_SECRET"],
                bot_token=found["CHATWOOT_BOT_TOKEN"],
                user_token=ADMINISTRATOR,
            )
            async with at.bridge(routes=(own,)):
                visit = at.ask("refund")
                await at.until(lambda: at.replies(visit) == ["You have 30 days."])
                await at.sandbox.settle()
                line = ["doctor", "bridge", "--json", "--ops", at.ops, *config]
                environment = found | {"CHATWOOT_USER_TOKEN": ADMINISTRATOR}
                looked = await asyncio.to_thread(lambda: CliRunner(env=environment).invoke(app, line))
            findings = json.loads(looked.stdout)
            wrong = [one for one in findings if one["level"] == "problem"]
            # The project asks the embedded engine, which has no documents here; all else is the bridge's.
            assert [one for one in wrong if "app" not in one["about"].lower()] == []
            assert "channel" in {one["about"] for one in findings}

    run(story())
