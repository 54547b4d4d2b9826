"""Restarts under load, as deploy/ has them: twenty messages a second, and no customer notices.

a   one bridge on SQLite, whose sockets somebody else holds, as systemd does
b   two on PostgreSQL behind a real nginx with deploy/nginx/bridge.conf, restarted one after the other

In both every delivery is taken at the first attempt, no conversation is opened, and every message is answered
once. KBTOOL_RESTART_SECONDS makes it longer.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from bridge.activation import inherited, notify
from bridge.sandbox.records import ContactInbox
from bridge.serve import address_of, listen, serving
from kbtool.errors import ConfigError
from tests.bridging import Said, Stand, stand
from tests.ports import free_port
from tests.postgres import database
from tests.server import run
from tests.test_bridge_process import environment
from tests.waiting import until

SECONDS = float(os.environ.get("KBTOOL_RESTART_SECONDS", "6"))
A_SECOND = 20
ANSWER = "You have 30 days."
NGINX = Path(__file__).parent.parent / "deploy" / "nginx" / "bridge.conf"
_AS_SYSTEMD = """
import os, sys
for number, given in enumerate(map(int, sys.argv[1].split(",")), start=3):
    os.dup2(given, number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "kbtool", *sys.argv[2:]])
"""
"""What happens between fork and exec: descriptors from 3 on, and whose they are."""


class Replica:
    """A bridge as a process that is stopped and started again, on sockets of somebody else's or its own."""

    def __init__(self, folder: Path, options: tuple[str, ...], ops: str, *sockets: socket.socket) -> None:
        self._folder, self._options, self._ops, self._sockets = folder, options, ops, sockets
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, http: httpx.AsyncClient, **more: str) -> float:
        """The seconds until it is ready."""
        words = ["bridge", "serve", *self._options]
        numbers = [one.fileno() for one in self._sockets]
        command = [sys.executable, "-m", "kbtool", *words]
        if numbers:
            # Above all numbers that they shall have: dup2 must not write over what comes next.
            command = [sys.executable, "-c", _AS_SYSTEMD, ",".join(map(str, numbers)), *words]
            more |= {"LISTEN_FDS": str(len(numbers)), "LISTEN_FDNAMES": "webhooks:ops"}
        began = time.monotonic()
        with (self._folder / "bridge.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                cwd=self._folder,
                env=compiled(environment(**more), self._folder),
                stdout=log,
                stderr=log,
                pass_fds=numbers,
            )

        async def is_ready() -> bool:
            assert self._process is not None
            assert self._process.returncode is None, (self._folder / "bridge.log").read_text()[-2000:]
            try:
                return (await http.get(f"{self._ops}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        await until(is_ready)
        return time.monotonic() - began

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()


def compiled(variables: dict[str, str], folder: Path) -> dict[str, str]:
    """As where it is installed: compiled once, not at each start."""
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return variables | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}


async def load(at: Stand, until_done: asyncio.Task[None]) -> list[ContactInbox]:
    """Twenty customers a second write, each once, until the restarts are over."""
    visits, began = [], time.monotonic()
    while not until_done.done():
        visits.append(at.ask("refund"))
        await asyncio.sleep(max(0.0, began + len(visits) / A_SECOND - time.monotonic()))
    await until_done
    return visits


async def judge(at: Stand, visits: list[ContactInbox]) -> None:
    await at.until(lambda: all(at.replies(visit) for visit in visits))
    await at.sandbox.settle()
    assert len(visits) > SECONDS * A_SECOND / 2
    assert {tuple(at.replies(visit)) for visit in visits} == {(ANSWER,)}
    assert {at.status(visit) for visit in visits} == {"pending"}
    assert {tuple(one.outcomes) for one in at.sandbox.deliveries.log} == {(200,)}


@asynccontextmanager
async def placed(folder: Path, port: int) -> AsyncIterator[tuple[Stand, tuple[str, ...]]]:
    """Chatwoot and Dify; Chatwoot's bot calls that port. And the options of a bridge between them."""
    async with stand(folder, {"refund": Said(ANSWER, 0.9)}) as at:
        bot = at.sandbox.state.directory.bots[1]
        url = f"http://127.0.0.1:{port}/webhooks/chatwoot/kbtool"
        at.sandbox.state.directory.change_bot(replace(bot, url=url))
        dify = str(at.chat._http.base_url).rstrip("/")
        (folder / "kb.toml").write_text(
            f'[dify]\nbase_url = "{dify}"\n[bridge.routes.kbtool]\nmode = "reply"\nuntuned = true\n'
            "merge_window = 0\n",
            encoding="utf-8",
        )
        yield at, ("--chatwoot-url", str(at.http.base_url))


def test_one_bridge_whose_sockets_outlive_it_is_restarted_unnoticed(tmp_path: Path) -> None:
    async def story() -> None:
        hooks, ops = listen("127.0.0.1", 0), listen("127.0.0.1", 0)
        async with placed(tmp_path, hooks.getsockname()[1]) as (at, options):
            bridge = Replica(tmp_path, options, address_of(ops), hooks, ops)
            try:
                await bridge.start(at.http)

                async def restarts() -> None:
                    ends = time.monotonic() + SECONDS
                    while time.monotonic() < ends:
                        await asyncio.sleep(1.0)
                        await bridge.stop()
                        await bridge.start(at.http)

                await judge(at, await load(at, asyncio.create_task(restarts())))
            finally:
                await bridge.stop()
                hooks.close()
                ops.close()

    run(story())


@pytest.mark.skipif(
    shutil.which("nginx") is None and not os.environ.get("CI"), reason="nginx is not installed here"
)
def test_replicas_behind_nginx_are_restarted_one_after_the_other_unnoticed(tmp_path: Path) -> None:
    ports, ops_ports, front = (free_port(), free_port()), (free_port(), free_port()), free_port()

    async def story(url: str) -> None:
        async with placed(tmp_path, front) as (at, options), AsyncExitStack() as stack:
            bridges = []
            for port, ops_port in zip(ports, ops_ports, strict=True):
                own = (*options, "--port", str(port), "--ops-port", str(ops_port))
                bridge = Replica(tmp_path, own, f"http://127.0.0.1:{ops_port}")
                stack.push_async_callback(bridge.stop)
                await bridge.start(at.http, KBTOOL_DATABASE_URL=url)
                bridges.append(bridge)
            await stack.enter_async_context(nginx(tmp_path, front, ports))

            async def restarts() -> None:
                ends = time.monotonic() + SECONDS
                while time.monotonic() < ends:
                    for bridge in bridges:
                        await asyncio.sleep(0.5)
                        await bridge.stop()
                        await bridge.start(at.http, KBTOOL_DATABASE_URL=url)

            await judge(at, await load(at, asyncio.create_task(restarts())))

    with database() as url:
        run(story(url))


@asynccontextmanager
async def nginx(folder: Path, port: int, upstreams: tuple[int, ...]) -> AsyncIterator[None]:
    """The server of deploy/nginx, with this machine's ports for the names and without its certificate."""
    text = NGINX.read_text(encoding="utf-8")
    servers = "".join(f"    server 127.0.0.1:{one} max_fails=0;\n" for one in upstreams)
    text = re.sub(r"( *server bridge-\d:8080[^\n]*\n)+", servers, text)
    text = re.sub(r"listen 443 ssl[^;]*;", f"listen 127.0.0.1:{port};", text)
    text = re.sub(r" *(ssl_certificate|ssl_certificate_key|http2)\b[^\n]*\n", "", text)
    text = re.sub(r"(?s)# BEGIN redirect.*# END redirect\n", "", text)
    main = (
        f"pid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\ndaemon off;\nmaster_process off;\n"
        f"events {{ worker_connections 512; }}\nhttp {{ access_log {folder}/access.log;\n"
        f"client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n{text}}}\n"
    )
    (folder / "nginx.conf").write_text(main, encoding="utf-8")
    command = ("nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.log"))
    process = await asyncio.create_subprocess_exec(*command)
    try:

        async def listens() -> bool:
            assert process.returncode is None, (folder / "nginx.log").read_text()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await until(listens)
        yield
    finally:
        process.terminate()
        await process.wait()


