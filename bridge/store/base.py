"""What a store does, whichever database is under it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from bridge import log

Value = TypeVar("Value")
Work = Callable[[Connection], Any]
"""What is done in a transaction. It may be called twice, so it changes nothing but the database."""

CHANNEL = "kbtool_bridge"


class Store(AbstractAsyncContextManager[Any], ABC):
    """`write` and `read` take functions of a connection; both raise Unavailable when the database does."""

    is_shared: bool
    """Whether other bridges may work on it at the same time."""

    def __init__(self) -> None:
        self._later: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    @abstractmethod
    async def write(self, work: Callable[[Connection], Value]) -> Value:
        """What `work` returns, once it is committed and on the disk."""

    @abstractmethod
    async def read(self, work: Callable[[Connection], Value]) -> Value:
        """What `work` returns over a snapshot of its own."""

    @abstractmethod
    def listen(self, hear: Callable[[str], None]) -> None:
        """Have `hear` called, on this event loop, with each word that a bridge announces."""

    async def write_soon(self, work: Callable[[Connection], Value]) -> Value:
        """As `write`, for what need not be on the disk at once."""
        return await self.write(work)

    def write_later(self, work: Work) -> None:
        """Write what nobody waits for; a failure is a line in the log."""
        task = asyncio.create_task(self._write_unwatched(work))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _write_unwatched(self, work: Work) -> None:
        try:
            await self.write_soon(work)
        except Exception as error:  # noqa: BLE001 nobody else would hear of it
            log.problem("not_noted", error)

    async def _settle(self) -> None:
        await asyncio.gather(*self._later)


def announce(connection: Connection, word: str) -> None:
    """Tell the other bridges, when this transaction is committed; in a file's store there are none."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY, {"channel": CHANNEL, "word": word})


def is_outage(error: BaseException) -> bool:
    """Whether the database failed, and may do the same later. What it refuses for what it was given, it
    always refuses: that is a bug of ours, and waiting for it would hold everything else up.
    """
    is_ours = isinstance(error, (DataError, IntegrityError)) or (
        isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    )
    return isinstance(error, SQLAlchemyError) and not is_ours


def cause(error: SQLAlchemyError) -> str:
    """What the database said, in a line."""
    return str(getattr(error, "orig", None) or error).split("\n", 1)[0]


_NOTIFY = text("SELECT pg_notify(:channel, :word)")
