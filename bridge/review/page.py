"""The addresses of the review page, thin. What is not shown to everybody is asked of Chatwoot first.

    GET  /review                      sign in, or the drafts that wait
    POST /review/in, /review/out      a session begins with the agent's Chatwoot token, and ends
    GET  /review/c/{a}/{c}            conversation c of account a: its newest draft
    POST /review/c/{a}/{c}/send       the text of the editor, to the customer
    POST /review/c/{a}/{c}/discard    with a reason
    GET  /review/c/{a}/{c}/version    changes when the draft does; asks the store only
    POST /review/forged               the script's word that somebody posed as Chatwoot

A form works without the script; it answers with the page it leads to.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from bridge.chatwoot.agent import Later, is_refusal
from bridge.chatwoot.wire import Shown
from bridge.pages import Pages, form_of, headers, language_of
from bridge.review.doors import Doors, Session, forget, is_forged, refuse
from bridge.review.sending import Came, Sending, moved_on
from bridge.review.words import REASONS, WORDS, why
from bridge.settings import BridgeSettings
from bridge.store import Store
from bridge.tables import drafts
from bridge.tables.drafts import Draft, State
from bridge.tables.trace import Subject
from kbtool.errors import ContractBroken, Rejected, Unavailable

PREFIX = "/review"
LISTED = 30
AT_ONCE = 6
"""Drafts on the list, and how many conversations Chatwoot is asked for at the same time."""
LONGEST = 150_000
"""Characters: Chatwoot's own bound."""

