"""The page's own routes: not Chatwoot's, hence under /sandbox.

    POST /sandbox/customers                            a customer opens the chat -> source_id
    POST /sandbox/customers/{source_id}/messages       {text}
    POST /sandbox/customers/{source_id}/messages/{id}  {values}: an input message filled in
    GET  /sandbox/view?customer=…&conversation=…       both sides as they are now
    POST /sandbox/desk/{id}/messages                   {text, private}
    POST /sandbox/desk/{id}/status                     {status}
    POST /sandbox/desk/{id}/assignee, …/seen
    GET, POST /sandbox/faults                          what goes wrong on request (faults.py)
    POST /sandbox/dify                                 {how}: well, slow, down, spent
    POST /sandbox/bridge                               {} kills it; it is started again by itself
    GET  /trace/{id}                                   the bridge's trace of a conversation

A POST must be JSON, which a form on somebody else's page cannot send.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any, get_args

import httpx
import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from bridge.pages.languages import Language, language_of
from bridge.sandbox.access import Refused
from bridge.sandbox.page import bodies
from bridge.sandbox.page.switches import Switches
from bridge.sandbox.page.words import words_of
from bridge.sandbox.records import Account, ContactInbox, Conversation, Status, User, parse_status
from bridge.sandbox.settings import SandboxSettings
from bridge.sandbox.state import State

TRACE_SECONDS = 2.0
TEXT_MAX = 10_000
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_FOLDER = files("bridge.sandbox.page")


class Desk:
    """Serves the page for one account and its first agent."""

    def __init__(
        self,
        state: State,
        settings: SandboxSettings,
        http: httpx.AsyncClient,
        switches: Switches | None = None,
    ) -> None:
        self._state, self._settings, self._http = state, settings, http
        self._switches = switches
        self._account: Account = next(iter(state.directory.accounts.values()))
        self._agent: User = next(iter(state.directory.users.values()))
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        self._page = environment.from_string(_text("page.html.j2"))

    def routes(self) -> list[Route]:
        return [
            Route("/", self._html),
            Route("/page.css", _static("page.css", "text/css")),
            Route("/page.js", _static("page.js", "text/javascript")),
            Route("/sandbox/customers", self._arrive, methods=["POST"]),
            Route("/sandbox/customers/{customer}/messages", self._say, methods=["POST"]),
            Route("/sandbox/customers/{customer}/messages/{message:int}", self._submit, methods=["POST"]),
            Route("/sandbox/view", self._view),
            Route("/sandbox/desk/{conversation:int}/messages", self._reply, methods=["POST"]),
            Route("/sandbox/desk/{conversation:int}/status", self._set_status, methods=["POST"]),
            Route("/sandbox/desk/{conversation:int}/assignee", self._take, methods=["POST"]),
            Route("/sandbox/desk/{conversation:int}/seen", self._see, methods=["POST"]),
            Route("/sandbox/faults", self._show_faults),
            Route("/sandbox/faults", self._switch_faults, methods=["POST"]),
            Route("/sandbox/dify", self._set_dify, methods=["POST"]),
            Route("/sandbox/bridge", self._kill, methods=["POST"]),
            Route("/trace/{conversation:int}", self._trace),
        ]

    async def _html(self, request: Request) -> Response:
        language = language_of(request)
        other = next(one for one in Language if one is not language)
        words, script = words_of(language)
        page = self._page.render(
            language=language.value,
            other=other.value,
            w=words,
            script=script,
            company=self._settings.account_name,
            agent=self._agent.name,
            questions=self._settings.suggested_questions,
            has_drafts=bool(self._settings.dashboard_app),
            has_switches=self._switches is not None,
        )
        return HTMLResponse(page, headers=_HEADERS)

    # The customer

    async def _arrive(self, request: Request) -> Response:
        body = await _body(request)
        visit = self._state.arrive(name=_text_of(body, "name", required=False))
        self._state.open_widget(visit, _event_info(request, visit))
        return JSONResponse({"source_id": visit.source_id}, 201)

    async def _say(self, request: Request) -> Response:
        visit, body = self._visit(request), await _body(request)
        info = _event_info(request, visit)
        info.pop("widget_language")
        message = self._state.say(visit, _text_of(body, "text"), **info)
        return JSONResponse(bodies.entry(message), 201)

    async def _submit(self, request: Request) -> Response:
        visit, body = self._visit(request), await _body(request)
        conversation = self._state.conversation_of(visit)
        own = () if conversation is None else self._state.messages(conversation)
        message = next((m for m in own if m.id == request.path_params["message"] and m.is_chat), None)
        if message is None:
            raise Refused(404, {"error": "There is no such message in this chat."})
        return JSONResponse(bodies.entry(self._state.submit(message, body.get("values"))))

    # Both sides

    async def _view(self, request: Request) -> Response:
        """`chat` is null for a customer of an earlier start, `thread` for a conversation of one."""
        visit = self._state.visits.get(request.query_params.get("customer", ""))
        wanted = request.query_params.get("conversation", "")
        key = (self._account.id, int(wanted) if wanted.isdigit() else 0)
        conversation = self._state.conversations.get(key)
        return JSONResponse(
            {
                "chat": None if visit is None else bodies.chat(self._state, visit),
                "conversations": bodies.overview(self._state, self._account.id),
                "thread": None if conversation is None else bodies.thread(self._state, conversation),
                "around": bodies.around(self._switches),
            },
            headers=_HEADERS,
        )

    # What goes wrong on request

    async def _show_faults(self, _: Request) -> Response:
        return JSONResponse(bodies.faults(self._state.faults), headers=_HEADERS)

    async def _switch_faults(self, request: Request) -> Response:
        """The faults that the body names, and no others."""
        self._state.faults = bodies.parse_faults(await _body(request))
        return JSONResponse(bodies.faults(self._state.faults))

    async def _set_dify(self, request: Request) -> Response:
        switches, how = self._switched(), _text_of(await _body(request), "how")
        try:
            switches.set_dify(how)
        except KeyError as error:
            raise Refused(422, {"error": f"Dify cannot be {how!r}."}) from error
        return JSONResponse(bodies.around(switches))

    async def _kill(self, request: Request) -> Response:
        await _body(request)
        switches = self._switched()
        switches.kill()
        return JSONResponse(bodies.around(switches))

    def _switched(self) -> Switches:
        if self._switches is None:
            raise Refused(404, {"error": "This sandbox has no bridge and no Dify of its own."})
        return self._switches

    # The desk

    async def _reply(self, request: Request) -> Response:
        conversation, body = self._conversation(request), await _body(request)
        private = body.get("private") is True
        message = self._state.reply(conversation, _text_of(body, "text"), self._agent, private=private)
        return JSONResponse(bodies.entry(message), 201)

    async def _set_status(self, request: Request) -> Response:
        conversation, body = self._conversation(request), await _body(request)
        status = parse_status(body.get("status"))
        if status is None:
            raise Refused(422, {"error": f"status is one of {', '.join(get_args(Status))}."})
        return JSONResponse({"status": self._state.set_status(conversation, status, self._agent).status})

    async def _take(self, request: Request) -> Response:
        await _body(request)
        self._state.save(self._conversation(request), self._agent, assignee=self._agent)
        return JSONResponse({"assignee": self._agent.name})

    async def _see(self, request: Request) -> Response:
        await _body(request)
        self._state.see(self._conversation(request))
        return Response(status_code=204)

    async def _trace(self, request: Request) -> Response:
        """The bridge's list as it is; 502 with one sentence if it cannot be had."""
        conversation = self._conversation(request)
        base = self._settings.trace_url.rstrip("/")
        if not base:
            raise Refused(502, {"error": "The sandbox was started without the bridge's address for traces."})
        try:
            answer = await self._http.get(
                f"{base}/trace/{conversation.account_id}/{conversation.id}", timeout=TRACE_SECONDS
            )
            steps = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            sentence = f"The bridge's trace cannot be read at {base} ({type(error).__name__})."
            raise Refused(502, {"error": sentence}) from error
        return JSONResponse(steps, headers=_HEADERS)

    def _visit(self, request: Request) -> ContactInbox:
        visit = self._state.visits.get(request.path_params["customer"])
        if visit is None:
            raise Refused(
                404, {"error": "There is no such customer; the sandbox forgets everything when it stops."}
            )
        return visit

    def _conversation(self, request: Request) -> Conversation:
        key = (self._account.id, request.path_params["conversation"])
        conversation = self._state.conversations.get(key)
        if conversation is None:
            raise Refused(404, {"error": "There is no such conversation."})
        return conversation


