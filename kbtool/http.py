"""An HTTP client for a process that sends a great many small requests: httpx without what nobody here uses.

httpx puts each request's address and headers together from the client's, and passes it through
authentication, redirects and cookies: without those a request costs a third less of the processor. All else
is httpx's own, on aiohttp (design decision 16): the calls, errors, time-outs, hooks, and the proxies that the
environment names.
"""

from __future__ import annotations

from typing import Any

import httpx
from httpx_aiohttp import HttpxAiohttpClient

ALERT_SECONDS = 30.0
_SIMPLE = frozenset({"json", "headers"})


class LeanClient(HttpxAiohttpClient):
    """`base_url` has no query. It opens as many connections as there are requests at a time: who has many
    bounds their number. No cookie is kept, no redirect followed.
    """

    def __init__(self, base_url: str, *, timeout: httpx.Timeout, trust_env: bool = True) -> None:
        super().__init__(
            base_url=base_url,
            timeout=timeout,
            trust_env=trust_env,
            # 0 is no bound to aiohttp; None would leave it at its own hundred.
            limits=httpx.Limits(max_connections=0, keepalive_expiry=30.0),
        )
        self._base = f"{str(self.base_url).rstrip('/')}/"
        self._own_headers = dict(self.headers)
        self._extensions = {"timeout": timeout.as_dict()}

    def build_request(self, method: str, url: httpx.URL | str, **more: Any) -> httpx.Request:
        """Quickly, where there are only headers and JSON to send to a path of this server."""
        if not isinstance(url, str) or "://" in url or _needs_more(more):
            return super().build_request(method, url, **more)
        own = {name.lower(): value for name, value in (more.get("headers") or {}).items()}
        request = httpx.Request(
            method,
            self._base + url.removeprefix("/"),
            headers=self._own_headers | own,
            json=more.get("json"),
            extensions=dict(self._extensions),
        )
        request.headers.encoding = (
            "ascii"  # as they were just written; httpx would try, whenever they are read
        )
        return request

    async def send(self, request: httpx.Request, *, stream: bool = False, **_: Any) -> httpx.Response:
        """Once, with the client's hooks before and after."""
        for hook in self.event_hooks["request"]:
            await hook(request)
        response = await self._transport_for_url(request.url).handle_async_request(request)
        response.request = request
        try:
            for hook in self.event_hooks["response"]:
                await hook(response)
            if not stream:
                await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response


def for_alerts() -> LeanClient:
    """For addresses that are secrets, as those of incoming webhooks are: httpx itself would write each into
    its log.
    """
    return LeanClient("", timeout=httpx.Timeout(ALERT_SECONDS))


def _needs_more(given: dict[str, Any]) -> bool:
    """Whether a request has more to it than headers and JSON."""
    return any(
        value is not None and value is not httpx.USE_CLIENT_DEFAULT
        for name, value in given.items()
        if name not in _SIMPLE
    )