_Answer = Callable[[Request, Session], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Posted:
    """A form, the draft that it is about, and the conversation as the agent sees it now."""

    form: Mapping[str, str]
    draft: Draft | None
    shown: Shown
    later: Sequence[Later]


class Review:
    """The page. `current` are the settings in use at the time, `chatwoot` has the server's base URL."""

    def __init__(
        self,
        store: Store,
        current: Callable[[], BridgeSettings],
        chatwoot: httpx.AsyncClient,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._current, self._clock = store, current, clock
        self._chatwoot = chatwoot
        self._doors = Doors(store, current, chatwoot, clock)
        self._sending = Sending(store, current, clock)
        self._pages = Pages(Path(__file__).parent, "review", PREFIX, WORDS)

    def routes(self) -> list[Route]:
        one = PREFIX + "/c/{account:int}/{conversation:int}"
        inside = [
            Route(one, self._for_agents(self._show)),
            Route(f"{one}/send", self._for_agents(self._send), methods=["POST"]),
            Route(f"{one}/discard", self._for_agents(self._discard), methods=["POST"]),
            Route(f"{one}/version", self._for_agents(self._version)),
            Route(f"{PREFIX}/out", self._for_agents(self._sign_out), methods=["POST"]),
            Route(f"{PREFIX}/forged", self._for_agents(self._forged), methods=["POST"]),
        ]
        begin = [Route(PREFIX, self._for_agents(self._list))]
        sign_in = [Route(f"{PREFIX}/in", self._guarded(self._sign_in), methods=["POST"])]
        return [*begin, *sign_in, *inside, *self._pages.routes()]

    @property
    def desk(self) -> str:
        """The origin where agents have Chatwoot open: who may frame the page, and tell it what to show."""
        url = httpx.URL(self._current().review.desk or str(self._chatwoot.base_url))
        return f"{url.scheme}://{url.netloc.decode('ascii')}"

    def _guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Any:
        """What fails is said in a page; what is posted from elsewhere is refused."""

        async def call(request: Request) -> Response:
            if not self._current().review.is_on:
                return PlainTextResponse("The review page is off: [bridge.review] enabled.\n", 404)
            if request.method == "POST" and is_forged(request):
                return self._closed(request, "refused_origin", 403)
            try:
                return await answer(request)
            except Unavailable as error:
                return self._closed(request, "unavailable", 503, said=error.message)
            except (ContractBroken, Rejected) as error:
                return self._closed(request, "unavailable", 502, said=error.message)

        return call

    def _for_agents(self, answer: _Answer) -> Any:
        async def call(request: Request) -> Response:
            session = await self._doors.session(request)
            if session is None:
                return self._outside(request)
            try:
                return await answer(request, session)
            except Rejected as error:
                if not is_refusal(error):
                    raise
                return await self._refused(request, session, error)

        return self._guarded(call)

    def _outside(self, request: Request) -> Response:
        """Nobody is signed in: what is missing, or the form."""
        if not self._current().review.secret:
            return self._closed(request, "no_secret", 503)
        if request.method == "POST":
            refuse("no_session", request)
        is_refusing = "in" in request.query_params
        status = 200 if request.url.path == PREFIX else 401
        return forget(
            self._page(request, "signin.html.j2", status=status, problem="", is_refusing=is_refusing)
        )

    async def _refused(self, request: Request, session: Session, error: Rejected) -> Response:
        """The agent may not see this conversation; or Chatwoot does not know them any more."""
        refuse("no_access", request, agent=session.agent, status=error.status)
        if error.status == httpx.codes.UNAUTHORIZED and not await self._doors.is_still_known(session):
            return self._outside(request)
        return self._closed(request, "no_access", 403, session=session)

    async def _sign_in(self, request: Request) -> Response:
        if not self._current().review.secret:
            return self._closed(request, "no_secret", 503)
        form = await form_of(request) or {}
        cookie = await self._doors.sign_in(request, form.get("token", "").strip())
        if cookie is None:
            return self._page(
                request, "signin.html.j2", status=403, problem="token_refused", is_refusing=False
            )
        ends = "&in=1" if self._query(request) else "?in=1"
        response = RedirectResponse(PREFIX + self._query(request) + ends, 303, headers=self._headers())
        response.headers.append("Set-Cookie", cookie)
        return response

    async def _sign_out(self, request: Request, session: Session) -> Response:
        form = await form_of(request) or {}
        if not session.is_pass(form.get("pass", "")):
            return self._no_pass(request, session)
        await self._doors.sign_out(session)
        return forget(RedirectResponse(PREFIX + self._query(request), 303, headers=self._headers()))

    async def _list(self, request: Request, session: Session) -> Response:
        """The open drafts of the conversations that the agent can see."""
        waiting = await self._store.read(lambda c: drafts.waiting(c, LISTED))
        newest: dict[tuple[int, int], Draft] = {}
        for draft in waiting:
            newest.setdefault((draft.subject.account, draft.subject.conversation), draft)
        places = asyncio.Semaphore(AT_ONCE)

        async def sees(draft: Draft) -> bool:
            async with places:
                try:
                    at = draft.subject
                    shown = await session.client.conversation(at.account, at.conversation)
                except Rejected:
                    return False
            return moved_on(draft, shown) is None

        seen = await asyncio.gather(*(sees(draft) for draft in newest.values()))
        listed = [draft for draft, is_seen in zip(newest.values(), seen, strict=True) if is_seen]
        return self._page(request, "list.html.j2", session=session, drafts=listed)

    async def _show(self, request: Request, session: Session) -> Response:
        account, number = _place(request)
        draft, shown = await asyncio.gather(
            self._newest(account, number), session.client.conversation(account, number)
        )
        if draft is not None and draft.state is State.SENDING:
            await self._sending.settle(session.client, draft)
            draft = await self._newest(account, number)
        return await self._draft(request, session, draft, shown)

    async def _send(self, request: Request, session: Session) -> Response:
        posted = await self._posted(request, session, asks_later=True)
        if posted is None:
            return self._no_pass(request, session)
        draft, text = posted.draft, posted.form.get("text", "").strip()
        if draft is None or not text or len(text) > LONGEST:
            return await self._draft(
                request, session, draft, posted.shown, problem="no_text", text=text, status=422
            )
        attempt = await self._sending.send(
            session.client, session.agent, draft, text, posted.shown, posted.later
        )
        after = await self._store.read(lambda c: drafts.get(c, draft.subject))
        is_done = attempt.came in {Came.SENT, Came.UNKNOWN}
        return await self._draft(
            request, session, after, posted.shown,
            problem="" if is_done else attempt.came.value,
            said=attempt.said, text=text, status=200 if is_done else 409,
        )  # fmt: skip

    async def _discard(self, request: Request, session: Session) -> Response:
        posted = await self._posted(request, session, asks_later=False)
        if posted is None:
            return self._no_pass(request, session)
        draft, shown, reason = posted.draft, posted.shown, posted.form.get("reason", "")
        if draft is None or reason not in REASONS:
            return await self._draft(request, session, draft, shown, problem="no_reason", status=422)
        more = " ".join(posted.form.get("more", "").split())
        said = f"{reason}: {more}" if more else reason
        subject, now = draft.subject, self._clock()
        is_done = await self._store.write(lambda c: drafts.discard(c, subject, said, session.agent, now))
        after = await self._store.read(lambda c: drafts.get(c, subject))
        problem = "" if is_done else Came.TAKEN.value
        return await self._draft(
            request, session, after, shown, problem=problem, status=200 if is_done else 409
        )

    async def _posted(self, request: Request, session: Session, *, asks_later: bool) -> _Posted | None:
        """None where the form is not of a page that was shown to this session. Raises Rejected where the
        agent may not see the conversation.
        """
        account, number = _place(request)
        form = await form_of(request) or {}
        if not session.is_pass(form.get("pass", ""), account, number):
            return None
        given = form.get("message", "")
        message = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0
        client = session.client
        shown, later = await asyncio.gather(
            client.conversation(account, number),
            client.after(account, number, message) if asks_later else _nothing(),
        )
        subject = Subject(form.get("bot", ""), account, number, message)
        draft = await self._store.read(lambda c: drafts.get(c, subject))
        if draft is not None and draft.subject.conversation != number:
            # What Chatwoot was asked about is this conversation; the draft is another's.
            refuse("draft_of_another", request, agent=session.agent)
            draft = None
        return _Posted(form, draft, shown, later)

    async def _version(self, request: Request, session: Session) -> Response:
        """A word that changes with the draft, for whoever was shown the conversation."""
        account, number = _place(request)
        if not session.is_pass(request.query_params.get("pass", ""), account, number):
            refuse("no_pass", request, agent=session.agent)
            return JSONResponse({"version": ""}, 403, headers=self._headers())
        return JSONResponse({"version": await self._version_of(account, number)}, headers=self._headers())

    async def _forged(self, request: Request, session: Session) -> Response:
        """Said by our own script, which has refused it."""
        form = await form_of(request) or {}
        if not session.is_pass(form.get("pass", "")):
            return self._no_pass(request, session)
        refuse("forged_message", request, agent=session.agent, origin=form.get("origin", "")[:100])
        return Response(status_code=204, headers=self._headers())

    async def _version_of(self, account: int, conversation: int) -> str:
        draft = await self._newest(account, conversation)
        if draft is None:
            return "none"
        moved = await self._store.read(lambda c: drafts.moved(c, draft))
        return f"{draft.subject.bot}:{draft.subject.message}:{draft.state.value}:{moved or ''}"

    async def _newest(self, account: int, conversation: int) -> Draft | None:
        return await self._store.read(lambda c: drafts.newest(c, account, conversation))

    async def _draft(
        self, request: Request, session: Session, draft: Draft | None, shown: Shown, **values: Any
    ) -> Response:
        """The page of a conversation; `values` say what an attempt came to."""
        account, number = _place(request)
        moved = None
        if draft is not None and draft.state is State.OPEN:
            moved = moved_on(draft, shown) or await self._store.read(lambda c: drafts.moved(c, draft))
        return self._page(
            request,
            "draft.html.j2",
            session=session,
            account=account,
            conversation=number,
            draft=draft,
            why=why(language_of(request), draft.drafted.reason) if draft else "",
            moved=moved,
            can_reply=shown.can_reply,
            version=await self._version_of(account, number),
            reasons=REASONS,
            here=f"{PREFIX}/c/{account}/{number}",
            pass_here=session.pass_for(account, number),
            **({"problem": "", "said": "", "text": ""} | values),
        )

    def _no_pass(self, request: Request, session: Session) -> Response:
        refuse("no_pass", request, agent=session.agent)
        return self._closed(request, "refused_form", 403, session=session)

    def _closed(
        self, request: Request, what: str, status: int, *, said: str = "", session: Session | None = None
    ) -> Response:
        return self._page(request, "closed.html.j2", status=status, what=what, said=said, session=session)

    def _page(
        self, request: Request, template: str, *, session: Session | None = None, **values: Any
    ) -> Response:
        out = session.pass_for() if session else ""
        return self._pages.render(
            request, template, framed_by=[self.desk], desk=self.desk, session=session, pass_out=out, **values
        )

    def _headers(self) -> dict[str, str]:
        return headers([self.desk])

    def _query(self, request: Request) -> str:
        return self._pages.query(request)


def _place(request: Request) -> tuple[int, int]:
    return request.path_params["account"], request.path_params["conversation"]


async def _nothing() -> Sequence[Later]:
    return ()
