"""The Dify apps that the routes ask: each is asked what it is, and something that is none of its business."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bridge.doctor.scene import Known, Scene
from kbtool.doctor.app import examine_app
from kbtool.doctor.finding import Finding, problem
from kbtool.errors import KbtoolError


async def look(scene: Scene, _: Known) -> AsyncIterator[Finding]:
    for name in dict.fromkeys(route.app for route in scene.settings.routes if route.asks):
        try:
            async for finding in examine_app(scene.apps(name)):
                yield finding
        except KbtoolError as error:
            about = f"Dify app {name}" if name else "Dify app"
            yield problem(about, error.message, error.hint or "kbtool doctor dify looks further.")
