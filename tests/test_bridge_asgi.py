"""The bridge under a server of its own: uvicorn as a process, configured by kb.toml and the environment."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bridge.sandbox import BotSettings, SandboxSettings, create_sandbox
from bridge.sandbox.records import MessageType
from bridge.serve import address_of, listen, serving
from tests.bridging import Dify, Said
from tests.ports import free_port
from tests.server import run
from tests.test_bridge_process import environment
from tests.waiting import until

QUESTION = "How long may I wait?"


def written(log: Path) -> str:
    return log.read_text(encoding="utf-8")


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "uvicorn", "bridge.asgi:app", "--port", str(port), "--log-level", "warning"]


def test_a_question_is_answered_and_the_table_is_changed_without_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        dify, chatwoot, port, ops = listen("127.0.0.1", 0), listen("127.0.0.1", 0), free_port(), free_port()
        bot = BotSettings(url=f"http://127.0.0.1:{port}/webhooks/chatwoot/kbtool")
        sandbox = create_sandbox(SandboxSettings(bot=bot))
        app = Dify({QUESTION: Said("You have 30 days.", 0.8)})
        table = (
            f'[dify]\nbase_url = "{address_of(dify)}/v1"\n'
            f'[bridge]\nchatwoot_url = "{address_of(chatwoot)}"\nops_port = {ops}\n'
            '[bridge.routes.web]\napp = "main"\nmode = "MODE"\nuntuned = true\nmerge_window = 0\n'
        )
        (tmp_path / "kb.toml").write_text(table.replace("MODE", "reply"), encoding="utf-8")
        told = environment(DIFY_APP_KEY="", DIFY_APP_KEY_MAIN="app-main")
        async with serving((app.app, dify), (sandbox, chatwoot)), httpx.AsyncClient(trust_env=False) as http:
            with (tmp_path / "log").open("wb") as log:
                server = await asyncio.create_subprocess_exec(
                    *command(port), cwd=tmp_path, env=told, stdout=log, stderr=log
                )
            try:
                await until_ready(http, ops, tmp_path / "log", server)
                visit = sandbox.state.arrive()
                sandbox.state.say(visit, QUESTION)
                assert await said(sandbox, visit, private=False) == ["You have 30 days."]

                (tmp_path / "kb.toml").write_text(table.replace("MODE", "draft"), encoding="utf-8")
                server.send_signal(signal.SIGHUP)
                await until_logged(tmp_path / "log", "mode reply to draft")
                other = sandbox.state.arrive()
                sandbox.state.say(other, QUESTION)
                (note,) = await said(sandbox, other, private=True)
                assert "You have 30 days." in note

                metrics = (await http.get(f"http://127.0.0.1:{ops}/metrics")).text
                assert 'bridge_decisions_total{action="reply",reason="answered"} 2.0' in metrics
                assert 'bridge_acknowledgement_seconds_count{status="200"}' in metrics
                assert 'bridge_dify_seconds_count{outcome="answered",route="web"} 2.0' in metrics
                assert (
                    'bridge_chatwoot_seconds_count{call="POST conversations/messages",status="200"}'
                    in metrics
                )
                assert "\nbridge_backlog_messages " in metrics
                assert 'bridge_handoff_threshold{route="web"} 0.5' in metrics
            finally:
                server.terminate()
                await server.wait()
        await sandbox.aclose()
        assert server.returncode in {0, -signal.SIGTERM}
        text = written(tmp_path / "log")
        for hidden in (QUESTION, "30 days", "app-main", bot.secret, bot.token):
            assert hidden not in text

    run(scenario())


async def until_ready(
    http: httpx.AsyncClient, ops: int, log: Path, server: asyncio.subprocess.Process
) -> None:
    async def is_ready() -> bool:
        assert server.returncode is None, written(log)
        try:
            answer = await http.get(f"http://127.0.0.1:{ops}/readyz")
        except httpx.TransportError:
            return False
        return answer.status_code == 200 and bool(answer.json()["chatwoot"] == "ok")

    await until(is_ready, lambda: written(log))


async def until_logged(log: Path, words: str) -> None:
    await until(lambda: words in written(log), lambda: written(log))


async def said(sandbox, visit, *, private: bool) -> list[str]:
    """What our bot has said by the time that it has said something."""

    def found() -> list[str]:
        conversation = sandbox.state.conversation_of(visit)
        return [
            message.content or ""
            for message in sandbox.state.messages(conversation)
            if message.message_type is MessageType.outgoing and message.private is private
        ]

    return await until(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[bridge]\nchatwot_url = 'x'\n", "unknown key `chatwot_url`"),
        ("", "Chatwoot's address is not known"),
    ],
)
def test_a_server_whose_bridge_cannot_start_says_why_and_ends(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "kb.toml").write_text(text, encoding="utf-8")
    ended = subprocess.run(
        command(0), cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
