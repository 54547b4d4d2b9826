"""The writer that commits in groups: nothing acknowledged is lost, and one failure is one's own."""

from __future__ import annotations

import asyncio
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import IntegrityError

from bridge.store.postgres import PostgresStore
from bridge.store.sqlite import SqliteStore
from bridge.tables import inbox
from kbtool.errors import ConfigError, Unavailable
from tests.postgres import database
from tests.server import run


def names(connection: Connection) -> list[str]:
    return [row.delivery for row in connection.execute(text("select delivery from deliveries order by id"))]


def keeps(name: str):
    return lambda connection: inbox.accept(connection, "kbtool", name, b"{}", 0.0)


def test_what_was_written_is_there_for_a_reader_and_for_the_next_store(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            assert await store.write(keeps("one"))
            assert await store.read(names) == ["one"]
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            assert not await store.write(keeps("one"))
            assert await store.read(names) == ["one"]

    run(scenario())


def test_writers_that_wait_together_share_a_commit(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            commits: list[None] = []
            event.listen(store._engine, "commit", lambda _: commits.append(None))
            held = threading.Event()
            first = asyncio.create_task(store.write(lambda _: held.wait(10)))
            await asyncio.sleep(0.01)
            others = [asyncio.create_task(store.write(keeps(f"{n}"))) for n in range(50)]
            await asyncio.sleep(0.01)
            held.set()
            assert await first
            assert all(await asyncio.gather(*others))
            assert len(commits) == 2
            assert await store.read(names) == [f"{n}" for n in range(50)]

    run(scenario())


def test_what_nobody_waits_for_goes_with_the_next_commit_or_soon_after(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            commits: list[None] = []
            event.listen(store._engine, "commit", lambda _: commits.append(None))
            store.write_later(keeps("later"))
            await asyncio.sleep(0)
            assert await store.write(names) == ["later"]
            assert len(commits) == 1
            store.write_later(keeps("alone"))
            await store._settle()
            assert await store.read(names) == ["later", "alone"]
            store.write_later(keeps("at the end"))
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            assert await store.read(names) == ["later", "alone", "at the end"]

    run(scenario())


def test_one_that_fails_takes_nothing_from_the_others_and_gets_its_own_error(tmp_path: Path) -> None:
    def bug(connection: Connection) -> None:
        keeps("half done")(connection)
        raise ZeroDivisionError

    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            works = (keeps("a"), bug, lambda c: c.execute(text("select * from nowhere")), keeps("b"))
            results = await asyncio.gather(*map(store.write, works), return_exceptions=True)
            assert [type(result) for result in results] == [bool, ZeroDivisionError, Unavailable, bool]
            assert await store.read(names) == ["a", "b"]

    run(scenario())


def test_a_caller_that_goes_away_leaves_its_rows_and_no_trouble(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            gone = asyncio.create_task(store.write(keeps("gone")))
            await asyncio.sleep(0)
            gone.cancel()
            assert await store.write(keeps("stays"))
            assert await store.read(names) == ["gone", "stays"]

    run(scenario())


def test_power_may_fail_after_a_commit(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite") as store:
            pragmas = "select (select * from pragma_journal_mode), (select * from pragma_synchronous)"
            assert await store.write(lambda c: tuple(c.execute(text(pragmas)).one())) == ("wal", 2)

    run(scenario())


def test_a_second_bridge_on_the_same_store_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "b.sqlite"):
            with pytest.raises(ConfigError, match="another bridge"):
                SqliteStore.open(tmp_path / "b.sqlite")
        async with SqliteStore.open(tmp_path / "b.sqlite"):
            pass

    run(scenario())


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "deep" / "b.sqlite"):
            assert stat.S_IMODE((tmp_path / "deep" / "b.sqlite").stat().st_mode) == 0o600

    run(scenario())


def test_a_store_of_a_newer_version_and_a_file_that_is_none_are_refused_in_a_sentence(tmp_path: Path) -> None:
    newer = tmp_path / "newer.sqlite"
    engine = create_engine(f"sqlite:///{newer}")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table alembic_version (version_num varchar(32) not null)")
        connection.exec_driver_sql("insert into alembic_version values ('99')")
    engine.dispose()
    with pytest.raises(ConfigError, match="newer kbtool"):
        SqliteStore.open(newer)
    (tmp_path / "text.sqlite").write_text("not a database " * 100)
    with pytest.raises(ConfigError, match="not a bridge's store"):
        SqliteStore.open(tmp_path / "text.sqlite")


@pytest.mark.parametrize("is_shared", [False, True])
def test_an_error_of_the_database_shows_nothing_of_what_it_was_given(tmp_path: Path, is_shared: bool) -> None:
    """A bug is logged with its traceback (bridge rule 22)."""

    async def scenario(store: SqliteStore | PostgresStore) -> None:
        async with store:
            wrong = text("INSERT INTO replicas (id, seen_at) VALUES (:words, NULL)")
            with pytest.raises(IntegrityError) as found:
                await store.write(lambda c: c.execute(wrong, {"words": "my number is 555"}))
            assert "555" not in str(found.value)

    if is_shared:
        with database() as url:
            run(scenario(PostgresStore.open(url)))
    else:
        run(scenario(SqliteStore.open(tmp_path / "s.sqlite")))
