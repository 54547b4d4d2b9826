"""The bridge's first address, thin: Chatwoot's deliveries. The operator has one of his own (`ops.py`).

What Chatwoot makes of our answers decides them (bridge rules 3 and 4): anything but 2xx, 429 and 500 is final
and opens the conversation.

    200  stored, whatever it is: also events that we do not know, and bodies that are not JSON. Refusing
         those mends nothing, and takes a customer's conversation from the bot
    401  not signed by who knows the secret, or long ago
    404  no such bot: the address in Chatwoot is wrong
    408  the body did not come in time: Chatwoot has hung up by then, or it is not Chatwoot
    413  larger than any message (`largest_body`). Final on purpose: a person gets such a mail
    500  could not be stored, or not in time: Chatwoot tries twice more
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from enum import IntEnum

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bridge import log, signature
from bridge import settings as bridge_settings
from bridge.settings import BridgeSettings
from bridge.store import Store
from bridge.tables import inbox
from bridge.worker import Worker
from kbtool.errors import Unavailable

DELIVERY = "x-chatwoot-delivery"
ADDRESS = "/webhooks/chatwoot"
IN_TIME = 4.0
"""Seconds for storing a delivery. Chatwoot hangs up after 5, and what it hung up on it does not try again."""
WHOLE = 5.0
"""Seconds for a body to come in."""


def create_app(
    current: Callable[[], BridgeSettings],
    store: Store,
    worker: Worker,
    clock: Callable[[], float] = time.time,
    pages: Sequence[BaseRoute] = (),
) -> Starlette:
    """What Chatwoot reaches: `POST /webhooks/chatwoot/{bot}` for the agent bot of that name, and
    `POST /webhooks/chatwoot/account/{name}` for an account webhook. Where the server does not sign, the
    secret is one part more: `…/{bot}/{secret}`. `current` are the settings in use at the
    time. `pages` are for people, at addresses of their own.
    """

    async def receive(request: Request) -> Response:
        """Keep the delivery, then say so. Everything else is the worker's."""
        path, settings = request.path_params, current()
        address = f"account/{path['account']}" if "account" in path else path["bot"]
        route = settings.route(address)
        if route is None:
            return Response("no such bot\n", 404)
        body = await _body(request, settings.largest_body)
        if isinstance(body, _Unread):
            log.problem(body.name.lower(), bot=address, bound=settings.largest_body, seconds=WHOLE)
            said = body.name.lower().replace("_", " ")
            return Response(f"{said}\n", body, headers={"connection": "close"})
        now = clock()
        if not _is_chatwoots(request, route, body, now):
            log.problem("forged", bot=address)
            return Response("not signed by Chatwoot\n", 401)
        with worker.receiving():  # what anybody else sends holds the worker up in nothing
            return await keep(address, request.headers.get(DELIVERY, ""), body, now)

    async def keep(address: str, delivery: str, body: bytes, now: float) -> Response:
        if not store.is_shared:
            worker.wake()  # one writer takes what it is given in order: the worker's look shares this commit
        try:
            async with asyncio.timeout(IN_TIME):
                is_new = await store.write(lambda c: inbox.accept(c, address, delivery, body, now))
        except Exception as error:  # noqa: BLE001 whatever it was, Chatwoot can send this again
            is_bug = not isinstance(error, (Unavailable, TimeoutError))
            late = f"not within {IN_TIME:.0f} s" if isinstance(error, TimeoutError) else type(error).__name__
            why = error.message if isinstance(error, Unavailable) else late
            log.problem("not_stored", error if is_bug else None, bot=address, why=why)
            return Response("not stored\n", 500)
        if is_new and store.is_shared:
            worker.wake()
        return Response()

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    paths = ("/account/{account}", "/account/{account}/{secret}", "/{bot}", "/{bot}/{secret}")
    webhooks = [Route(ADDRESS + path, receive, methods=["POST"]) for path in paths]
    return Starlette(routes=[Route("/healthz", health), *webhooks, *pages])


def _is_chatwoots(request: Request, route: bridge_settings.Route, body: bytes, now: float) -> bool:
    """Signed, or where the route's server does not sign, sent to the address that nobody else knows."""
    secret = request.path_params.get("secret", "")
    if route.is_signed:
        return not secret and signature.is_genuine(body, request.headers, route.secret, now)
    return bool(route.secret) and hmac.compare_digest(secret.encode(), route.secret.encode())


async def _body(request: Request, bound: int) -> bytes | _Unread:
    """The body, or why it is not read: of one larger than `bound` bytes no more are kept in memory."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > bound:
        return _Unread.TOO_LARGE
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(WHOLE):
            async for part in request.stream():
                size += len(part)
                if size > bound:
                    return _Unread.TOO_LARGE
                parts.append(part)
    except TimeoutError:
        return _Unread.TOO_SLOW
    except ClientDisconnect:
        return b""  # nobody waits for the answer; an empty body is signed by nobody
    return b"".join(parts)


class _Unread(IntEnum):
    """Bodies that are not read, by the status that they are answered with."""

    TOO_SLOW = 408
    TOO_LARGE = 413
