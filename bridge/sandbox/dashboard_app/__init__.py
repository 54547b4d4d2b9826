"""A Dashboard App as Chatwoot shows one: a page in a frame beside the conversation [Frame.vue].

    GET /app/{conversation}           the desk, as far as the app is concerned
    GET /app/{conversation}/context   what the dashboard tells the app, as `appContext`

The dashboard posts it to everybody (`*`), unsigned, when the frame has loaded and when the frame asks for it.
Of 4.15's faults it has that nothing is told when another conversation is opened: the frame must ask.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from bridge.sandbox import views
from bridge.sandbox.access import not_found
from bridge.sandbox.records import Conversation
from bridge.sandbox.settings import SandboxSettings
from bridge.sandbox.state import State

_FOLDER = Path(__file__).parent
_PAGE = (_FOLDER / "host.html").read_text(encoding="utf-8")
_SCRIPT = (_FOLDER / "host.js").read_text(encoding="utf-8")


class DashboardApp:
    """The host page of the app at `settings.dashboard_app`."""

    def __init__(self, state: State, settings: SandboxSettings) -> None:
        self._state, self._settings = state, settings

    def routes(self) -> list[Route]:
        return [
            Route("/app/host.js", self._script),
            Route("/app/{conversation:int}", self._page),
            Route("/app/{conversation:int}/context", self._context),
        ]

    async def _page(self, request: Request) -> Response:
        if not self._settings.dashboard_app:
            raise not_found()
        number = self._conversation(request).id
        filled = _PAGE.replace("{{ number }}", str(number))
        return HTMLResponse(filled.replace("{{ address }}", escape(self._settings.dashboard_app)))

    async def _script(self, _: Request) -> Response:
        return Response(_SCRIPT, media_type="text/javascript")

    async def _context(self, request: Request) -> Response:
        """`conversation` is the dashboard's own: REST's, with the messages that it has loaded."""
        own = self._conversation(request)
        loaded = [views.message(one) for one in self._state.messages(own)]
        shown = views.conversation(self._state.thread(own), self._state.messages(own))
        agent = next(iter(self._state.directory.users.values()))
        data = {
            "conversation": shown | {"messages": loaded},
            "contact": views.contact(own.contact),
            "currentAgent": {"id": agent.id, "name": agent.name, "email": agent.email},
        }
        return JSONResponse({"event": "appContext", "data": data})

    def _conversation(self, request: Request) -> Conversation:
        account = next(iter(self._state.directory.accounts))
        found = self._state.conversations.get((account, request.path_params["conversation"]))
        if found is None:
            raise not_found()
        return found
