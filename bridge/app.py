"""The bridge's two addresses, thin: Chatwoot's deliveries on one, health and traces on the other.

What Chatwoot makes of our answers decides them (bridge rules 3 and 4): anything but 2xx, 429 and 500 is final
and opens the conversation.

    200  stored, whatever it is: also events that we do not know, and bodies that are not JSON. Refusing
         those mends nothing, and takes a customer's conversation from the bot
    401  not signed by who knows the secret, or long ago
    404  no such bot: the address in Chatwoot is wrong
    413  larger than any message (`largest_body`). Final on purpose: a person gets such a mail
    500  could not be stored: Chatwoot tries twice more
"""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bridge import inbox, log, signature, trace
from bridge.settings import BridgeSettings
from bridge.store import Store
from bridge.worker import Worker
from kbtool.errors import Unavailable

DELIVERY = "x-chatwoot-delivery"


def create_app(
    settings: BridgeSettings, store: Store, worker: Worker, clock: Callable[[], float] = time.time
) -> Starlette:
    """What Chatwoot reaches: `POST /webhooks/chatwoot/{bot}`."""

    async def receive(request: Request) -> Response:
        """Keep the delivery, then say so. Everything else is the worker's."""
        route = settings.route(request.path_params["bot"])
        if route is None:
            return Response("no such bot\n", 404)
        body = await _body(request, settings.largest_body)
        if body is None:
            log.problem("too_large", bot=route.name, bound=settings.largest_body)
            return Response("too large\n", 413)
        if not signature.is_genuine(body, request.headers, route.secret, clock()):
            log.problem("forged", bot=route.name)
            return Response("not signed by Chatwoot\n", 401)
        delivery, now = request.headers.get(DELIVERY, ""), clock()
        try:
            is_new = await store.write(lambda c: inbox.accept(c, route.name, delivery, body, now))
        except Unavailable as error:
            log.problem("not_stored", bot=route.name, why=error.message)
            return Response("not stored\n", 500)
        if is_new:
            worker.wake()
        return Response()

    return Starlette(routes=[Route("/webhooks/chatwoot/{bot}", receive, methods=["POST"])])


def create_ops(store: Store, worker: Worker) -> Starlette:
    """For the operator, on an address of its own: traces show what customers are told."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> Response:
        try:
            await store.read(lambda connection: connection.exec_driver_sql("SELECT 1"))
        except Unavailable as error:
            return JSONResponse({"status": "not ready", "reason": error.message}, 503)
        if not worker.is_ready:
            return JSONResponse({"status": "not ready", "reason": "the worker does not run"}, 503)
        return JSONResponse({"status": "ready"})

    async def show_trace(request: Request) -> Response:
        account, conversation = request.path_params["account"], request.path_params["conversation"]
        return JSONResponse(await store.read(lambda c: trace.of_conversation(c, account, conversation)))

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/trace/{account:int}/{conversation:int}", show_trace),
        ]
    )


async def _body(request: Request, bound: int) -> bytes | None:
    """The body; None where it is larger than `bound` bytes, of which no more are kept in memory."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > bound:
        return None
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > bound:
                return None
            parts.append(part)
    except ClientDisconnect:
        return b""  # nobody waits for the answer; an empty body is signed by nobody
    return b"".join(parts)
