"""What a page on a loopback address must refuse: names that are not its own, and forms from elsewhere.

Any site that an operator opens can make the browser send requests here. It cannot read the answers, unless a
name of its own is made to point here (DNS rebinding): so a page is shown under an address of digits or
`localhost` only. And it cannot know the token that our forms carry; a browser also says where a form came
from (Origin). Who is refused is told why, and the log has it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bridge import log
from bridge.pages import form_of, headers, is_own
from kbtool.errors import Unavailable

Page = Callable[[Request], Awaitable[Response]]
TOKEN = "token"
_HEADERS = {
    **headers(),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Guard:
    """`token` is this process's: a form that another one made is refused, and the page says to load again."""

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def page(self, show: Page) -> Page:
        """`show`, for those who may see it, with the headers that keep it to itself."""

        async def guarded(request: Request) -> Response:
            if not is_own_name(request.headers.get("host", "")):
                return _refused(request, "open this page by its address, such as http://127.0.0.1:8081")
            try:
                answer = await show(request)
            except Unavailable as error:
                answer = PlainTextResponse(f"{error.message}\n", 503)
            answer.headers.update(_HEADERS)
            return answer

        return guarded

    def form(self, take: Callable[[Request, dict[str, str]], Awaitable[Response]]) -> Page:
        """`take` with the form's fields, where the form is ours."""

        async def guarded(request: Request) -> Response:
            if not is_own(request):
                return _refused(request, "the form came from another site")
            fields = await form_of(request)
            if fields is None:
                return _refused(request, "this is no form of ours, or one that is too large", 413)
            if not hmac.compare_digest(fields.get(TOKEN, "").encode(), self.token.encode()):
                return _refused(request, "the page is an old one: load it again")
            return await take(request, fields)

        return self.page(guarded)


def is_own_name(host: str) -> bool:
    """Whether a Host header names this machine as nobody else's DNS can."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or bool(ip_address(name))
    except ValueError:
        return False


def _refused(request: Request, why: str, status: int = 403) -> Response:
    log.problem("page_refused", path=request.url.path, why=why)
    return PlainTextResponse(f"Refused: {why}\n", status, _HEADERS)
