"""The engine as an ASGI application: keys, bodies and errors; everything else is in the routes' own modules.

It needs no lifespan events: the database is opened by the first request and the indexer starts itself, so it
works in-process through `httpx.ASGITransport` and under uvicorn alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kbtool.embedded import answers, app_routes, datasets, knowledge_routes
from kbtool.embedded.answers import Refused
from kbtool.embedded.app_call import AppCall, AppEndpoint
from kbtool.embedded.call import Call, Endpoint
from kbtool.embedded.chat import Chat
from kbtool.embedded.database import Database
from kbtool.embedded.fault_kinds import Fault
from kbtool.embedded.faults import Faults
from kbtool.embedded.forms import parse_form
from kbtool.embedded.interference import Interference
from kbtool.embedded.models import Models
from kbtool.embedded.settings import EngineSettings
from kbtool.embedded.worker import Indexer


class Engine:
    """One engine: an ASGI application with a database and an indexer of its own."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.faults = Faults(settings.faults)
        self.models = Models(settings.models, self.faults)
        self.database = Database(settings.path)
        self.indexer = Indexer(self.database, self.models)
        self.chat = Chat(settings, self.database, self.models)
        knowledge = [
            Route("/v1" + path, self._knowledge(endpoint), methods=[method])
            for method, path, endpoint in knowledge_routes.ROUTES
        ]
        apps = [
            Route("/v1" + path, self._app(endpoint), methods=[method])
            for method, path, endpoint in app_routes.ROUTES
        ]
        routes = Starlette(routes=knowledge + apps, exception_handlers={404: _page_not_found})
        self._served = Interference(routes, self.faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._served(scope, receive, send)

    def inject(self, *faults: Fault) -> None:
        """Add faults while the engine runs."""
        self.faults.inject(*faults)

    async def switch_dataset_api(self, dataset_id: str, *, is_on: bool) -> None:
        """What only the console can do: with its API off, a dataset is a 403 [344]."""
        await self.database.run(lambda db: datasets.switch_api(db, dataset_id, is_on=is_on))

    def hold_indexing(self) -> None:
        """From now on documents stay as they are, as when no worker runs [349]."""
        self.indexer.hold()

    def release_indexing(self) -> None:
        self.indexer.release()

    async def settle(self) -> None:
        """Wait until everything is indexed. For tests and for commands that share this process."""
        await self.indexer.settle()

    async def aclose(self) -> None:
        """End the indexer and close the file. Work that is left goes on when the file is opened again."""
        await self.indexer.aclose()
        await self.database.aclose()
        await self.models.aclose()

    def _knowledge(self, endpoint: Endpoint) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handle(request: Request) -> Response:
            try:
                if _bearer(request) != self.settings.dataset_key:
                    raise answers.unauthorized("Access token is invalid")
                body = await _body(request, self.settings.max_body)
                call = partial(
                    Call,
                    settings=self.settings,
                    models=self.models,
                    path={name: str(value) for name, value in request.path_params.items()},
                    query=dict(request.query_params),
                    queries={name: request.query_params.getlist(name) for name in request.query_params},
                    body=body,
                )
                answer = await self.models.with_embeddings(
                    lambda: self.database.run(lambda db: endpoint(call(db)))
                )
            except Refused as refused:
                return answers.refuse(refused)
            except (UnicodeError, RecursionError) as error:
                return answers.refuse(answers.invalid(str(error)))
            self.indexer.wake()
            return answers.respond(answer)

        return handle

    def _app(self, endpoint: AppEndpoint) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handle(request: Request) -> Response:
            try:
                key = _bearer(request)
                app = next((app for app in self.settings.apps if app.key == key), None)
                if app is None:
                    raise answers.unauthorized("Access token is invalid")
                if not app.api_enabled:
                    raise answers.Refused(403, "forbidden", "The app's API service has been disabled.")
                body = await _body(request, self.settings.max_body)
                return await endpoint(AppCall(self.chat, app, request, body))
            except Refused as refused:
                return answers.refuse(refused)
            except (UnicodeError, RecursionError) as error:
                return answers.refuse(answers.invalid(str(error)))

        return handle


def create_app(settings: EngineSettings) -> Engine:
    """An engine for `settings`. Close it with `aclose`."""
    return Engine(settings)


def _bearer(request: Request) -> str:
    """The key of the request; three different sentences for what can be wrong with the header [001-003]."""
    header = request.headers.get("authorization", "")
    scheme, space, key = header.partition(" ")
    if not space:
        raise answers.unauthorized("Authorization header must be provided and start with 'Bearer'")
    if scheme.lower() != "bearer":
        raise answers.unauthorized("Authorization scheme must be 'Bearer'")
    return key.strip()


async def _body(request: Request, most: int) -> Any:
    if request.method in ("GET", "HEAD"):
        return None
    parts: list[bytes] = []
    async for part in request.stream():
        parts.append(part)
        if sum(map(len, parts)) > most:
            raise answers.too_large()
    raw = b"".join(parts)
    if not raw and request.method == "DELETE":
        return None
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        return parse_form(content_type, raw)
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        if not raw and "/metadata/built-in/" in request.url.path:
            return None  # the one POST that is asked for nothing
        raise answers.broken_body() from None


async def _page_not_found(_: Request, __: Exception) -> Response:
    return answers.page_not_found()
