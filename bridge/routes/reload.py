"""kb.toml, read anew while the bridge runs: taken whole, or refused with its sentence and the old one kept.

The file is looked at every few seconds by its content, since editors replace files and networks have coarse
times, and at once on SIGHUP. A file that is being written is left until it has been the same twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from bridge import log
from bridge.settings import BridgeSettings
from kbtool.errors import ConfigError

PAUSE = 2.0
"""Seconds between two looks."""


class Reload:
    """`run` watches the file at `path`, `look_now` asks for it. `load` reads and checks it, `adopt` takes it.

    `refused` is told each sentence once, until the file changes again.
    """

    def __init__(
        self,
        path: Path,
        *,
        load: Callable[[], BridgeSettings],
        current: Callable[[], BridgeSettings],
        adopt: Callable[[BridgeSettings], Awaitable[None]],
        refused: Callable[[ConfigError], Awaitable[None]],
        pause: float = PAUSE,
    ) -> None:
        self._path = path
        self._load = load
        self._current = current
        self._adopt = adopt
        self._refused = refused
        self._pause = pause
        self._asked = asyncio.Event()
        self._taken = self._seen = _content(path)

    def look_now(self) -> None:
        """Read the file again even if it is the same: the environment's keys are too."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), self._pause)
            is_asked = self._asked.is_set()
            self._asked.clear()
            content = await asyncio.to_thread(_content, self._path)
            is_settled, self._seen = content == self._seen, content
            if is_asked or (is_settled and content != self._taken):
                self._taken = content
                await self._take()

    async def _take(self) -> None:
        try:
            new = await asyncio.to_thread(self._load)
            _require_same_place(self._current(), new)
            changes = list(self._current().changes(new))
            await self._adopt(new)
        except ConfigError as error:
            log.problem("reload_refused", why=error.message, hint=error.hint)
            await self._refused(error)
            return
        for change in changes:
            log.event("reloaded", change=change)
        if not changes:
            log.event("reloaded", change="nothing that the bridge uses")


def _require_same_place(old: BridgeSettings, new: BridgeSettings) -> None:
    if new.store != old.store:
        raise ConfigError(
            f"[bridge] store: {new.store} is another one than {old.store}",
            hint="Another store needs a restart; the bridge goes on with what it had.",
        )


def _content(path: Path) -> bytes:
    """A digest of the file; empty where it cannot be read, as in the moment in which it is replaced."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return b""
