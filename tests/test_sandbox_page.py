"""The page's own routes over real sockets, with a bridge that knows one answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox import BotSettings, Sandbox, SandboxSettings, create_sandbox

MARKUP = "<img src=x onerror=document.title='broken'>"


@dataclass
class ScriptedBridge:
    """A bridge that knows one answer: `refund` is answered, everything else goes to a person."""

    sandbox_url: str = ""
    trace: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/bot", self._receive, methods=["POST"]),
                Route("/trace/{account}/{conversation}", self._trace),
            ]
        )

    async def _trace(self, _: Request) -> Response:
        return JSONResponse(self.trace)

    async def _receive(self, request: Request) -> Response:
        body = await request.json()
        if (body["event"], body.get("message_type")) != ("message_created", "incoming"):
            return Response()
        self._step(body, "delivery", "received, signature verified")
        conversation = f"{self.sandbox_url}/api/v1/accounts/1/conversations/{body['conversation']['id']}"
        async with httpx.AsyncClient(headers={"Api-Access-Token": SandboxSettings().bot.token}) as http:
            if "refund" in body["content"].lower():
                sources = [{"score": 0.8312, "line": "Orders › Refunds"}, {"score": 0.41, "line": "Returns"}]
                self._step(body, "sources", "2 sources, best: Orders › Refunds", {"sources": sources})
                self._step(body, "decision", "reply: score 0.83 ≥ 0.50", {"threshold": 0.5, "tokens": 41})
                await http.post(f"{conversation}/messages", json={"content": "Within **14 days**."})
                self._step(body, "post", "reply posted")
            else:
                self._step(body, "decision", "handoff: nothing was found", None)
                await http.post(f"{conversation}/messages", json={"content": "A colleague will answer you."})
                note = {"content": f"No source for: {body['content']}", "private": True}
                await http.post(f"{conversation}/messages", json=note)
                await http.post(f"{conversation}/toggle_status", json={"status": "open"})
                self._step(body, "handoff", "conversation is open: people see it now")
        return Response()

    def _step(self, body: dict[str, Any], step: str, text: str, detail: Any = None) -> None:
        at = "2026-06-18T10:00:00.000+00:00"
        self.trace.append({"message_id": body["id"], "at": at, "step": step, "text": text, "detail": detail})


async def until(is_so: Callable[[], bool]) -> None:
    """Other processes and servers have no event to wait for; the test fails after 30 s."""
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@asynccontextmanager
async def served(app: Any, on: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[on]))
    await until(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def bound() -> tuple[socket.socket, str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def demonstration() -> AsyncIterator[tuple[str, Sandbox]]:
    """A sandbox and its scripted bridge, each on a port of its own."""
    (at_bridge, bridge_url), (at_sandbox, sandbox_url) = bound(), bound()
    settings = SandboxSettings(
        bot=BotSettings(url=f"{bridge_url}/bot"),
        trace_url=bridge_url,
        suggested_questions=("How long does a refund take?", "Do you sell tents?"),
    )
    sandbox = create_sandbox(settings)
    bridge = ScriptedBridge(sandbox_url)
    async with served(bridge.app(), at_bridge), served(sandbox, at_sandbox):
        try:
            yield sandbox_url, sandbox
        finally:
            await sandbox.aclose()


def with_page(scenario: Callable[[httpx.AsyncClient, Sandbox], Awaitable[None]]) -> None:
    async def run() -> None:
        async with demonstration() as (url, sandbox), httpx.AsyncClient(base_url=url) as http:
            await scenario(http, sandbox)

    asyncio.run(run())


def test_the_page_says_what_it_is_and_loads_nothing_from_elsewhere() -> None:
    async def scenario(http: httpx.AsyncClient, _: Sandbox) -> None:
        page = await http.get("/")
        assert "built from Chatwoot’s source, not a Chatwoot server" in page.text
        assert "http://" not in page.text
        assert "https://" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        for path in ("/page.css", "/page.js"):
            assert (await http.get(path)).status_code == 200

    with_page(scenario)


def test_suggested_questions_are_escaped_in_the_page() -> None:
    async def scenario() -> str:
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=False)) as outgoing:
            sandbox = create_sandbox(SandboxSettings(suggested_questions=(MARKUP,)), outgoing)
            transport = httpx.ASGITransport(sandbox)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
                return (await http.get("/")).text

    page = asyncio.run(scenario())
    assert MARKUP not in page
    assert "&lt;img src=x" in page


def test_both_sides_and_the_trace_can_be_read_as_json() -> None:
    async def scenario(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
        customer = (await http.post("/sandbox/customers", json={})).json()["source_id"]
        said = await http.post(f"/sandbox/customers/{customer}/messages", json={"text": "Do you sell tents?"})
        await sandbox.settle()
        view = (await http.get("/sandbox/view", params={"customer": customer, "conversation": "1"})).json()
        assert [message["who"] for message in view["chat"]["messages"]] == ["customer", "bot"]
        assert view["chat"]["status"] == "open"
        notes = [message["text"] for message in view["thread"]["messages"] if message["private"]]
        assert notes == ["No source for: Do you sell tents?"]
        assert [row["status"] for row in view["conversations"]] == ["open"]
        steps = (await http.get("/trace/1")).json()
        assert {step["message_id"] for step in steps} == {said.json()["id"]}

    with_page(scenario)


def test_the_desk_replies_notes_takes_and_resolves() -> None:
    async def scenario(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
        sandbox.state.say(sandbox.state.arrive(), "Do you sell tents?")
        await sandbox.settle()
        for path, body in (
            ("messages", {"text": "We do not, sorry."}),
            ("messages", {"text": "Ask the buyers", "private": True}),
            ("assignee", {}),
            ("seen", {}),
            ("status", {"status": "resolved"}),
        ):
            assert (await http.post(f"/sandbox/desk/1/{path}", json=body)).is_success
        conversation = sandbox.state.conversations[1, 1]
        assert conversation.status == "resolved"
        assert conversation.assignee == sandbox.state.directory.users[1]
        assert sandbox.state.unread(conversation) == 0
        own = [m for m in sandbox.state.messages(conversation) if m.sender == conversation.assignee]
        assert [(m.content, m.private) for m in own] == [
            ("We do not, sorry.", False),
            ("Ask the buyers", True),
        ]

    with_page(scenario)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/sandbox/customers/nobody/messages", {"text": "Hi"}, 404),
        ("/sandbox/desk/7/messages", {"text": "Hi"}, 404),
        ("/sandbox/desk/1/messages", {"text": "  "}, 422),
        ("/sandbox/desk/1/messages", {"text": 7}, 422),
        ("/sandbox/desk/1/messages", {"text": "x" * 10_001}, 422),
        ("/sandbox/desk/1/messages", ["Hi"], 400),
        ("/sandbox/desk/1/status", {"status": "?"}, 422),
    ],
)
def test_what_makes_no_sense_is_refused_with_one_sentence(path: str, body: Any, status: int) -> None:
    async def scenario(http: httpx.AsyncClient, sandbox: Sandbox) -> None:
        sandbox.state.say(sandbox.state.arrive(), "A refund, please")
        answer = await http.post(path, json=body)
        assert answer.status_code == status
        assert list(answer.json()) == ["error"]
        await sandbox.settle()

    with_page(scenario)


def test_a_form_on_another_page_cannot_write() -> None:
    async def scenario(http: httpx.AsyncClient, _: Sandbox) -> None:
        answer = await http.post(
            "/sandbox/customers", content='{"name": "x"}', headers={"Content-Type": "text/plain"}
        )
        assert answer.status_code == 415

    with_page(scenario)


def test_a_trace_that_cannot_be_read_is_one_sentence() -> None:
    async def scenario() -> httpx.Response:
        listener, nobody = bound()  # bound and not listening: every connection is refused
        settings = SandboxSettings(trace_url=nobody)
        async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(verify=False)) as outgoing:
            sandbox = create_sandbox(settings, outgoing)
            sandbox.state.say(sandbox.state.arrive(), "Hi")
            transport = httpx.ASGITransport(sandbox)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as http:
                answer = await http.get("/trace/1")
        listener.close()
        return answer

    answer = asyncio.run(scenario())
    assert answer.status_code == 502
    assert "cannot be read" in answer.json()["error"]
