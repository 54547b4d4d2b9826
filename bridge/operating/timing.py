"""How long requests take, in both directions, told to whoever counts; nothing else changes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NUMBERS = re.compile(r"/\d+")
_API = "/api/v1/"
_BEGUN = "kbtool_begun"
_GIVEN_UP = 0


def timed(app: ASGIApp, tell: Callable[[int, float], None], webhooks: str) -> ASGIApp:
    """`app`, with status and seconds of each request to the address `webhooks` told; 0 is the status of one
    that was never answered.
    """

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(webhooks):
            await app(scope, receive, send)
            return
        begun, status = time.monotonic(), _GIVEN_UP

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, note)
        finally:
            tell(status, time.monotonic() - begun)

    return call


def watch(http: httpx.AsyncClient, tell: Callable[[str, int, float], None]) -> Callable[[], None]:
    """Have each answered request of `http` told, as kind, status and seconds; the result ends that."""

    async def begin(request: httpx.Request) -> None:
        request.extensions[_BEGUN] = time.monotonic()

    async def end(response: httpx.Response) -> None:
        begun = response.request.extensions.get(_BEGUN, time.monotonic())
        tell(kind_of(response.request), response.status_code, time.monotonic() - begun)

    before = http.event_hooks
    http.event_hooks = {
        "request": [*before["request"], begin],
        "response": [*before["response"], end],
    }

    def stop() -> None:
        http.event_hooks = before

    return stop


def kind_of(request: httpx.Request) -> str:
    """`POST conversations/messages`: what is asked for, without whose it is. Files have addresses of their
    own, each another one, and are all the same kind.
    """
    path = _NUMBERS.sub("", request.url.path)
    if not path.startswith(_API):
        return f"{request.method} other"
    return f"{request.method} {path.removeprefix(_API).removeprefix('accounts/')}"
