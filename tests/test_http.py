"""The lean client sends what httpx sends, and fails as httpx fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from httpx_aiohttp import HttpxAiohttpClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from bridge.serve import address_of, listen, serving
from kbtool.http import LeanClient
from tests.server import run

TIMEOUT = httpx.Timeout(5.0)


async def echo(request: Request) -> Response:
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    body = (await request.body()).decode()
    said = {"method": request.method, "url": str(request.url), "headers": headers, "body": body}
    response = JSONResponse(said)
    response.set_cookie("seen", "yes")
    return response


async def slowly(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.sleep(0.3)
        yield b"two"

    return StreamingResponse(pieces())


async def never(_: Request) -> Response:
    await asyncio.sleep(2.0)
    return Response()


APP = Starlette(
    routes=[
        Route("/v1/slowly", slowly),
        Route("/v1/never", never),
        Route("/v1/elsewhere", lambda _: RedirectResponse("/v1/echo")),
        Route("/v1/{path:path}", echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    ]
)


@asynccontextmanager
async def both(path: str = "/v1") -> AsyncIterator[tuple[LeanClient, HttpxAiohttpClient]]:
    here = listen("127.0.0.1", 0)
    base = address_of(here) + path
    async with (
        serving((APP, here)),
        LeanClient(base, timeout=TIMEOUT, trust_env=False) as lean,
        HttpxAiohttpClient(base_url=base, timeout=TIMEOUT, trust_env=False) as plain,
    ):
        yield lean, plain


@pytest.mark.parametrize("base", ["/v1", "/v1/"])
@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/echo", {}),
        ("GET", "echo", {"headers": {"Api-Access-Token": "t", "Accept": "text/event-stream"}}),
        ("GET", "/echo/ä b?already=1", {"params": None}),
        ("GET", "/echo", {"params": {"after": 7, "query": "a&b"}}),
        ("POST", "/echo", {"json": {"content": "Grüße, 您好", "n": [1, None]}}),
        ("POST", "/echo", {"data": {"user": "me"}, "files": {"file": ("a.txt", b"text")}}),
        ("PATCH", "/echo", {"content": b"raw"}),
        ("DELETE", "/echo", {"json": None, "timeout": 1.0}),
    ],
    ids=str,
)
def test_the_server_sees_the_same_request(base: str, method: str, path: str, more: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with both(base) as (lean, plain):
            seen = [(await one.request(method, path, **more)).json() for one in (lean, plain)]
            for one in seen:
                if "boundary=" in one["headers"].get("content-type", ""):
                    boundary = one["headers"]["content-type"].split("boundary=")[1]
                    one["body"] = one["body"].replace(boundary, "-")
                    one["headers"]["content-type"] = ""
            assert seen[0] == seen[1]

    run(scenario())


def test_no_redirect_is_followed_and_no_cookie_kept() -> None:
    async def scenario() -> None:
        async with both() as (lean, _):
            assert (await lean.get("/elsewhere")).status_code == 307
            await lean.get("/echo")
            assert "cookie" not in (await lean.get("/echo")).json()["headers"]

    run(scenario())


def test_an_answer_streams_and_hooks_are_called() -> None:
    async def scenario() -> None:
        called: list[str] = []

        async def before(request: httpx.Request) -> None:
            called.append(request.method)

        async def after(response: httpx.Response) -> None:
            called.append(str(response.status_code))

        async with both() as (lean, _):
            lean.event_hooks = {"request": [before], "response": [after]}
            loop = asyncio.get_running_loop()
            begun = loop.time()
            async with lean.stream("GET", "/slowly") as response:
                pieces = [(piece, loop.time() - begun) async for piece in response.aiter_raw()]
            assert b"".join(piece for piece, _ in pieces) == b"onetwo"
            assert pieces[0][1] < 0.3 <= pieces[-1][1]
            assert called == ["GET", "200"]

    run(scenario())


@pytest.mark.parametrize(
    ("path", "seconds", "error"),
    [("/never", 0.2, httpx.ReadTimeout), ("http://127.0.0.1:9/echo", 5.0, httpx.TransportError)],
)
def test_failures_are_those_of_httpx(path: str, seconds: float, error: type[Exception]) -> None:
    async def scenario() -> None:
        async with both() as (lean, _):
            timeout = httpx.Timeout(seconds)
            async with LeanClient(str(lean.base_url), timeout=timeout, trust_env=False) as own:
                with pytest.raises(error):
                    await own.get(path)

    run(scenario())


def test_more_requests_than_httpx_has_connections_are_under_way_at_once() -> None:
    async def scenario() -> None:
        under_way, all_here = 0, asyncio.Event()

        async def wait(_: Request) -> Response:
            nonlocal under_way
            under_way += 1
            if under_way == 150:  # httpx would have opened a hundred connections
                all_here.set()
            await all_here.wait()
            return Response()

        here = listen("127.0.0.1", 0)
        app = Starlette(routes=[Route("/", wait)])
        async with (
            serving((app, here)),
            LeanClient(address_of(here), timeout=httpx.Timeout(60.0), trust_env=False) as lean,
            asyncio.timeout(30.0),
        ):
            await asyncio.gather(*(lean.get("/") for _ in range(150)))

    run(scenario())
