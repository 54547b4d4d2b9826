"""`kbtool bridge serve` as a process: killed, restarted, stopped, and told what is wrong with its start."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from httpx_aiohttp import HttpxAiohttpClient

from bridge.sandbox import BotSettings, Sandbox, SandboxSettings, create_sandbox
from bridge.sandbox.records import ContactInbox, MessageType
from bridge.serve import address_of, listen, serving
from kbtool.dify.client import DifyClient
from kbtool.embedded import AppSettings, EngineSettings, SlowModel, create_app
from kbtool.sync.apply import Sync
from kbtool.sync.render import render
from kbtool.sync.waiting import Pace
from tests.ports import free_port
from tests.server import PROFILE, document, run
from tests.waiting import until

ROOT = Path(__file__).parent.parent
PAGE = "## Time limit\n\nYou may send anything back within 30 days of the day on which it reached you."
QUESTION = "Within how many days may I send something back, from the day it reached me?"
SECRETS = {
    "DIFY_APP_KEY": "app-test",
    "CHATWOOT_BOT_TOKEN": "sandbox-bot-token",
    "CHATWOOT_WEBHOOK_SECRET": "sandbox-bot-secret",
    "CHATWOOT_USER_TOKEN": "sandbox-administrator-token",
}


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "kbtool", "bridge", "serve", *options]


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CHATWOOT", "DIFY"))}
    return kept | {"PYTHONPATH": str(ROOT)} | SECRETS | changes


@dataclass
class World:
    """An embedded engine that thinks for a while, a Chatwoot, and a bridge as a process between them."""

    folder: Path
    sandbox: Sandbox
    options: tuple[str, ...]
    http: HttpxAiohttpClient
    ops: str
    bridges: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self) -> asyncio.subprocess.Process:
        with (self.folder / "bridge.log").open("ab") as log:
            bridge = await asyncio.create_subprocess_exec(
                *command(*self.options), cwd=self.folder, env=environment(), stdout=log, stderr=log
            )
        self.bridges.append(bridge)

        async def is_ready() -> bool:
            assert bridge.returncode is None, self.logged()
            try:
                return (await self.http.get(f"{self.ops}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(is_ready, lambda: "the bridge does not get ready")
        return bridge

    async def until_traced(self, visit: ContactInbox, step: str) -> None:
        async def is_there() -> bool:
            found = self.sandbox.state.conversation_of(visit)
            assert found is not None
            steps = (await self.http.get(f"{self.ops}/trace/1/{found.id}")).json()
            return any(one["step"] == step for one in steps)

        await until(is_there, lambda: f"{step} is not in the trace")

    def logged(self) -> str:
        return (self.folder / "bridge.log").read_text(encoding="utf-8")

    def replies(self, visit: ContactInbox) -> list[str]:
        found = self.sandbox.state.conversation_of(visit)
        assert found is not None
        messages = self.sandbox.state.messages(found)
        return [m.content or "" for m in messages if m.message_type is MessageType.outgoing and not m.private]


@asynccontextmanager
async def world(folder: Path, *, thinks: float) -> AsyncIterator[World]:
    engine = create_app(
        EngineSettings(
            path=folder / "engine.sqlite",
            apps=(AppSettings(key="app-test", name="bot", datasets=(PROFILE.name,), top_k=5),),
            faults=(SlowModel("send something back", before=thinks),),
        )
    )
    dify, chatwoot = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
    port, ops_port = free_port(), free_port()
    bot = BotSettings(url=f"http://127.0.0.1:{port}/webhooks/chatwoot/kbtool")
    sandbox = create_sandbox(SandboxSettings(bot=bot))
    config = f'[dify]\nbase_url = "{address_of(dify)}/v1"\n[handoff]\nthreshold = 0.2\n'
    (folder / "kb.toml").write_text(config, encoding="utf-8")
    options = (
        *("--chatwoot-url", address_of(chatwoot), "--mode", "reply", "--untuned"),
        *("--port", str(port), "--ops-port", str(ops_port)),
    )
    http = HttpxAiohttpClient(trust_env=False)
    at = World(folder, sandbox, options, http, f"http://127.0.0.1:{ops_port}")
    try:
        async with serving((engine, dify), (sandbox, chatwoot)), http:
            asker = HttpxAiohttpClient(base_url=f"{address_of(dify)}/v1", trust_env=False)
            async with DifyClient(asker, dataset_key="dataset-embedded") as client:
                sync, rendered = Sync(client, PROFILE, Pace(poll=0.05)), [render(document("Refunds", PAGE))]
                await sync.apply(await sync.plan(rendered), rendered)
            try:
                yield at
            finally:
                for bridge in at.bridges:
                    if bridge.returncode is None:
                        bridge.terminate()
                    await bridge.wait()
    finally:
        await sandbox.aclose()
        await engine.aclose()


def test_a_message_acknowledged_before_kill_9_is_answered_after_the_restart_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, thinks=1.5) as at:
            bridge = await at.start()
            visit = at.sandbox.state.arrive()
            at.sandbox.state.say(visit, QUESTION)
            await at.sandbox.settle()
            assert next(iter(at.sandbox.deliveries.log)).outcomes == [200]
            await at.until_traced(visit, "ask")
            bridge.kill()
            assert await bridge.wait() == -signal.SIGKILL
            assert at.replies(visit) == []
            await at.start()
            await at.until_traced(visit, "post")
            await at.sandbox.settle()
            (reply,) = at.replies(visit)
            assert "30 days" in reply

    run(scenario())


def test_a_bridge_told_to_stop_answers_what_it_has_begun_and_leaves(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with world(tmp_path, thinks=0.5) as at:
            bridge = await at.start()
            visit = at.sandbox.state.arrive()
            at.sandbox.state.say(visit, QUESTION)
            await at.until_traced(visit, "ask")
            bridge.send_signal(signal.SIGTERM)
            assert await bridge.wait() == 0
            assert len(at.replies(visit)) == 1
            log = (tmp_path / "bridge.log").read_text(encoding="utf-8")
            assert "event=decision" in log
            for hidden in (QUESTION, "30 days", *SECRETS.values()):
                assert hidden not in log

    run(scenario())


def test_a_threshold_raised_by_the_command_decides_the_next_message_without_a_restart(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with world(tmp_path, thinks=0.0) as at:
            bridge = await at.start()
            before = at.sandbox.state.arrive()
            at.sandbox.state.say(before, QUESTION)
            await at.until_traced(before, "post")
            raised = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "kbtool", "tune", "--raise", "0.99"),
                cwd=tmp_path, env=environment(), stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            said, _ = await raised.communicate()
            assert raised.returncode == 0
            change = "threshold 0.20 -> 0.99"
            assert f"{change}. A running bridge takes it over." in said.decode()
            await until(lambda: f'event=reloaded change="route kbtool: {change}"' in at.logged())
            after = at.sandbox.state.arrive()
            at.sandbox.state.say(after, QUESTION)
            await at.until_traced(after, "handoff")
            assert len(at.replies(before)) == 1
            assert "30 days" not in " ".join(at.replies(after))
            assert "action=handoff reason=below_threshold" in at.logged()
            assert bridge.returncode is None

    run(scenario())


def fails(folder: Path, *options: str, **changes: str) -> str:
    """What a start that fails says: one sentence and perhaps a hint, never a traceback."""
    (folder / "kb.toml").write_text('[dify]\nbase_url = "http://127.0.0.1:9/v1"\n', encoding="utf-8")
    ended = subprocess.run(
        command(*options), cwd=folder, env=environment(**changes), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("error: ")
    assert len(ended.stderr.splitlines()) <= 2
    return ended.stderr


URL = ("--chatwoot-url", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("options", "changes", "words"),
    [
        ((), {}, "Chatwoot's address is not known"),
        (("--chatwoot-url", "chat.example.com"), {}, "'chat.example.com' is no address"),
        (URL, {"CHATWOOT_BOT_TOKEN": ""}, "CHATWOOT_BOT_TOKEN (or CHATWOOT_BOT_TOKEN_KBTOOL) not set"),
        (URL, {"CHATWOOT_WEBHOOK_SECRET": ""}, "CHATWOOT_WEBHOOK_SECRET (or"),
        (
            (*URL, "--mode", "reply", "--untuned"),
            {"CHATWOOT_USER_TOKEN": ""},
            "not set, needed by reply mode on route 'kbtool'",
        ),
        (URL, {"DIFY_APP_KEY": ""}, "DIFY_APP_KEY not set"),
        ((*URL, "--mode", "shout"), {}, "'shout' is not a mode"),
        ((*URL, "--mode", "reply"), {}, "reply mode needs a tuned threshold"),
        ((*URL, "--bot", "../x"), {}, "part of an address"),
        ((*URL, "--host", "203.0.113.1"), {}, "cannot be listened on"),
        ((*URL, "--config", "nowhere.toml"), {}, "there is no such file"),
    ],
)
def test_a_start_that_fails_says_why_in_a_sentence(
    tmp_path: Path, options: Sequence[str], changes: dict[str, str], words: str
) -> None:
    assert words in fails(tmp_path, *options, **changes)


def test_a_port_in_use_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"127.0.0.1:{port} cannot be listened on" in fails(tmp_path, *URL, "--port", port)
        said = fails(tmp_path, *URL, "--port", "0", "--ops-port", port)
        assert "--ops-port" in said
