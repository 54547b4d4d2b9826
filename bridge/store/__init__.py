"""Where the bridge keeps what it knows: a file for one bridge, or a PostgreSQL that several share."""

from __future__ import annotations

from pathlib import Path

from bridge.store.address import require_postgres
from bridge.store.base import Store, Value, announce

__all__ = ["Store", "Value", "announce", "open_store"]


def open_store(path: Path, url: str = "") -> Store:
    """The store at `url` (`postgresql://…`), or in the file at `path` where there is none.

    It is made, or brought to this version's tables. Raises ConfigError where that cannot be done.
    """
    if not url:
        from bridge.store.sqlite import SqliteStore  # noqa: PLC0415 one of the two is needed

        return SqliteStore.open(path)
    require_postgres(url)
    from bridge.store.postgres import PostgresStore  # noqa: PLC0415

    return PostgresStore.open(url)
