"""The operator's address: health, readiness, metrics and traces. Not for the internet: traces tell much.

/healthz   the process answers
/readyz    503 while the bridge cannot keep or work on what it is sent. Dify and Chatwoot are told apart,
           and do not change the status: without them the bridge hands off and retries, and one that is
           taken out of service would lose every conversation to a person
/metrics   for Prometheus

Beside them stand the operator's pages, which others make.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bridge.holding import Standing
from bridge.operating import load
from bridge.operating.metrics import CONTENT_TYPE, Metrics
from bridge.settings import BridgeSettings
from bridge.store import Store
from bridge.tables import trace
from bridge.worker import Worker
from kbtool.errors import KbtoolError, Unavailable
from kbtool.kpi.figures import Figures

FRESH = 10.0
"""Seconds for which a neighbour's state is believed: a probe must not load it."""
IN_TIME = 3.0
Ask = Callable[[], Awaitable[None]]
"""Asks a server whether it is there; raises a KbtoolError where it is not."""


@dataclass
class Neighbours:
    """Those that the bridge talks to, by name; each is asked at most once in `FRESH` seconds."""

    asks: Callable[[], Mapping[str, Ask]]
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, tuple[float, str]] = field(default_factory=dict)

    async def states(self) -> dict[str, str]:
        """For each "ok", or what is wrong in a sentence."""
        asks = self.asks()
        found = await asyncio.gather(*(self._state(name, ask) for name, ask in asks.items()))
        return dict(zip(asks, found, strict=True))

    async def _state(self, name: str, ask: Ask) -> str:
        until, state = self._known.get(name, (0.0, ""))
        if self.clock() >= until:
            state = await _state(ask)
            self._known[name] = (self.clock() + FRESH, state)
        return state


def create_ops(
    store: Store,
    worker: Worker,
    current: Callable[[], BridgeSettings],
    standing: Standing,
    metrics: Metrics,
    neighbours: Neighbours,
    figures: Callable[[], Figures | None] = lambda: None,
    pages: Sequence[BaseRoute] = (),
) -> Starlette:
    """The app; `current` are the settings in use at the time, `figures` the key figures found last."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(_: Request) -> Response:
        states = {"database": await _state(lambda: _ask_database(store))}
        states["worker"] = "ok" if worker.is_ready else "does not run"
        is_ready = all(state == "ok" for state in states.values())
        states |= await neighbours.states()
        return JSONResponse(
            {"status": "ready" if is_ready else "not ready"} | states, 200 if is_ready else 503
        )

    async def show_metrics(_: Request) -> Response:
        now = time.time()
        try:
            measured = await store.read(lambda connection: load.measure(connection, now))
        except Unavailable as error:
            return Response(f"{error.message}\n", 503)
        page = metrics.page(measured, current(), standing, figures())
        return Response(page, media_type=CONTENT_TYPE)

    async def show_trace(request: Request) -> Response:
        account, conversation = request.path_params["account"], request.path_params["conversation"]
        return JSONResponse(await store.read(lambda c: trace.of_conversation(c, account, conversation)))

    return Starlette(
        routes=[
            Route("/healthz", health),
            Route("/readyz", ready),
            Route("/metrics", show_metrics),
            Route("/trace/{account:int}/{conversation:int}", show_trace),
            *pages,
        ]
    )


async def ask_chatwoot(http: httpx.AsyncClient) -> None:
    """Any answer of its own will do: `/api` tells the version, and needs no token."""
    try:
        answer = await http.get("/api")
    except httpx.HTTPError as error:
        raise Unavailable(f"cannot be reached ({type(error).__name__})") from error
    if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise Unavailable(f"answered {answer.status_code}")


async def _ask_database(store: Store) -> None:
    await store.read(lambda connection: connection.exec_driver_sql("SELECT 1"))


async def _state(ask: Ask) -> str:
    try:
        async with asyncio.timeout(IN_TIME):
            await ask()
    except TimeoutError:
        return f"no answer in {IN_TIME:.0f} s"
    except KbtoolError as error:
        return error.message
    return "ok"
