"""The store from one version to the next and back: what the first release left is gone on with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, text

from bridge.settings import Mode
from bridge.store import migrate
from bridge.store.postgres import PostgresStore
from bridge.store.schema import metadata
from bridge.store.sqlite import SqliteStore
from bridge.tables import turns
from bridge.tables.leases import claim
from kbtool.errors import ConfigError
from tests.postgres import database
from tests.server import run
from tests.stores import dump_of

V1 = dump_of("sqlite", 1)


def first_release(folder: Path) -> Path:
    """A store of the first release: a question answered, and two that wait, one of them put off."""
    path = folder / "bridge.sqlite"
    with closing(sqlite3.connect(path)) as store:
        store.executescript(V1.read_text(encoding="utf-8"))
    return path


@contextmanager
def opened(path: Path) -> Iterator[Connection]:
    """A connection to the store, after a bridge has opened it once."""
    store = SqliteStore.open(path)
    run(store.__aexit__(None, None, None))
    with connected(path) as connection:
        yield connection


@contextmanager
def connected(path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def back_to(connection: Connection, version: str) -> None:
    """One step after the other, each a version older."""
    while (at := migrate.version_of(connection)) != version:
        assert migrate.step_back(connection) == str(int(at or "0") - 1)


def differences(connection: Connection) -> list[Any]:
    """Between the tables that are there and those of `schema.py`."""
    context = MigrationContext.configure(connection)
    return list(compare_metadata(context, metadata))


def test_the_steps_lead_to_the_schema_from_nothing_and_from_the_first_release(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for path in (tmp_path / "new.sqlite", first_release(tmp_path / "old")):
        with opened(path) as connection:
            assert migrate.version_of(connection) == migrate.newest()
            assert differences(connection) == []


def test_the_steps_lead_to_the_same_schema_on_postgresql() -> None:
    with database() as url:
        run(PostgresStore.open(url).__aexit__(None, None, None))
        engine = engine_of(url)
        with engine.begin() as connection:
            assert differences(connection) == []
            back_to(connection, "1")
            migrate.upgrade(connection, "the store")
            assert differences(connection) == []
        engine.dispose()


def engine_of(url: str) -> Engine:
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def test_what_waited_in_the_first_release_is_due_as_it_was(tmp_path: Path) -> None:
    with opened(first_release(tmp_path)) as connection:
        (lease,) = claim(connection, "me", ["kbtool"], now=120.0, limit=9)
        taken = turns.take(connection, lease, lambda *_: Mode.REPLY, 120.0, merges=True)
        assert taken is not None
        assert taken.work.messages == (12, 13)
        assert taken.work.text == "And by post?\nHello?"
        assert taken.facts.dify_conversation == "c-1"
        assert taken.before == ("How long may I wait?",)


def test_steps_back_are_a_store_of_the_first_release_with_nothing_lost(tmp_path: Path) -> None:
    path = first_release(tmp_path)
    counts = "select (select count(*) from messages), (select count(*) from posts), text from messages"
    with connected(path) as connection:
        before = connection.execute(text(counts)).all()
    with opened(path) as connection:
        back_to(connection, "1")
    with connected(path) as connection:
        assert connection.execute(text(counts)).all() == before
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == 1
        waits = "select id, attempts, due_at from messages where state = 'waiting' order by id"
        assert [row.id for row in connection.execute(text(waits))] == [12, 13]
        returned = "select returned_at, leased_until from conversations where id = 7"
        assert tuple(connection.execute(text(returned)).one()) == (60.0, 0.0)
    with opened(path) as connection:  # and forward again
        assert differences(connection) == []


def test_the_first_release_refuses_a_store_of_this_one(tmp_path: Path) -> None:
    """It looked at SQLite's own number only."""
    with opened(tmp_path / "b.sqlite") as connection:
        assert connection.exec_driver_sql("PRAGMA user_version").scalar_one() == int(migrate.newest())


@pytest.mark.parametrize("url", ["mysql://somewhere/x", "postgresql://127.0.0.1:1/nothing", "postgres://%zz"])
def test_an_address_that_is_no_postgresql_is_refused_in_a_sentence(tmp_path: Path, url: str) -> None:
    from bridge.store import open_store

    with pytest.raises(ConfigError) as refused:
        open_store(tmp_path / "unused.sqlite", url)
    assert "hunter2" not in str(refused.value)
    assert not (tmp_path / "unused.sqlite").exists()
