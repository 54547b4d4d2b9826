"""Sends requests to one Dify server, and waits when it says "not now".

What is `Unavailable` is tried again, with growing pauses and jitter, within a total deadline that includes
the request under way. A server that names a time is not asked before; the Cloud's knowledge limit passes by
waiting alone. An answer may be lost after the server did the work, so what must not be done twice is sent
again only when the server cannot have begun with it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, Self

import aiohttp
import httpx

from kbtool.dify.objects import Item, Listing, Request
from kbtool.dify.wire.refusals import Refusal, refusal_of
from kbtool.errors import Rejected, Unavailable

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
EVENTS = "text/event-stream"
LAST_WORDS = 5.0
"""Seconds that requests sent in passing (stopping an answer) may still take when the client is closed."""


class Connection(AbstractAsyncContextManager["Connection"]):
    """One server, its two keys, and how long to be patient with it.

    `http` has the base URL (ending in `/v1`) and the transport. `deadline` bounds every call in seconds,
    retries and the request under way included; `sleep` is an argument so that tests need not wait.
    `version` and `engine` are what the last answer said of its server, `requests` counts what was sent.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        dataset_key: str = "",
        app_key: str = "",
        attempts: int = 5,
        deadline: float = 120.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._keys = {False: dataset_key, True: app_key}
        self._attempts = attempts
        self._deadline = deadline
        self._sleep = sleep
        self._in_passing: set[asyncio.Task[None]] = set()
        self.version = ""
        self.engine = ""
        self.requests = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._in_passing:
            await asyncio.wait(self._in_passing, timeout=LAST_WORDS)
        for task in self._in_passing:
            task.cancel()
        await self._http.aclose()

    async def _ask(self, request: Request, *, refuses_streams: bool = False) -> Any:
        """The body of a successful answer; None where it is empty.

        `refuses_streams`: an event stream is not waited for but Rejected.
        """
        try:
            async with asyncio.timeout(self._deadline), self._answer(request) as response:
                if refuses_streams and response.headers.get("content-type", "").startswith(EVENTS):
                    raise Rejected(
                        f"Dify answers {request.path} with a stream, also in blocking mode",
                        hint="Ask this app in streaming mode.",
                    )
                content = await response.aread()
        except TimeoutError as error:
            raise self._too_late(request) from error
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return _json(response) if content else None

    async def _forget(self, request: Request) -> None:
        """Ask for something that is nice to have done: the 404 of what is gone already is fine."""
        try:
            await self._ask(request)
        except Rejected as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    async def _all(
        self, request: Callable[[int], Request], parse: Callable[[Any], Listing[Item]]
    ) -> AsyncIterator[Item]:
        """The items of all pages."""
        seen, page = 0, 1
        while True:
            listing = parse(await self._ask(request(page)))
            for item in listing.items:
                yield item
            seen, page = seen + len(listing.items), page + 1
            if seen >= listing.total or not listing.items:
                return

    def _send_in_passing(self, request: Request) -> None:
        """Send `request` beside whatever comes next. Its fate is nobody's concern."""
        task = asyncio.get_running_loop().create_task(self._send_once_and_forget(request))
        self._in_passing.add(task)
        task.add_done_callback(self._in_passing.discard)

    async def _send_once_and_forget(self, request: Request) -> None:
        try:
            async with asyncio.timeout(LAST_WORDS):
                response = await self._send_once(request)
                await response.aclose()
        except (TimeoutError, Unavailable):
            return

    @asynccontextmanager
    async def _answer(self, request: Request) -> AsyncIterator[httpx.Response]:
        """A successful answer whose body is still to come; it is closed at the end of the block."""
        response = await self._send(request)
        try:
            yield response
        finally:
            await response.aclose()

    async def _send(self, request: Request) -> httpx.Response:
        until = time.monotonic() + self._deadline
        attempt = 1
        while True:
            refusal = await self._try(request)
            if isinstance(refusal, httpx.Response):
                return refusal
            is_worth_it = isinstance(refusal.error, Unavailable) and (
                request.is_repeatable or refusal.is_unseen
            )
            pause = pause_before(attempt, refusal.wait)
            is_last = attempt >= self._attempts or time.monotonic() + pause > until
            if not is_worth_it or is_last:
                raise refusal.error
            await self._sleep(pause)
            attempt += not refusal.is_pacing

    async def _try(self, request: Request) -> httpx.Response | Refusal:
        """A successful answer, or why there is none."""
        try:
            response = await self._send_once(request)
        except Unavailable as error:
            return Refusal(error, is_unseen=_was_never_connected(error))
        if response.is_success:
            return response
        try:
            await response.aread()
        except httpx.HTTPError as error:
            return Refusal(self._unreachable(error))
        finally:
            await response.aclose()
        what = f"{request.method} {request.path}"
        return refusal_of(response.status_code, response.headers, _json_or_none(response), what)

    async def _send_once(self, request: Request) -> httpx.Response:
        self.requests += 1
        sent = self._http.build_request(
            request.method,
            request.path.removeprefix("/"),
            json=request.json,
            data=dict(request.form) or None,
            files=dict(request.files) or None,
            params=dict(request.params) or None,
            headers={"Authorization": f"Bearer {self._keys[request.is_app]}"},
        )
        try:
            response = await self._http.send(sent, stream=True)
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        self.version = response.headers.get("x-version", self.version)
        self.engine = response.headers.get("x-engine", "dify")
        return response

    def _too_late(self, request: Request) -> Unavailable:
        return Unavailable(
            f"Dify did not answer {request.method} {request.path} within {self._deadline:.0f} s",
            hint="Try again in a minute.",
        )

    def _unreachable(self, error: httpx.HTTPError) -> Unavailable:
        address = self._http.base_url.copy_with(userinfo=b"")
        secret = self._http.base_url.userinfo.decode()
        why = str(error) or type(error).__name__
        if secret:
            why = why.replace(f"{secret}@", "")
        unavailable = Unavailable(
            f"Dify at {address} cannot be reached: {why}",
            hint="Is the server up, and does [dify] base_url end in /v1?",
        )
        unavailable.__cause__ = error
        return unavailable


def pause_before(attempt: int, wait: float | None) -> float:
    """Seconds before the next attempt: doubling, with jitter, and never less than the server asks for."""
    jitter = random.uniform(0.5, 1.0)  # noqa: S311 jitter, not a secret
    if wait is not None:
        return wait + FIRST_PAUSE * jitter
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt - 1, 30)) * jitter


def _was_never_connected(error: Unavailable) -> bool:
    """Whether there was no connection that the request could have gone out by.

    The aiohttp transport calls every broken connection a ConnectTimeout, also one that broke after the
    request was sent (httpx-aiohttp 0.2.0), so what it was made from decides.
    """
    failure = error.__cause__
    if not isinstance(failure, httpx.ConnectError | httpx.ConnectTimeout):
        return False
    origin = failure.__cause__
    if isinstance(origin, aiohttp.ClientError):
        return isinstance(origin, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return True


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise Unavailable(
            f"Dify answered {response.status_code} with something that is not JSON",
            hint="Is there a proxy or a login page in front of it?",
        ) from error


def _json_or_none(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None
