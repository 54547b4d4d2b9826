"""A PostgreSQL that several bridges share: each work a transaction of its own, words between the bridges.

PostgreSQL groups commits itself. Bridges that touch the same rows wait for one another, or are told of a
deadlock; what was undone that way is done again here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from bridge import log
from bridge.store import migrate
from bridge.store.base import CHANNEL, Store, Value, cause, is_outage
from kbtool.errors import ConfigError, Unavailable

CONNECTIONS = 8
_UNDONE = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
_TRIES = 4
_PAUSE = 1.0
MIGRATING = text("SELECT pg_advisory_xact_lock(7246582)")
_LIVELY = {
    "connect_timeout": "3",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "4000",
}
"""A server that is gone is noticed before Chatwoot's five seconds are over."""


class PostgresStore(Store):
    """Open it with `PostgresStore.open`."""

    is_shared = True

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._url = engine.url
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="bridge-store")
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, address: str) -> PostgresStore:
        """The store in the database at `address`; the first bridge makes the tables, others wait for it."""
        engine = engine_of(address)
        try:
            with engine.begin() as connection:
                connection.execute(MIGRATING)
                migrate.upgrade(connection, _name(engine.url))
        except (SQLAlchemyError, ConfigError) as error:
            engine.dispose()
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(
                f"{_name(engine.url)}: cannot be used as the bridge's store ({cause(error)})",
                hint="Check KBTOOL_DATABASE_URL, and that its user may create tables.",
            ) from error
        return cls(engine)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._settle()
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        self._threads.shutdown()
        self._engine.dispose()

    async def write(self, work: Callable[[Connection], Value]) -> Value:
        """What `work` returns, once it is committed."""
        return await self._run(work)

    async def read(self, work: Callable[[Connection], Value]) -> Value:
        """What `work` returns; it writes nothing."""
        return await self._run(work)

    def listen(self, hear: Callable[[str], None]) -> None:
        """On a connection of its own, made anew when it breaks: a word that is missed costs a rest's time."""
        self._listening = asyncio.create_task(self._listen(hear))

    async def _listen(self, hear: Callable[[str], None]) -> None:
        url = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}".encode())
                    async for notice in connection.notifies():
                        hear(notice.payload)
            except psycopg.Error as error:
                log.problem("not_listening", why=str(error).split("\n", 1)[0])
            await asyncio.sleep(_PAUSE)

    async def _run(self, work: Callable[[Connection], Value]) -> Value:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)
        except SQLAlchemyError as error:
            if not is_outage(error):
                raise
            raise Unavailable(f"The store does not work: {cause(error)}") from error

    def _transact(self, work: Callable[[Connection], Value]) -> Value:
        tries = 1
        while True:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in _UNDONE or tries == _TRIES:
                    raise
                tries += 1


def engine_of(address: str) -> Engine:
    """Connections to the database at `address`. Raises ConfigError where that is no address."""
    try:
        url = make_url(address).set(drivername="postgresql+psycopg")
        engine = create_engine(
            url.update_query_dict({**_LIVELY, **url.query}),
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,  # customers' words, in errors
        )
    except (ArgumentError, NoSuchModuleError, ValueError) as error:  # the last for a port that is no number
        # Not from it: whatever is wrong with the address, there is a password in it.
        raise ConfigError(f"KBTOOL_DATABASE_URL cannot be read: {type(error).__name__}") from None
    event.listen(engine, "handle_error", _say_no_values)
    return engine


def _say_no_values(context: ExceptionContext) -> None:
    """The server's DETAIL shows the row that it refuses, with a customer's words; errors are logged."""
    error, wrapped = context.original_exception, context.sqlalchemy_exception
    if isinstance(error, psycopg.Error) and (said := error.diag.message_primary):
        error.args = (said,)
        if wrapped is not None:
            wrapped.args = (f"({type(error).__name__}) {said}",)


def _name(url: URL) -> str:
    """The database without its password."""
    return url.set(query={}).render_as_string(hide_password=True)
