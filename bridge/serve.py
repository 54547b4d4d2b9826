"""A bridge put together and run: store, worker, two addresses, ended in the order that loses nothing."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from starlette.types import ASGIApp

from bridge.answering import Answering, Chat
from bridge.app import create_app, create_ops
from bridge.asking.enclosing import Enclosing
from bridge.chatwoot.client import ChatwootClient
from bridge.settings import BridgeSettings
from bridge.store import Store
from bridge.turn import Turn
from bridge.worker import Worker
from kbtool.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge at work. `app` is for Chatwoot, `ops` for the operator; `work` ends only by a bug."""

    app: ASGIApp
    ops: ASGIApp
    work: asyncio.Task[None]


@asynccontextmanager
async def bridge(
    settings: BridgeSettings,
    chat: Chat,
    chatwoot: httpx.AsyncClient,
    enclosing: Enclosing | None = None,
) -> AsyncIterator[Bridge]:
    """A bridge for the time of the block; `chatwoot` has the server's base URL and serves all routes."""
    async with Store.open(settings.store) as store:
        clients = {
            route.name: ChatwootClient(chatwoot, route.bot_token, route.user_token)
            for route in settings.routes
        }
        answering = Answering(chat, settings.policy, settings.patience, settings.hold, enclosing=enclosing)
        worker = Worker(Turn(store, answering, clients, settings))
        work = asyncio.create_task(worker.run())
        try:
            yield Bridge(create_app(settings, store, worker), create_ops(store, worker), work)
        finally:
            worker.stop()
            await work


@asynccontextmanager
async def serving(*pairs: tuple[ASGIApp, socket.socket]) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Each app on its socket for the time of the block; then no new request, and the last ones answered."""
    servers = [_Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=5)) for app, _ in pairs]
    tasks = [
        asyncio.create_task(server.serve(sockets=[listening]))
        for server, (_, listening) in zip(servers, pairs, strict=True)
    ]
    try:
        yield tasks
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)


async def until_stopped(*tasks: asyncio.Task[None]) -> None:
    """Until SIGINT or SIGTERM, or until one of the tasks ends; what it raised is raised."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, stopped.set)
    waiting = asyncio.create_task(stopped.wait())
    try:
        done, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        waiting.cancel()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(sign)


def listen(host: str, port: int, *, hint: str = "") -> socket.socket:
    """A bound socket (port 0: any that is free). Raises ConfigError where that cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigError(f"{host}:{port} is no address: {error.strerror or error}", hint=hint) from error
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}", hint=hint
        ) from error
    return listening


def address_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """One of several in a process: signals are `until_stopped`'s."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
