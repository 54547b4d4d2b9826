"""A visit to a bridge's store from outside, for the command line, while the bridge works on it.

A visitor makes no store and changes no tables: that is the bridge's, at its start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import ArgumentError, DBAPIError

from bridge.store.address import require_postgres
from kbtool.errors import ConfigError

PATIENCE = 10.0
"""Seconds to wait for the bridge's own writing."""


@contextmanager
def visit(store: Path, database: str = "", *, writes: bool = False) -> Iterator[Connection]:
    """A transaction on the store: the PostgreSQL at `database`, or the file. It is committed at the end where
    it `writes`. Raises ConfigError where there is no store, or another version's.
    """
    engine = _engine(store, database, writes=writes)
    where = str(store) if not database else "The store in PostgreSQL"
    try:
        with engine.begin() if writes else engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        why = str(error.orig).split("\n", 1)[0]
        raise ConfigError(
            f"{where}: not a store that this kbtool can read ({why})",
            hint="Start `kbtool bridge serve` once: it makes the store, and brings an older one up to date.",
        ) from error
    finally:
        engine.dispose()


def _engine(store: Path, database: str, *, writes: bool) -> Engine:
    if database:
        require_postgres(database)
        scheme, _, rest = database.partition("://")
        try:
            return create_engine(f"postgresql+psycopg://{rest}")
        except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
            raise ConfigError(f"{scheme}://… cannot be read ({type(error).__name__})") from None
    if not store.exists():
        raise ConfigError(f"{store}: there is no bridge store", hint="It is made by `kbtool bridge serve`.")
    mode = "rw" if writes else "ro"

    def connect() -> sqlite3.Connection:
        uri = f"file:{store.absolute().as_posix()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=PATIENCE)

    return create_engine("sqlite://", creator=connect)
