"""A bridge put together and run: store, worker, two addresses, ended in the order that loses nothing."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp

from bridge import log
from bridge.answering import Chat
from bridge.app import ADDRESS, create_app
from bridge.guards.alarms import Alarms
from bridge.guards.staleness import IsStale, Staleness
from bridge.guards.teller import Teller
from bridge.guards.watchdog import Watchdog
from bridge.improve.page import Queue
from bridge.improve.workshop import Workshop
from bridge.kpi.page import routes as kpi_pages
from bridge.kpi.watch import Watch
from bridge.operating.metrics import Metrics
from bridge.operating.ops import Ask, Neighbours, ask_chatwoot, create_ops
from bridge.operating.timing import timed, watch
from bridge.operator import operator_pages
from bridge.operator.guard import Guard
from bridge.review import Review
from bridge.routes.live import Chats, Live
from bridge.routes.reload import Reload
from bridge.settings import BridgeSettings
from bridge.store import Store, open_store
from bridge.stream.sender import Receiver, Sender
from bridge.worker import Worker
from kbtool.config.hours import ALWAYS, Hours
from kbtool.errors import ConfigError
from kbtool.notify import Channels


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge at work. `app` is for Chatwoot, `ops` for the operator; `work` ends only by a bug.
    `look_again` has its settings read anew at once; `drain` lets it finish its turns and begin no others,
    while deliveries are kept all the same, for the bridge that comes after it.
    """

    app: ASGIApp
    ops: ASGIApp
    work: asyncio.Task[None]
    store: Store
    look_again: Callable[[], None]
    drain: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reread:
    """Where the settings come from: the file whose change is watched for, and what reads and checks it."""

    path: Path
    load: Callable[[], BridgeSettings]


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of alerts, by what client, and when of those that are not critical."""

    channels: Channels
    http: httpx.AsyncClient
    hours: Hours = ALWAYS


@dataclass(frozen=True, slots=True)
class Streamed:
    """Which program gets events, by what client."""

    receiver: Receiver
    http: httpx.AsyncClient


@asynccontextmanager
async def bridge(
    settings: BridgeSettings,
    chats: Chat | Chats,
    chatwoot: httpx.AsyncClient,
    clock: Callable[[], float] = time.time,
    *,
    reread: Reread | None = None,
    is_stale: IsStale | None = None,
    workshop: Workshop | None = None,
    told: Told | None = None,
    streamed: Streamed | None = None,
) -> AsyncIterator[Bridge]:
    """A bridge for the time of the block; `chatwoot` has the server's base URL and serves all routes.

    `chats` is the Dify app of all routes, or says by its name which one a route's is. With `reread` it takes
    new settings while it runs. Replies are held back while `is_stale` says why; by default the canaries of
    the policy say it. `workshop` is where the improvement queue writes, `told` who is told of alerts, and
    `streamed` what program of events. Raises ConfigError for an app without a key.
    """
    metrics = Metrics()
    async with open_store(settings.store, settings.database) as store:
        live = Live(store, settings, chats if callable(chats) else lambda _: chats, chatwoot, clock)
        worker = Worker(live.desk)

        staleness = Staleness(store, live.standing, is_stale or live.is_stale, clock)

        async def adopt(new: BridgeSettings) -> None:
            worker.adopt(await live.adopt(new))
            staleness.look_soon()

        watchdog = Watchdog(store, lambda: live.desk, worker.wake, clock)
        figures = Watch(store, live.current, clock)
        beside = [watchdog.run(), live.budgets.run(), staleness.run(), figures.run()]
        reload = None
        if reread is not None:
            reload = Reload(
                reread.path, load=reread.load, current=live.current, adopt=adopt, refused=live.refused
            )
            beside.append(reload.run())
        if told is not None:
            beside.append(Teller(store, told.channels, told.http, clock, hours=told.hours).run())
        if streamed is not None:
            beside.append(Sender(store, streamed.receiver, streamed.http, clock).run())
        guard = Guard()
        look = operator_pages()
        queue = Queue(store, look, guard, workshop, clock)
        pages = [*look.routes(), *kpi_pages(figures, look, guard, live.current, clock), *queue.routes()]
        review = Review(store, live.current, chatwoot, clock)
        app = timed(
            create_app(live.current, store, worker, pages=review.routes()), metrics.acknowledged, ADDRESS
        )
        neighbours = Neighbours(lambda: _neighbours(live, chatwoot))
        ops = create_ops(
            store, worker, live.current, live.standing, metrics, neighbours, lambda: figures.latest, pages
        )
        unwatch = watch(chatwoot, metrics.chatwoot)
        alarms = Alarms(store, clock)
        with log.heard_by(metrics.hear), log.heard_by(alarms.hear):
            work = asyncio.create_task(_work(worker, beside))

            async def drain() -> None:
                worker.stop()
                await work

            try:
                yield Bridge(app, ops, work, store, reload.look_now if reload else _nothing, drain)
            finally:
                await drain()
                await alarms.settle()
                unwatch()


async def _work(worker: Worker, beside: Sequence[Coroutine[Any, Any, None]]) -> None:
    """The worker, and what runs beside it for as long."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in beside]
        await worker.run()
        for task in tasks:
            task.cancel()


def _neighbours(live: Live, chatwoot: httpx.AsyncClient) -> dict[str, Ask]:
    """Chatwoot, and each Dify app; one that cannot be asked what it is, is not."""
    asks: dict[str, Ask] = {"chatwoot": lambda: ask_chatwoot(chatwoot)}
    for name, chat in live.chats().items():
        if (info := getattr(chat, "app_info", None)) is not None:
            asks[f"dify:{name}" if name else "dify"] = info
    return asks


def _nothing() -> None:
    """There is nothing to read again."""


LINGER = 1.0
"""Seconds at most in which a connection that was just made brings its request."""
TURN = 0.0005
"""Seconds for which the loop and the store's thread keep each other from Python: the thread gives its turn up
with every statement, and by Python's own 5 ms waits that long to get it back while the loop is at work.
"""


def run(work: Coroutine[Any, Any, None]) -> None:
    """`asyncio.run` on the fast loop, where there is one: it takes a third off what a message costs."""
    sys.setswitchinterval(TURN)
    try:
        import uvloop  # noqa: PLC0415 not on Windows
    except ImportError:
        asyncio.run(work)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


@asynccontextmanager
async def serving(*pairs: tuple[ASGIApp, socket.socket]) -> AsyncIterator[Sequence[asyncio.Task[None]]]:
    """Each app on its socket for the time of the block; then no new request, and the last ones answered."""
    servers = [
        _Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5))
        for app, _ in pairs
    ]
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


@contextmanager
def again_on_sighup(look_again: Callable[[], None]) -> Iterator[None]:
    """Have the settings read anew when the process is told to, where there is such a signal."""
    sign = getattr(signal, "SIGHUP", None)
    loop = asyncio.get_running_loop()
    if sign is not None:
        loop.add_signal_handler(sign, look_again)
    try:
        yield
    finally:
        if sign is not None:
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
    """One of several in a process: signals are `until_stopped`'s, and who was let in is answered."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, and let those that were just made bring their request: uvicorn alone
        would close them unread, and what Chatwoot was hung up on it does not send again.
        """
        for server in self.servers:
            server.close()
        until = time.monotonic() + LINGER
        await asyncio.sleep(0)  # what the loop has accepted and not told of yet
        while self._awaits_requests and time.monotonic() < until:  # noqa: ASYNC110 uvicorn has no event for it
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)

    @property
    def _awaits_requests(self) -> bool:
        return any(getattr(one, "cycle", self) is None for one in self.server_state.connections)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
