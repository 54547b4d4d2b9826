"""After an erasure: no byte of what was erased stays in the database's own files.

SQLite writes zeros over what it deletes (`secure_delete`), but not over what it moved about within its pages
before; only writing the file anew (VACUUM) is sure. That holds the bridge's own writing up for as long as it
takes, so a large store is done only while no bridge works on it. PostgreSQL frees the rows (VACUUM), and
writes over them when it needs the space.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.privacy.finding import tables
from bridge.store.base import cause
from kbtool.errors import Unavailable

LARGEST_IN_PASSING = 64 * 2**20
"""Bytes that are written anew in about a second (63 MiB took 1.0 s on two busy cores): less than the bridge's
writer waits for a lock, and so than Chatwoot for its acknowledgement.
"""
PATIENCE = 10.0
"""Seconds to wait for whoever reads or writes."""
_PAUSE = 0.1


def compact(store: Path, database: str = "") -> None:
    """Of the PostgreSQL at `database`, or of the file. Raises Unavailable, with the next step, where not all
    of it could be done: what was erased is out of every table all the same.
    """
    if database:
        _free_rows(database)
        return
    try:
        with closing(sqlite3.connect(store, timeout=PATIENCE, isolation_level=None)) as base:
            size = _number(base, "page_count") * _number(base, "page_size")
            if size > LARGEST_IN_PASSING and _is_in_use(store):
                raise Unavailable(
                    f"{store} has {size / 2**20:.0f} MiB, too many to write it anew while the bridge works",
                    hint="Give the same command once more while the bridge is stopped: it does the rest.",
                )
            base.execute("PRAGMA secure_delete=ON")
            base.execute("VACUUM")
            _empty_log(base, store)
    except sqlite3.Error as error:
        raise Unavailable(
            f"{store}: could not be written anew ({error})", hint="Give the same command once more."
        ) from error


def _empty_log(base: sqlite3.Connection, store: Path) -> None:
    """Move the write-ahead log into the file and cut it off, once no reader needs it."""
    until = time.monotonic() + PATIENCE
    while base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > until:
            raise Unavailable(
                f"{store}: its log (-wal) is being read and was not emptied",
                hint="Give the same command once more.",
            )
        time.sleep(_PAUSE)


def _number(base: sqlite3.Connection, name: str) -> int:
    return int(base.execute(f"PRAGMA {name}").fetchone()[0])


def _is_in_use(store: Path) -> bool:
    """Whether a bridge works on the file: it holds the lock beside it."""
    lock = store.with_name(store.name + ".lock")
    if not lock.exists():
        return False
    with closing(sqlite3.connect(lock, timeout=0, isolation_level=None)) as base:
        try:
            base.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
    return False


def _free_rows(database: str) -> None:
    _, _, rest = database.partition("://")
    engine = create_engine(f"postgresql+psycopg://{rest}", isolation_level="AUTOCOMMIT", hide_parameters=True)
    names = ", ".join(["deliveries", *(table.name for table, _ in tables())])
    try:
        with engine.connect() as connection:
            connection.execute(text(f"VACUUM {names}"))
    except SQLAlchemyError as error:
        raise Unavailable(
            f"PostgreSQL did not free the rows ({cause(error)})",
            hint=f"Have its owner run: VACUUM {names};",
        ) from error
    finally:
        engine.dispose()
