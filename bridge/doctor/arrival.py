"""The way in: a delivery as Chatwoot would send it, to the address that Chatwoot calls, up to the store.

What is sent is an event that nobody knows, so the bridge keeps it and makes nothing of it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx
from sqlalchemy import Connection, select

from bridge import signature
from bridge.app import ADDRESS, DELIVERY
from bridge.doctor.scene import Known, Scene
from bridge.settings import Route
from bridge.store.schema import deliveries
from kbtool.doctor.finding import Finding, fine, note, problem
from kbtool.errors import KbtoolError

PATIENCE = 5.0
"""Seconds for which Chatwoot waits; what it hung up on is not sent again (contract §2)."""
SLOW = 1.0
EVENT = "kbtool_doctor"
_BEFORE = "Look at what stands before the bridge, and at its disk."
PRIVATE = (
    "Chatwoot 4.14 and newer calls no private address, and gives the conversation to people at once. Set "
    "SAFE_FETCH_ALLOW_PRIVATE_NETWORK=true for its Sidekiq, or give the bridge a public address."
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a status, or why there is none."""

    status: int
    why: str
    seconds: float
    text: str = ""


async def look(scene: Scene, known: Known) -> AsyncIterator[Finding]:
    for route in {route.address: route for route in scene.settings.routes}.values():
        url = known.bots[route.address][1].url if route.address in known.bots else ""
        if url and (found := await _place(scene, known, url)) is not None:
            yield found
        local = f"{_local(scene)}{ADDRESS}/{route.address}"
        async for finding in _arrives(scene, route, url or local, local):
            yield finding


async def _place(scene: Scene, known: Known, url: str) -> Finding | None:
    """What the address alone says."""
    host = urlsplit(url).hostname or ""
    addresses = await _addresses(host)
    known.is_private = bool(addresses) and not any(address.is_global for address in addresses)
    if any(address.is_loopback for address in addresses):
        chatwoots = await _addresses(scene.chatwoot.base_url.host)
        if not any(address.is_loopback for address in chatwoots):
            said = f"{host} is the machine that says it: Chatwoot calls itself, not the bridge"
            return problem("address", said, "Give the bot the address by which Chatwoot's server reaches us.")
    if known.is_private:
        return note("address", f"{host} is in a private network", PRIVATE)
    return None


async def _arrives(scene: Scene, route: Route, url: str, local: str) -> AsyncIterator[Finding]:
    there = await _post(scene, url, b"{}", {})
    if there.status == 0 or there.status >= 500:
        yield await _unreachable(scene, url, there)
        return
    if (wrong := _wrong_place(url, there)) is not None:
        yield wrong
        return
    name = f"doctor-{uuid.uuid4()}"
    signed = await _deliver(scene, route, url, name)
    if signed.status != 200:
        yield await _refused(scene, route, signed, url, local)
    elif not _is_kept(scene, route, name):
        said = f"{url} said 200, and the delivery is not in this bridge's store"
        yield problem("arrival", said, "Another bridge answers there, or this kb.toml has another store.")
    elif signed.seconds >= SLOW:
        said = f"{url} took {signed.seconds:.1f} s; Chatwoot gives up after {PATIENCE:.0f}"
        yield note("arrival", said, _BEFORE)
    else:
        took = f"{signed.seconds * 1000:.0f} ms"
        yield fine("arrival", f"{url} takes what is signed, refuses what is not, and keeps it ({took})")


def _wrong_place(url: str, there: Reply) -> Finding | None:
    """What an address says that is not the bridge's, to something that nobody has signed."""
    if there.status == 404:
        said = f"{url} knows no bot of this name (404)"
        return problem(
            "arrival", said, "Have kb.toml and the running bridge the same routes? Or a proxy loses the path."
        )
    if 300 <= there.status < 400:
        said = f"{url} redirects (it answered {there.status})"
        return problem("arrival", said, "Give the bot the address that it leads to.")
    if there.status == 200:
        said = f"{url} takes what nobody signed: it is no bridge of ours"
        return problem("arrival", said, "Give the bot the bridge's own address, or lead the proxy to it.")
    return None


