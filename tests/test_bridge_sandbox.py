"""`kbtool sandbox` as a newcomer starts it: one command, one address, an answer with its source."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
from httpx_aiohttp import HttpxAiohttpClient

from tests.server import run
from tests.test_bridge_process import PAGE, QUESTION, environment
from tests.waiting import until

CONFIG = '[corpus]\nsources = ["help"]\n[handoff]\nthreshold = 0.2\n'


async def eventually(http: HttpxAiohttpClient, path: str, words: str) -> Any:
    """The body at `path`, once `words` are in it."""

    async def look() -> httpx.Response | None:
        answer = await http.get(path)
        return answer if words in answer.text else None

    return (await until(look, lambda: f"{words!r} is not at {path}")).json()


def test_one_command_answers_a_question_with_its_source_and_hands_another_off(tmp_path: Path) -> None:
    (tmp_path / "kb.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "help").mkdir()
    (tmp_path / "help" / "Refunds.md").write_text(f"# Refunds\n\n{PAGE}\n", encoding="utf-8")

    async def scenario() -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kbtool", "sandbox", "--no-open"),
            cwd=tmp_path, env=environment(), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            assert b"Ingested 1 document into" in await asyncio.wait_for(process.stdout.readline(), 60)
            opened = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
            address = opened.split()[1].rstrip("/")
            async with HttpxAiohttpClient(base_url=address, trust_env=False) as http:
                assert "Sandbox" in (await http.get("/")).text
                customer = (await http.post("/sandbox/customers", json={})).json()["source_id"]
                said = f"/sandbox/customers/{customer}/messages"
                view = f"/sandbox/view?customer={customer}&conversation=1"
                await http.post(said, json={"text": QUESTION})
                await eventually(http, view, "within 30 days")
                steps = await eventually(http, "/trace/1", '"post"')
                assert any("Refunds" in step["text"] for step in steps if step["step"] == "sources")
                await http.post(said, json={"text": "I want to talk to a human"})
                seen = await eventually(http, view, "asked_for_person")
                await eventually(http, "/trace/1", '"handoff"')
                assert seen["chat"]["messages"][-1]["who"] == "bot"
        finally:
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), 30) == 0

    run(scenario())
