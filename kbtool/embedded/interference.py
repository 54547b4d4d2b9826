"""What faults do to a request on its way: they answer in place of the engine, hold it up, or break it off."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kbtool.embedded import answers
from kbtool.embedded.answers import Answer
from kbtool.embedded.fault_kinds import CannedAnswer, Cut
from kbtool.embedded.faults import Faults

Message = MutableMapping[str, Any]
_LIMIT = "Sorry, you have reached the knowledge base request rate limit of your subscription."


class _Broken(Exception):
    """The connection is to break here."""


class Interference:
    """An ASGI application with faults before it."""

    def __init__(self, inner: ASGIApp, faults: Faults) -> None:
        self._inner = inner
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        await asyncio.sleep(self._faults.latency(method, path))
        if (canned := self._faults.canned_answer(method, path)) is not None:
            if canned.is_done:
                await self._inner(scope, receive, _swallow)
            await _say(canned, scope, receive, send)
        elif (missing := self._faults.missing_route(method, path)) is not None:
            page = HTMLResponse(answers.NOT_FOUND_PAGE, missing.status, answers.HEADERS)
            await page(scope, receive, send)
        elif self._faults.is_over_limit(method, path):
            refused = answers.refuse(answers.Refused(403, "forbidden", _LIMIT))
            await refused(scope, receive, send)
        elif (cut := self._faults.cut(method, path)) is not None:
            await self._break_off(cut, scope, receive, send)
        else:
            await self._inner(scope, receive, send)

    async def _break_off(self, cut: Cut, scope: Scope, receive: Receive, send: Send) -> None:
        """Leave the answer incomplete, at which the server closes the connection."""
        left = cut.size

        async def send_some(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start":
                await send(message)
                return
            body = message.get("body", b"")[:left]
            left -= len(body)
            if body:
                await send({"type": "http.response.body", "body": body, "more_body": True})
            if left <= 0:
                raise _Broken

        if not cut.is_done:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
            return
        try:
            await self._inner(scope, receive, send_some)
        except* _Broken:
            pass


async def _say(canned: CannedAnswer, scope: Scope, receive: Receive, send: Send) -> None:
    response = (
        HTMLResponse(canned.body, canned.status, answers.HEADERS)
        if isinstance(canned.body, str)
        else answers.respond(Answer(canned.body, canned.status))
    )
    response.headers.update(canned.headers)
    await response(scope, receive, send)


async def _swallow(_: Message) -> None:
    """The answer is lost."""
