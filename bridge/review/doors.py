"""Who is signed in to the review page, and what is refused. Each refusal is a line in the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from starlette.requests import Request
from starlette.responses import Response

from bridge import log
from bridge.chatwoot.agent import AgentClient
from bridge.pages import is_own
from bridge.review import sealing
from bridge.settings import BridgeSettings, Review
from bridge.store import Store
from bridge.tables import sessions
from bridge.tables.sessions import Row
from kbtool.errors import Rejected, Unavailable

COOKIE = "__Host-kbtool-review"
"""By its prefix no other host, and no page without TLS, can set it."""
LONGEST_TOKEN = 200
WRONG, A_MINUTE = 20, 60.0
"""So many tokens that Chatwoot does not know in a minute, and it is asked of none for the rest of it: whoever
tries them all from here would spend what Chatwoot lets this bridge's own address ask.
"""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in; `key` is what their cookie holds. Its text form hides the secrets."""

    key: str
    agent: int
    name: str
    client: AgentClient
    secret: str

    def __repr__(self) -> str:
        return f"Session(agent={self.agent})"

    def pass_for(self, *place: object) -> str:
        """See `sealing.pass_for`."""
        return sealing.pass_for(self.secret, self.key, *place)

    def is_pass(self, given: str, *place: object) -> bool:
        return sealing.is_pass(given, self.secret, self.key, *place)


@dataclass(frozen=True, slots=True)
class Doors:
    """Sessions over the store; `http` is Chatwoot's."""

    store: Store
    current: Callable[[], BridgeSettings]
    http: httpx.AsyncClient
    clock: Callable[[], float]
    _wrong: deque[float] = field(default_factory=lambda: deque(maxlen=WRONG))

    @property
    def settings(self) -> Review:
        return self.current().review

    async def session(self, request: Request) -> Session | None:
        """The session of a request; None where it has none that counts. Raises Unavailable."""
        key, secret = request.cookies.get(COOKIE, ""), self.settings.secret
        if not key or not secret:
            return None
        now = self.clock()
        row = await self.store.read(lambda c: sessions.get(c, sealing.digest(key), now))
        if row is None:
            refuse("no_such_session", request)
            return None
        token = sealing.unseal(secret, key, row.token)
        if token is None:
            refuse("session_of_another_secret", request)
            return None
        return Session(key, row.agent, row.name, AgentClient(self.http, token), secret)

    async def sign_in(self, request: Request, token: str) -> str | None:
        """The cookie of a new session; None where Chatwoot does not know the token as a person's.

        Raises Unavailable, also where Chatwoot cannot be asked, or was asked for too many wrong ones.
        """
        secret = self.settings.secret
        is_plausible = 0 < len(token) <= LONGEST_TOKEN and token.isascii() and token.isprintable()
        if not (secret and is_plausible):
            refuse("no_token", request)
            return None
        now = self.clock()
        if len(self._wrong) == WRONG and now - self._wrong[0] < A_MINUTE:
            refuse("too_many_wrong_tokens", request)
            raise Unavailable("Too many wrong tokens; one can be tried again in a minute")
        try:
            profile = await AgentClient(self.http, token).profile()
        except Rejected as error:
            self._wrong.append(now)
            refuse("token_refused", request, status=error.status)
            return None
        key, length = sealing.new_key(), self.settings.session
        sealed = sealing.seal(secret, key, token)
        row = Row(sealing.digest(key), profile.id, profile.name, sealed, now + length)
        await self.store.write(lambda c: sessions.add(c, row))
        log.event("review_signed_in", agent=profile.id)
        return cookie(key, int(length))

    async def sign_out(self, session: Session) -> None:
        await self.store.write(lambda c: sessions.end(c, sealing.digest(session.key)))
        log.event("review_signed_out", agent=session.agent)

    async def is_still_known(self, session: Session) -> bool:
        """Whether Chatwoot still takes the agent's token; where it does not, the session is over."""
        try:
            await session.client.profile()
        except Rejected:
            await self.sign_out(session)
            return False
        return True


def refuse(why: str, request: Request, **facts: object) -> None:
    """Tell an operator."""
    log.problem("review_refused", why=why, path=request.url.path[:100], **facts)


def is_forged(request: Request) -> bool:
    """Whether a POST came from somebody else's page."""
    if is_own(request):
        return False
    refuse("other_origin", request, origin=request.headers.get("origin", "")[:100])
    return True


def cookie(key: str, seconds: int) -> str:
    """`Partitioned`: in Chatwoot's frame it is this page's within Chatwoot, and no tracker. Written by hand,
    since the standard library does not know that word before Python 3.14.
    """
    return f"{COOKIE}={key}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=None; Partitioned"


def forget(response: Response) -> Response:
    """The answer, with the cookie taken away."""
    response.headers.append("Set-Cookie", cookie("", 0))
    return response
