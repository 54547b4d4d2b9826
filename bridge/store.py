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
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from bridge.schema import VERSION, metadata
from kbtool.errors import ConfigError, Unavailable

Value = TypeVar("Value")
Work = Callable[[Connection], Any]
"""What is done in a transaction. It may be called twice, so it changes nothing but the database."""

LARGEST_GROUP = 256


class Store(AbstractAsyncContextManager["Store"]):
    """Open it with `Store.open`; within, `write` and `read` take functions of a connection."""

    def __init__(self, engine: Engine, lock: sqlite3.Connection) -> None:
        self._engine = engine
        self._lock = lock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bridge-writer")
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._writing: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, path: Path) -> Store:
        """The store in the file at `path`, made if it is missing, readable for its owner only."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written ({error.strerror})") from error
        lock = _sole_owner(path)
        engine = create_engine(f"sqlite:///{path}")
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
        try:
            with engine.begin() as connection:
                _require_version(connection, path)
                metadata.create_all(connection)
        except SQLAlchemyError as error:
            lock.close()
            raise ConfigError(f"{path}: not a bridge's store ({_cause(error)})") from error
        return cls(engine, lock)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()
        self._engine.dispose()
        self._lock.close()

    async def write(self, work: Callable[[Connection], Value]) -> Value:
        """What `work` returns, once it is committed. Raises Unavailable when the disk does not take it."""
        future: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        return await future

    async def read(self, work: Callable[[Connection], Value]) -> Value:
        """What `work` returns over a snapshot of its own; it never waits for the writer."""
        try:
            return await asyncio.to_thread(self._read, work)
        except SQLAlchemyError as error:
            raise Unavailable(f"The store cannot be read: {_cause(error)}") from error

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
            try:
                outcomes = await loop.run_in_executor(self._thread, self._commit, [work for work, _ in group])
            except SQLAlchemyError as error:
                outcomes = [(None, error)] * len(group)
            for (_, future), (value, failure) in zip(group, outcomes, strict=True):
                if future.done():  # its caller was cancelled; the rows are there all the same
                    continue
                if isinstance(failure, SQLAlchemyError):
                    future.set_exception(Unavailable(f"The store cannot be written: {_cause(failure)}"))
                elif failure is not None:
                    future.set_exception(failure)
                else:
                    future.set_result(value)

    def _commit(self, works: Sequence[Work]) -> list[tuple[Any, Exception | None]]:
        """The outcome of each. Only when one fails are they taken apart: savepoints cost two statements."""
        try:
            with self._engine.begin() as connection:
                return [(work(connection), None) for work in works]
        except Exception:  # noqa: BLE001 undone as a whole; whose it was is found, and told, below
            return self._commit_apart(works)

    def _commit_apart(self, works: Sequence[Work]) -> list[tuple[Any, Exception | None]]:
        outcomes: list[tuple[Any, Exception | None]] = []
        with self._engine.begin() as connection:
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


def _configure(connection: sqlite3.Connection, _: Any) -> None:
    """Transactions begin when we say so: Python's own rules would break savepoints."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _require_version(connection: Connection, path: Path) -> None:
    found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if found > VERSION:
        raise ConfigError(
            f"{path}: written by a newer kbtool (store version {found}, this one knows {VERSION})",
            hint="Install that version again, or give the bridge another store.",
        )
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _sole_owner(path: Path) -> sqlite3.Connection:
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


def _cause(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).split("\n", 1)[0]