def test_a_connection_that_was_let_in_as_the_server_ends_is_answered() -> None:
    async def story() -> bytes:
        with listen("127.0.0.1", 0) as door:
            app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("here"))])
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(serving((app, door)))
                reader, writer = await asyncio.open_connection(*door.getsockname())
                await asyncio.sleep(0.1)  # until it is accepted
                ending = asyncio.create_task(stack.pop_all().aclose())
                await asyncio.sleep(0.2)  # uvicorn looks ten times a second whether it is to end
                writer.write(b"GET / HTTP/1.1\r\nhost: door\r\n\r\n")
                said = await reader.read()
                await ending
                writer.close()
                return said

    assert b" 200 OK" in run(story())


# What systemd says, taken apart.


def test_sockets_that_are_for_another_process_are_left_alone() -> None:
    assert inherited({}) == {}
    assert inherited({"LISTEN_PID": "1", "LISTEN_FDS": "2"}) == {}
    assert inherited({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"}) == {}


def test_what_is_no_listening_socket_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        monkeypatch.setattr("bridge.activation.FIRST", os.dup(udp.fileno()))
        with pytest.raises(ConfigError, match="no listening TCP socket"):
            inherited(own)


def test_the_manager_hears_the_state_and_may_be_gone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(100) == b"READY=1"
    notify("STOPPING=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
    notify("READY=1", {})