Endpoint = Callable[[Request], Awaitable[Response]]


def _static(name: str, media_type: str) -> Endpoint:
    text = _text(name)

    async def answer(_: Request) -> Response:
        return Response(text, headers=_HEADERS, media_type=media_type)

    return answer


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


async def _body(request: Request) -> Mapping[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, {"error": "The body must be JSON (Content-Type: application/json)."})
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, {"error": "The body must be a JSON object."})
    return body


def _text_of(body: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    text = body.get(name, "")
    if not isinstance(text, str) or len(text) > TEXT_MAX or (required and not text.strip()):
        raise Refused(422, {"error": f"{name} must be text of 1 to {TEXT_MAX} characters."})
    return text.strip()


def _event_info(request: Request, visit: ContactInbox) -> dict[str, Any]:
    """What the widget tells about the browser, as far as the request says it."""
    language = request.headers.get("accept-language", "en").partition(",")[0].partition("-")[0]
    return {
        "browser": {
            "device_name": "Unknown",
            "browser_name": "Unknown",
            "platform_name": "Unknown",
            "browser_version": "",
            "platform_version": "",
        },
        "referer": request.headers.get("referer", ""),
        "initiated_at": {"timestamp": visit.created_at.strftime("%a %b %d %Y %H:%M:%S GMT+0000")},
        "widget_language": language,
        "browser_language": language,
    }
