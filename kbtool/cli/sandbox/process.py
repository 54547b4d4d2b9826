"""The sandbox's bridge as a process of its own, so that it can be killed like any other.

Its sockets are the sandbox's, which hands them to each bridge that it starts: what is delivered while none is
there waits at the door, as under systemd's socket activation.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.synchronize import Event
from typing import TYPE_CHECKING

from kbtool.config import Settings

if TYPE_CHECKING:
    from bridge.settings import BridgeSettings

PAUSE = 2.0
"""Seconds after which a bridge that has died is started again; systemd would take as long (RestartSec=2)."""
PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Job:
    """What a bridge needs to know; `settings` has the embedded engine's address for Dify's."""

    settings: Settings
    bridge: BridgeSettings
    chatwoot: str
    app_key: str
    dataset_key: str


class BridgeProcess:
    """`run` keeps one at work until it is cancelled. Its sockets belong to whoever made them."""

    def __init__(self, job: Job, hooks: socket.socket, ops: socket.socket) -> None:
        # Not forked: a process that has threads and an event loop is no place to begin from.
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._serves = self._context.Event()
        self._work = (job, hooks, ops, self._serves)
        self._process: SpawnProcess | None = None

    @property
    def is_up(self) -> bool:
        return self._process is not None and self._process.is_alive() and self._serves.is_set()

    def kill(self) -> None:
        """At once, whatever it is doing."""
        if self._process is not None:
            self._process.kill()

    async def run(self) -> None:
        try:
            while True:
                self._process = self._context.Process(target=_serve, args=self._work, daemon=True)
                self._serves.clear()
                self._process.start()
                await self._ended()
                await asyncio.sleep(PAUSE)
        finally:
            await self._stop()

    async def serves(self) -> None:
        """Until it answers."""
        while not self._serves.is_set():  # noqa: ASYNC110 another process sets it
            await asyncio.sleep(0.05)

    async def _ended(self) -> None:
        assert self._process is not None
        ended, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()

    async def _stop(self) -> None:
        """Let it finish what is under way; after `PATIENCE` it is killed."""
        if self._process is None:
            return
        self._process.terminate()
        await asyncio.to_thread(self._process.join, PATIENCE)
        self._process.kill()


def _serve(job: Job, hooks: socket.socket, ops: socket.socket, serves: Event) -> None:
    """In the new process."""
    from bridge.serve import run

    os.environ |= {"DIFY_APP_KEY": job.app_key, "DIFY_DATASET_KEY": job.dataset_key}
    run(_bridge(job, hooks, ops, serves))


async def _bridge(job: Job, hooks: socket.socket, ops: socket.socket, serves: Event) -> None:
    from httpx_aiohttp import HttpxAiohttpClient

    from bridge.serve import bridge, serving, until_stopped
    from kbtool.cli.bridge.workshop import workshop
    from kbtool.cli.connect import connect

    async with (
        connect(job.settings) as chat,
        HttpxAiohttpClient(base_url=job.chatwoot, trust_env=False, timeout=10.0) as http,
        workshop(job.settings) as at_hand,
        bridge(job.bridge, chat, http, workshop=at_hand) as running,
        serving((running.app, hooks), (running.ops, ops)) as servers,
    ):
        serves.set()
        await until_stopped(running.work, *servers, asyncio.create_task(_orphaned()))


async def _orphaned() -> None:
    """Until the sandbox is there no more, however it ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(parent.sentinel, gone.set)
    await gone.wait()
