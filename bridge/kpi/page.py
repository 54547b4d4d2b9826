"""/kpi: the figures against their targets, each with what it means."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bridge.kpi.watch import Watch
from bridge.operator.guard import Guard
from bridge.pages import Pages, language_of
from bridge.settings import BridgeSettings
from kbtool.kpi.shown import rows

LONGEST = 88
"""Days: so long the words are kept by which contacts are known."""


def routes(
    watch: Watch,
    pages: Pages,
    guard: Guard,
    current: Callable[[], BridgeSettings],
    clock: Callable[[], float] = time.time,
) -> list[BaseRoute]:
    async def show(request: Request) -> Response:
        kpi = current().kpi
        asked = request.query_params.get("days", "")
        days = min(LONGEST, max(1, int(asked))) if asked.isdecimal() and len(asked) < 4 else kpi.days
        found = await watch.figures(clock(), days)
        return pages.render(
            request,
            "kpi.html.j2",
            here="/kpi",
            figures=found,
            rows=rows(found, kpi.targets, language_of(request).value),
            days=days,
            periods=sorted({7, 28, 84, kpi.days}),
        )

    return [Route("/kpi", guard.page(show))]
