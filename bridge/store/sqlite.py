"""The bridge's database file: one writer that commits in groups, readers beside it.

`write` returns when its rows are on the disk (WAL, synchronous=FULL). All that wait at the same time share
one commit: in a trial of 64 concurrent deliveries that made FULL as fast as no database at all, and three
times as fast as a commit each. A second bridge on the same file is refused, since it would answer the same
messages.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from bridge.store import migrate
from bridge.store.base import Store, Value, Work, cause, is_outage
from kbtool.errors import ConfigError, Unavailable

LARGEST_GROUP = 256
SOON = 0.1
LONGEST_WAIT_MS = 1500
"""For a lock that another program holds, a backup for instance. Chatwoot hangs up after 5 s, and what it is
answered before that, it sends again.
"""


class SqliteStore(Store):
    """Open it with `SqliteStore.open`."""

    is_shared = False

    def __init__(self, engine: Engine, lock: sqlite3.Connection) -> None:
        super().__init__()
        self._engine = engine
        self._writer = engine.execution_options(writes=True)
        self._lock = lock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bridge-writer")
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, path: Path) -> SqliteStore:
        """The store in the file at `path`, made if it is missing, readable for its owner only."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
        lock = sole_owner(path)
        engine = create_engine(f"sqlite:///{path}", hide_parameters=True)  # customers' words, in errors
        event.listen(engine, "connect", configure)
        event.listen(engine, "begin", begin)
        try:
            with engine.begin() as connection:
                migrate.upgrade(connection, str(path))
        except (SQLAlchemyError, ConfigError) as error:
            engine.dispose()
            lock.close()
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{path}: not a bridge's store ({cause(error)})") from error
        return cls(engine, lock)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._settle()
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()
        self._engine.dispose()
        self._lock.close()

    async def write(self, work: Callable[[Connection], Value]) -> Value:
        """What `work` returns, once it is committed. Raises Unavailable when the disk does not take it."""
        future = self._wait_for_commit(work)
        self._begin_writing()
        return await future

    async def write_soon(self, work: Callable[[Connection], Value]) -> Value:
        """With the next commit, or one of its own in `SOON` seconds."""
        future = self._wait_for_commit(work)
        asyncio.get_running_loop().call_later(SOON, self._begin_writing)
        return await future

    async def read(self, work: Callable[[Connection], Value]) -> Value:
        """What `work` returns over a snapshot of its own; it never waits for the writer."""
        try:
            return await asyncio.to_thread(self._read, work)
        except SQLAlchemyError as error:
            raise Unavailable(f"The store cannot be read: {cause(error)}") from error

    def listen(self, hear: Callable[[str], None]) -> None:
        """Nobody else works on this file, so there is nothing to hear."""

    def _wait_for_commit(self, work: Callable[[Connection], Value]) -> asyncio.Future[Value]:
        future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        return future

    def _begin_writing(self) -> None:
        if self._waiting and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)  # for those who are about to write as well
        while self._waiting:
            group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
            try:
                outcomes = await loop.run_in_executor(self._thread, self._commit, [work for work, _ in group])
            except SQLAlchemyError as error:
                outcomes = [(None, error)] * len(group)
            for (_, future), (value, failure) in zip(group, outcomes, strict=True):
                if future.done():  # its caller was cancelled; the rows are there all the same
                    continue
                if isinstance(failure, SQLAlchemyError) and is_outage(failure):
                    future.set_exception(Unavailable(f"The store cannot be written: {cause(failure)}"))
                elif failure is not None:
                    future.set_exception(failure)
                else:
                    future.set_result(value)

    def _commit(self, works: Sequence[Work]) -> list[tuple[Any, Exception | None]]:
        """The outcome of each. Only when one fails are they taken apart: savepoints cost two statements."""
        try:
            with self._writer.begin() as connection:
                return [(_tried(work, connection), None) for work in works]
        except _OneFailed:
            return self._commit_apart(works)

    def _commit_apart(self, works: Sequence[Work]) -> list[tuple[Any, Exception | None]]:
        outcomes: list[tuple[Any, Exception | None]] = []
        with self._writer.begin() as connection:
            for work in works:
                try:
                    with connection.begin_nested():
                        outcomes.append((work(connection), None))
                except Exception as error:  # noqa: BLE001 handed to whoever waits for this one
                    outcomes.append((None, error))
        return outcomes

    def _read(self, work: Callable[[Connection], Value]) -> Value:
        with self._engine.connect() as connection:
            return work(connection)


class _OneFailed(Exception):
    """A work raised; the group is undone as a whole, and whose it was is found, and told, after."""


def _tried(work: Work, connection: Connection) -> Any:
    try:
        return work(connection)
    except Exception as error:
        raise _OneFailed from error


def configure(connection: sqlite3.Connection, _: Any) -> None:
    """Transactions begin when we say so: Python's own rules would break savepoints."""
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"busy_timeout={LONGEST_WAIT_MS}",
        "secure_delete=FAST",  # bodies hold credentials: what is deleted is overwritten
    ):
        connection.execute(f"PRAGMA {pragma}")


def begin(connection: Connection) -> None:
    """A writer waits for its lock here, before any work, so that a lock that it does not get is its own."""
    is_writer = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")


def sole_owner(path: Path) -> sqlite3.Connection:
    """A lock that the system takes back when the process ends, however it ends."""
    lock = sqlite3.connect(path.with_name(path.name + ".lock"), timeout=0, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise ConfigError(
            f"{path}: another bridge works on this store",
            hint="Stop that one first, or give this one a store of its own.",
        ) from error
    return lock
