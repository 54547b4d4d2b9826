"""The Dify apps that routes name, by one HTTP client; or the embedded engine's one for all names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from kbtool.config import EMBEDDED, Settings

if TYPE_CHECKING:
    from kbtool.dify.client import DifyClient


@asynccontextmanager
async def apps(
    settings: Settings, environment: Mapping[str, str]
) -> AsyncIterator[Callable[[str], DifyClient]]:
    """A client for an app's name. It raises ConfigError where the name has no key."""
    if settings.dify.base_url == EMBEDDED:
        from kbtool.cli.connect import connect

        async with connect(settings, needs_datasets=False) as client:
            yield lambda _: client
        return
    import httpx

    from bridge.routes.routing import app_key
    from kbtool.dify.client import DifyClient
    from kbtool.http import LeanClient

    timeout = httpx.Timeout(60.0, connect=10.0)
    http = LeanClient(settings.dify.base_url, timeout=timeout)
    clients: dict[str, DifyClient] = {}

    def client_of(app: str) -> DifyClient:
        if app not in clients:
            clients[app] = DifyClient(http, app_key=app_key(app, environment))
        return clients[app]

    try:
        yield client_of
    finally:
        for client in clients.values():
            async with client:
                """What it sends in passing is sent before the connections are closed."""
        await http.aclose()
