"""A customer's file, fetched from Chatwoot or its storage and from nowhere else (bridge rule 19).

The address stands in a webhook and is signed for a short time. It is followed only where the configuration
says that Chatwoot is: an address that anybody may write must not make the bridge call its own network.
Scheme, host and port of what is asked are those of the configuration, and only path and query the address's:
however two readers of an address may differ, there is nowhere else to go. No token is ever sent along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

import httpx

from kbtool.errors import Rejected, Unavailable

_MOST_HOPS = 4
_PORTS = {"https": 443, "http": 80}
_PLAIN = {"accept-encoding": "identity"}
"""A packed file would be unpacked before its size is known."""


@dataclass(frozen=True, slots=True)
class Fetched:
    content: bytes
    media_type: str


def origin_of(address: str) -> str:
    """Scheme, host and port; "" for what is no http address."""
    try:
        url = httpx.URL(address)
        host = url.host
    except (httpx.InvalidURL, TypeError, UnicodeError):  # the last for a name that is no international one
        return ""
    if url.scheme not in _PORTS or not host:
        return ""
    return f"{url.scheme}://{f'[{host}]' if ':' in host else host}:{url.port or _PORTS[url.scheme]}"


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches from `origins` only. `deadline` is in seconds, for one file with all its redirects."""

    http: httpx.AsyncClient
    origins: frozenset[str]
    deadline: float = 10.0

    @classmethod
    def of(cls, http: httpx.AsyncClient, chatwoot: str, storage: Collection[str] = ()) -> Fetcher:
        """For Chatwoot at this address, and the hosts that its files are stored at (`https://…`)."""
        return cls(http, frozenset(filter(None, map(origin_of, (chatwoot, *storage)))))

    async def fetch(self, address: str, largest: int, media: Collection[str]) -> Fetched:
        """The file, if it has at most `largest` bytes and is one of `media`.

        Raises Rejected for what may not be fetched or is something else, Unavailable for what failed.
        """
        try:
            async with asyncio.timeout(self.deadline):
                return await self._follow(address, largest, media)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise Rejected("a file's address leads to what is no address") from error
        except (TimeoutError, httpx.HTTPError) as error:
            why = str(error) or type(error).__name__
            raise Unavailable(f"a file could not be fetched: {why}") from error

    async def _follow(self, address: str, largest: int, media: Collection[str]) -> Fetched:
        for _ in range(_MOST_HOPS):
            ours = self._ours(address)
            async with self.http.stream("GET", ours, headers=_PLAIN, follow_redirects=False) as response:
                if not response.has_redirect_location:
                    return await _read(response, largest, media)
                address = str(httpx.URL(ours).join(response.headers["location"]))
        raise Rejected("a file's address leads from one to the next")

    def _ours(self, address: str) -> str:
        """Where to fetch it: an origin of ours, with the address's path and query."""
        origin = origin_of(address)
        if origin not in self.origins:
            raise Rejected(
                f"a file lies at {origin or 'no http address'}, which is not Chatwoot's",
                hint="Name the host of Chatwoot's file storage in kb.toml, if it is that.",
            )
        return origin + httpx.URL(address).raw_path.decode("ascii")


async def _read(response: httpx.Response, largest: int, media: Collection[str]) -> Fetched:
    if response.is_error:
        raise Rejected(f"a file answered {response.status_code}", status=response.status_code)
    if response.headers.get("content-encoding", "identity").casefold() != "identity":
        raise Rejected("a file comes packed, which was not asked for: it may be larger than it looks")
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if media_type not in media:
        raise Rejected(f"a file is {media_type or 'of no type'}, which is not passed on")
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > largest:
            raise Rejected(f"a file has more than {largest} bytes")
        parts.append(part)
    return Fetched(b"".join(parts), media_type)
