"""The bridge for a server of your own: `uvicorn bridge.asgi:app`, or gunicorn with uvicorn's worker.

    KBTOOL_CONFIG          kb.toml, ./kb.toml if not set; [bridge] has the store, the routes, the ops address
    CHATWOOT_URL           Chatwoot's address, if kb.toml does not have it
    KBTOOL_DATABASE_URL    needed for more than one worker process: a store in a file takes one bridge only

The server listens for Chatwoot; the operator's address is the bridge's own. Of several processes on one
machine the first has it, the others go on without: ask Prometheus to scrape a single process per machine, or
give each one `ops_port = 0`.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from bridge import log
from bridge.serve import Bridge, address_of, again_on_sighup, listen, serving
from kbtool.cli.bridge.source import Source, run
from kbtool.errors import ConfigError, KbtoolError


class App:
    """The ASGI application; the bridge is there from the server's start to its end.

    A start that fails is told by the protocol's own message, so that the server prints a sentence and ends.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            assert self._app is not None, (
                "the server does not run the lifespan protocol (uvicorn --lifespan on)"
            )
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                running = await self._start(stack)
            except KbtoolError as error:
                said = f"{error.message}\n  {error.hint}" if error.hint else error.message
                await send({"type": "lifespan.startup.failed", "message": f"error: {said}"})
                return
            self._app = running.app
            running.work.add_done_callback(_end_the_server)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            running.work.remove_done_callback(_end_the_server)
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self, stack: AsyncExitStack) -> Bridge:
        log.to_stderr()
        source = self._source
        settings, table, url = source.read(), source.table(), source.chatwoot_url()
        running = await stack.enter_async_context(run(source, settings, url))
        try:
            listening = listen(table.ops_host, table.ops_port)
        except ConfigError as error:
            log.problem("no_ops_address", why=error.message)
        else:
            await stack.enter_async_context(serving((running.ops, listening)))
            log.event("ops", address=address_of(listening))
        stack.enter_context(again_on_sighup(running.look_again))
        return running


def _end_the_server(_: asyncio.Task[None]) -> None:
    """Without its worker a bridge only looks alive: whoever runs the server starts a new one."""
    log.problem("worker_ended")
    os.kill(os.getpid(), signal.SIGTERM)


app = App(Source(Path(os.environ.get("KBTOOL_CONFIG", "kb.toml"))))
