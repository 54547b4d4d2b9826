"""What a former run found out, by the content that it found it out from. It may be deleted at any time.

A cache never decides anything: whatever goes wrong with it (deleted, locked, damaged, read-only, not ours) is
the same as not finding an entry.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, sum INTEGER NOT NULL, value BLOB NOT NULL)"
)
_FAILURES = (sqlite3.Error, OSError, UnicodeDecodeError)  # the last for messages that quote damaged bytes
_PATIENCE = 1.0  # seconds that another process may hold the lock


class Cache:
    """Bytes by key, in a SQLite file; None for `path` is a cache that is always empty.

    Each value has a checksum, so a damaged entry is none. The first failure ends the use of the file for
    the time of the `with` block; a file that is damaged as a whole is removed.
    """

    def __init__(self, path: Path | None, *, writes: bool) -> None:
        self._path = path
        self._writes = writes
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        if self._path is None:
            return self
        try:
            if self._writes:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                f"file:{quote(str(self._path.absolute()))}?mode={'rwc' if self._writes else 'ro'}",
                uri=True,
                timeout=_PATIENCE,
            )
            if self._writes:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = OFF")  # a lost entry is only found out again
                self._connection.execute(_SCHEMA)
        except _FAILURES as error:
            self._give_up(error)
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def get(self, key: bytes) -> bytes | None:
        """The value that was put under `key`, or None."""
        if self._connection is None:
            return None
        try:
            row = self._connection.execute("SELECT sum, value FROM entries WHERE key = ?", (key,)).fetchone()
        except _FAILURES as error:
            self._give_up(error)
            return None
        if row is None or not isinstance(row[1], bytes) or zlib.crc32(row[1]) != row[0]:
            return None
        return row[1]

    def put(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep the values under their keys; all of them, or none."""
        if self._connection is None:
            return
        rows = [(key, zlib.crc32(value), value) for key, value in entries]
        try:
            with self._connection:
                self._connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", rows)
        except _FAILURES as error:
            self._give_up(error)

    def keep_only(self, kept: Collection[bytes], length: int) -> None:
        """Drop the entries whose key does not begin with one of `kept`, which are `length` bytes long."""
        if self._connection is None:
            return
        try:
            keys = (key for (key,) in self._connection.execute("SELECT key FROM entries"))
            gone = [(key,) for key in keys if key[:length] not in kept]
            with self._connection:
                self._connection.executemany("DELETE FROM entries WHERE key = ?", gone)
        except _FAILURES as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Go on without the file. Busy, full or read-only it may be of use again; damaged it never will."""
        self.__exit__()
        is_damaged = type(error) in {sqlite3.DatabaseError, UnicodeDecodeError}
        if is_damaged and self._writes and self._path is not None:
            for suffix in ("", "-wal", "-shm"):
                with suppress(OSError):
                    Path(f"{self._path}{suffix}").unlink()