async def _unreachable(scene: Scene, url: str, there: Reply) -> Finding:
    """Nothing of ours answered: the bridge is not up, or what stands before it does not find it."""
    direct = await _post(scene, f"{_local(scene)}/healthz", None, {})
    host, port = scene.listens
    is_up = direct.status == 200
    said = f"{url}: {there.why or f'answered {there.status}'}"
    if there.why.startswith("no answer"):
        said += "; Chatwoot has hung up by then, and opened the conversation"
        return problem("arrival", said, _BEFORE)
    if not is_up:
        said += f"; nor does anything answer at {host}:{port}"
        return problem("arrival", said, "Start it: kbtool bridge serve.")
    is_loopback = ipaddress.ip_address(host).is_loopback if _is_number(host) else host == "localhost"
    if is_loopback and there.status == 0:
        said += f"; the bridge is up, and listens on {host} only: nobody comes to it from outside"
        remedy = '[bridge] host = "0.0.0.0" in a container, or let the proxy or tunnel end on this machine.'
        return problem("arrival", said, remedy)
    said += f"; the bridge is up at {host}:{port}"
    return problem("arrival", said, "Lead the proxy or tunnel there; Chatwoot takes 502 and 504 for final.")


async def _refused(scene: Scene, route: Route, signed: Reply, url: str, local: str) -> Finding:
    """Ours, and not taken: by the way that it came, or by the bridge itself."""
    if signed.status != 401:
        said = f"{url} answered {signed.status or signed.why} to a signed delivery: {signed.text.strip()}"
        return problem("arrival", said[:300], "Look at the bridge's log.")
    direct = await _deliver(scene, route, local, f"doctor-{uuid.uuid4()}")
    if direct.status == 200 and local != url:
        said = f"{url} refuses the signature that {local} takes: on the way headers or the body are changed"
        remedy = "Let the proxy pass X-Chatwoot-Signature, X-Chatwoot-Timestamp and the body as they are."
        return problem("signature", said, remedy)
    said = f"{url} refuses what is signed with our secret"
    remedy = "It was started with another CHATWOOT_WEBHOOK_SECRET, or its clock is off: start it anew."
    return problem("signature", said, remedy)


async def _deliver(scene: Scene, route: Route, url: str, name: str) -> Reply:
    """Signed as Chatwoot does it, or for one that does not sign, by the secret behind the address."""
    body = json.dumps({"event": EVENT}).encode()
    stamp = str(int(scene.clock()))
    headers = {DELIVERY: name}
    if route.is_signed:
        headers |= {
            signature.TIMESTAMP: stamp,
            signature.SIGNATURE: signature.sign(body, stamp, route.secret),
        }
    elif not urlsplit(url).path.endswith(f"/{route.secret}"):
        url = f"{url}/{route.secret}"
    return await _post(scene, url, body, headers)


async def _post(scene: Scene, url: str, body: bytes | None, headers: dict[str, str]) -> Reply:
    began = time.monotonic()
    method = "GET" if body is None else "POST"
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await scene.outside.request(
                method, url, content=body, headers={"content-type": "application/json"} | headers
            )
    except TimeoutError:
        return Reply(0, f"no answer in {PATIENCE:.0f} s", time.monotonic() - began)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = type(error).__name__
        if "CERTIFICATE" in str(error).upper():
            why = "its certificate is not valid"
        elif isinstance(error, httpx.ConnectError):
            why = "cannot be connected to"
        return Reply(0, why, time.monotonic() - began)
    return Reply(answer.status_code, "", time.monotonic() - began, answer.text[:200])


def _is_kept(scene: Scene, route: Route, name: str) -> bool:
    def find(connection: Connection) -> bool:
        query = select(deliveries.c.id).where(
            deliveries.c.bot == route.address, deliveries.c.delivery == name
        )
        return connection.execute(query).first() is not None

    try:
        with scene.visit() as connection:
            return find(connection)
    except KbtoolError:
        return True  # there is no store to be seen from here; `work` says so


def _local(scene: Scene) -> str:
    host, port = scene.listens
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 read, not bound
    return urlunsplit(("http", f"[{host}]:{port}" if ":" in host else f"{host}:{port}", "", "", ""))


async def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
