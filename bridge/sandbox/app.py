"""The sandbox as an ASGI application: Chatwoot's API and the page over one state.

It needs no lifespan events, so it works in-process through `httpx.ASGITransport` and under uvicorn alike.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Any

import httpx
from httpx_aiohttp import HttpxAiohttpClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bridge.sandbox import access, api, api_account, api_setup, views
from bridge.sandbox.access import Refused
from bridge.sandbox.dashboard_app import DashboardApp
from bridge.sandbox.delivery import Deliveries
from bridge.sandbox.directory import furnish
from bridge.sandbox.events import Event
from bridge.sandbox.faults import CallFault
from bridge.sandbox.files import Storage
from bridge.sandbox.page import Desk, Switches
from bridge.sandbox.records import Bot
from bridge.sandbox.settings import SandboxSettings
from bridge.sandbox.state import State
from bridge.sandbox.telling import utc_now

_ACCOUNT = "/api/v1/accounts/{account}"
_ROUTES = (*api_account.ROUTES, *api_setup.ROUTES, *api.ROUTES)


class Sandbox:
    """One Chatwoot-compatible service. `state` has what a test does to it by hand."""

    def __init__(
        self,
        settings: SandboxSettings,
        http: httpx.AsyncClient,
        *,
        owns_http: bool,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        switches: Switches | None = None,
    ) -> None:
        self.settings = settings
        self.state = State(
            furnish(settings), self._send, now=now, public_url=settings.public_url, faults=settings.faults,
            bot_owns=settings.bot_owns,
        )  # fmt: skip
        self.deliveries = Deliveries(
            http, settings.delivery, self.state.open_after_bot_failure, lambda: self.state.faults, now=now,
            sleep=sleep,
        )  # fmt: skip
        self._http, self._owns_http, self._now, self._sleep = http, owns_http, now, sleep
        self._late: set[asyncio.Task[Response]] = set()
        routes = [
            Route(_ACCOUNT + path, partial(self._answer, controller, action, endpoint), methods=[method])
            for method, path, controller, action, endpoint in _ROUTES
        ]
        self._starlette = Starlette(
            routes=[
                *Desk(self.state, settings, http, switches).routes(),
                *DashboardApp(self.state, settings).routes(),
                *routes,
                *Storage(self.state, settings).routes(),
                Route("/api", self._about),
                Route("/api/v1/profile", self._profile),
                Route("/{path:path}", self._unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            ],
            exception_handlers={Refused: _refuse},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._starlette(scope, receive, send)

    async def settle(self) -> None:
        """Wait until every webhook is delivered or given up."""
        await self.deliveries.settle()

    async def aclose(self) -> None:
        """Drop webhooks and late calls that are on their way; close the HTTP client unless it was given."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self.deliveries.aclose()
        if self._owns_http:
            await self._http.aclose()

    def _send(self, event: Event) -> None:
        self.deliveries.send(event)

    async def _answer(
        self, controller: str, action: str, endpoint: api.Endpoint, request: Request
    ) -> Response:
        directory = self.state.directory
        who = access.caller(request.headers, directory)
        access.require_action(who, controller, action)
        path = {name: _number(value) for name, value in request.path_params.items()}
        account = access.account_for(who, path["account"], directory)
        body = await _body(request)
        call = api.Call(
            self.state, self.settings, self._now(), who, account, path, request.query_params, body
        )
        fault, self.state.faults = self.state.faults.take(f"{controller}/{action}")
        if fault is None:
            return endpoint(call)
        return await self._fail(fault, partial(endpoint, call))

    async def _fail(self, fault: CallFault, carry_out: Callable[[], Response]) -> Response:
        """What the call comes to under `fault`. What is late happens without its caller too."""
        as_told = _failure(fault.status)
        match fault.kind:
            case "refused":
                return as_told
            case "lost":
                carry_out()
                return as_told
            case "silent":
                answer = carry_out()
                await self._sleep(fault.seconds)
                return answer
            case "slow":
                await self._sleep(fault.seconds)
                return carry_out()
            case "late":
                return await asyncio.shield(self._begin_late(fault.seconds, carry_out))
            case "orphaned":
                self._begin_late(fault.seconds, carry_out)
                return as_told

    def _begin_late(self, seconds: float, carry_out: Callable[[], Response]) -> asyncio.Task[Response]:
        async def wait() -> Response:
            await self._sleep(seconds)
            return carry_out()

        task = asyncio.create_task(wait())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return task

    async def _about(self, _: Request) -> Response:
        """What it says to anybody [api_controller.rb]."""
        now = self._now().strftime("%Y-%m-%d %H:%M:%S")
        services = {"queue_services": self.settings.queue_services, "data_services": "ok"}
        return JSONResponse({"version": self.settings.version, "timestamp": now} | services)

    async def _profile(self, request: Request) -> Response:
        who = access.caller(request.headers, self.state.directory)
        if isinstance(who, Bot):
            raise access.not_for_bots()
        return JSONResponse(views.profile(who, self.state.directory.accounts[who.account_id]))

    async def _unknown(self, request: Request) -> Response:
        """A part of Chatwoot's API that is not here: what a bot gets is the same, a user is told so."""
        if not request.url.path.startswith("/api/"):
            raise access.not_found()
        if isinstance(access.caller(request.headers, self.state.directory), Bot):
            raise access.not_for_bots()
        raise Refused(
            501, {"error": f"The sandbox has no {request.method} {request.url.path}; Chatwoot may."}
        )


def create_sandbox(
    settings: SandboxSettings,
    http: httpx.AsyncClient | None = None,
    *,
    now: Callable[[], datetime] = utc_now,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    switches: Switches | None = None,
) -> Sandbox:
    """A sandbox for `settings`. Close it with `aclose`. With `switches` its page can break more than itself.

    Webhooks go out through `http`, which stays the caller's; without it, through a client of its own, which
    no proxy in the environment concerns. Call it where an event loop runs.
    """
    if http is not None:
        return Sandbox(settings, http, owns_http=False, now=now, sleep=sleep, switches=switches)
    own = HttpxAiohttpClient(trust_env=False, timeout=settings.delivery.timeout_seconds)
    return Sandbox(settings, own, owns_http=True, now=now, sleep=sleep, switches=switches)


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if not raw:
        return {}
    if "json" not in request.headers.get("content-type", ""):
        raise Refused(415, {"error": "The sandbox reads JSON bodies only."})
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused(400, {"status": 400, "error": "Bad Request"}) from error
    return body if isinstance(body, dict) else {}


def _number(value: str) -> int:
    """An id of the URL; what is no number names nothing."""
    if not (value.isascii() and value.isdigit()):
        raise access.not_found()
    return int(value)


def _failure(status: int) -> Response:
    """What such a status comes with: rack-attack's 429 and a proxy's page are no JSON."""
    if status == 429:
        return PlainTextResponse("Retry later\n", status)
    if status in (502, 503, 504):
        page = f"<html><body><center><h1>{status}</h1></center><hr><center>nginx</center></body></html>"
        return HTMLResponse(page, status)
    return JSONResponse({"error": "switched on in the sandbox"}, status)


async def _refuse(_: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return JSONResponse(refused.body, refused.status)
