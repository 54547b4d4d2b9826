"""The light fakes of the bridge's benchmark answer in the sandbox's shapes, and what they count is so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.bridge_fakes import ANSWER, create_app
from benchmarks.bridge_load import request, send, webhook
from benchmarks.bridge_run import quantile
from benchmarks.bridge_table import Figures, lines, table
from bridge.signature import is_genuine
from kbtool.dify.client import DifyClient
from kbtool.model import Question
from tests.server import run
from tests.test_sandbox_api import BASE, Client, asked, with_client
from tests.test_sandbox_payloads import sample, shape

CALLS: tuple[tuple[str, str, Any, str], ...] = (
    ("GET", "/1", None, "bot"),
    ("POST", "/1/messages", {"content": "x", "content_attributes": {"mark": "m"}}, "bot"),
    ("POST", "/1/labels", {"labels": []}, "bot"),
    ("POST", "/1/toggle_status", {"status": "open"}, "bot"),
)


async def with_fakes(scenario: Callable[[str, HttpxAiohttpClient], Awaitable[None]]) -> None:
    runner = web.AppRunner(create_app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with HttpxAiohttpClient(trust_env=False) as http:
            await scenario(f"http://127.0.0.1:{runner.addresses[0][1]}", http)
    finally:
        await runner.cleanup()


def told_by_fakes() -> list[Any]:
    answers = []

    async def scenario(url: str, http: HttpxAiohttpClient) -> None:
        for method, path, body, _ in CALLS:
            answer = await http.request(method, f"{url}{BASE}{path}", json=body)
            assert answer.status_code == 200
            answers.append(answer.json())

    run(with_fakes(scenario))
    return answers


def told_by_sandbox() -> list[Any]:
    answers = []

    async def scenario(client: Client) -> None:
        asked(client)
        for method, path, body, token in CALLS:
            answers.append((await client.call(method, BASE + path, body, token)).json())

    with_client(scenario)
    return answers


def test_the_fakes_answer_in_the_sandboxs_shapes() -> None:
    for (_, path, _, _), light, whole in zip(CALLS, told_by_fakes(), told_by_sandbox(), strict=True):
        # A conversation of the fakes has no last message
        for body in (light, whole):
            if "last_non_activity_message" in body:
                body["last_non_activity_message"], body["messages"] = None, []
        assert shape(light) == shape(whole), path


def test_the_fakes_dify_is_one_that_the_client_understands() -> None:
    async def scenario(url: str, http: HttpxAiohttpClient) -> None:
        asker = HttpxAiohttpClient(base_url=f"{url}/v1", trust_env=False)
        async with DifyClient(asker, app_key="app") as client:
            answer = await client.chat(Question("How long, order 7?"), user="u")
        assert (answer.text, answer.hits[0].score) == (ANSWER, 0.82)
        posted = await http.post(f"{url}{BASE}/7/messages", json={"content": "x"})
        assert posted.status_code == 200
        told = (await http.get(f"{url}/control", params={"whole": 1})).json()
        assert (told["answered"], told["calls"], told["sequence"]) == (
            1,
            {"ask": 1, "post": 1},
            ["ask", "post"],
        )

    run(with_fakes(scenario))


def test_the_loads_webhook_is_signed_and_has_the_samples_shape() -> None:
    recorded = sample("message_created_incoming_text_web")["body"]
    raw = request(80, webhook(recorded, 7))
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:]]
    headers = {name.decode().lower(): value.decode() for name, value in lines}
    assert is_genuine(body, headers, "bench-secret", int(headers["x-chatwoot-timestamp"]))

    assert shape(json.loads(body)) == shape(recorded)


def test_a_load_that_nobody_takes_has_the_status_0() -> None:
    begun, seconds, status = asyncio.run(send(9, b""))
    assert (begun > 0, seconds < 30, status) == (True, True, 0)


def test_the_table_has_a_row_for_each_figure_and_takes_ratios_by_round() -> None:
    own = Figures(3, 640, 64)
    for mine, its in ((0.2, 0.1), (0.3, 0.3), (0.1, 0.2)):
        for name in ("ack p50 0", "ack p99 0", "ack p99 500", "rate 0", "rate 500"):
            own.add(name, mine)
        for name in ("bare p99", "probe rate 0", "probe rate 500"):
            own.add(name, its)
    own.add("rss 10,000", 84.4)
    written = table(own)
    assert (
        "| p99 of the bridge / of the bare endpoint, Dify 0 ms | off | 1.00 (0.50 to 2.00) | ≤ 2 |" in written
    )
    assert "| memory after 10,000 messages | off | 84 MB | < 150 MB |" in written
    assert "| conversations waiting on Dify at once | off | not run | 1000 |" in written
    own.add("first p95", 1.2)
    told = {line.what: line.measured for line in lines(own)}
    assert told["memory of the bridge after 10,000 messages"] == "84 MB"
    assert told["the same, Dify 500 ms"] == "1.00 (0.50 to 2.00) ×"


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [quantile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert quantile([7.0], 0.99) == 7.0
