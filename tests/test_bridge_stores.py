"""A store of any version goes to this one with every row, and one step back; the older one refuses it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from typer.testing import CliRunner

from bridge.settings import Mode
from bridge.store import migrate, open_store
from bridge.store.downgrade import downgrade
from bridge.store.schema import metadata
from bridge.tables import leases, turns
from kbtool.cli import app
from kbtool.errors import ConfigError
from tests.server import run
from tests.stores import Rows, connected, emptied, fill, frozen, restored, rows_of

ROOT = Path(__file__).parent.parent
STORES = frozen()
NEWEST = int(migrate.newest())
BOTH = ("sqlite", "postgres")
MOVED = {("conversations", "returned_at"), ("conversations", "leased_until"),
         ("messages", "attempts"), ("messages", "due_at")}  # fmt: skip
"""What version 2 says in other columns; test_bridge_migrate.py follows them."""


def address(url: str) -> tuple[Path, str]:
    """The file, and the PostgreSQL in its stead, as commands have them."""
    file = url.removeprefix("sqlite:///")
    return (Path("unused"), url) if file == url else (Path(file), "")


def open_once(url: str) -> None:
    """A bridge of this version starts on the store, and ends."""
    run(open_store(*address(url)).__aexit__(None, None, None))


def take_to(connection: Connection, version: int) -> None:
    """By the steps, with nothing asked."""
    config = migrate._config(connection)
    at = int(migrate.version_of(connection) or 0)
    (command.upgrade if version > at else command.downgrade)(config, str(version))


def require_kept(before: Rows, after: Rows, *, but: Collection[tuple[str, str]] = ()) -> None:
    """Every row is there, and what both versions know of it is as it was."""
    for table in before.keys() & after.keys():
        assert after[table].keys() == before[table].keys(), table
        for key, row in before[table].items():
            there = after[table][key]
            known = {column for column in row.keys() & there.keys() if (table, column) not in but}
            assert {c: there[c] for c in known} == {c: row[c] for c in known}, table


def test_every_version_before_this_one_has_a_store_for_each_database() -> None:
    """A step that has none yet: python -m tests.stores VERSION, before the next one is begun."""
    wanted = {(dialect, version) for version in range(1, NEWEST) for dialect in BOTH}
    assert wanted - set(STORES) == {("postgres", 1)}  # the first release knew files only


@pytest.mark.parametrize(("dialect", "version"), STORES)
def test_a_bridge_brings_it_to_the_newest_schema_and_keeps_every_row(
    dialect: str, version: int, tmp_path: Path
) -> None:
    with restored(dialect, version, tmp_path) as url:
        with connected(url) as connection:
            before = rows_of(connection)
        assert all(before.values()), "a table without rows tests nothing"
        open_once(url)
        with connected(url) as connection:
            after = rows_of(connection)
            assert before.keys() <= after.keys()
            require_kept(before, after)
            assert list(compare_metadata(MigrationContext.configure(connection), metadata)) == []
            assert migrate.version_of(connection) == str(NEWEST)


@pytest.mark.parametrize(("dialect", "version"), [one for one in STORES if one[1] > 1])
def test_one_step_back_and_forward_again_keeps_what_the_version_before_knew(
    dialect: str, version: int, tmp_path: Path
) -> None:
    with restored(dialect, version, tmp_path) as url:
        with connected(url) as connection:
            before = rows_of(connection)
            assert migrate.step_back(connection) == str(version - 1)
        with connected(url) as connection:
            older = rows_of(connection)
            require_kept(before, older, but=MOVED if version == 2 else set())
            take_to(connection, version)
        with connected(url) as connection:
            after = rows_of(connection)
            assert after.keys() == before.keys()
            kept = {table: before[table] for table in older}
            known = {
                (table, column) for table, rows in older.items() for row in rows.values() for column in row
            }
            lost = {(t, c) for t, rows in before.items() for row in rows.values() for c in row} - known
            require_kept(kept, after, but=lost | (MOVED if version == 2 else set()))


@pytest.mark.parametrize("dialect", BOTH)
def test_the_newest_store_goes_all_the_way_back_and_forward_with_every_row_of_then(
    dialect: str, tmp_path: Path
) -> None:
    """Also what the newest version has, of which no file is kept yet."""
    oldest = 1 if dialect == "sqlite" else 2
    with emptied(dialect, tmp_path) as url:
        open_once(url)
        with connected(url) as connection:
            fill(connection)
            before = rows_of(connection)
            while migrate.version_of(connection) != str(oldest):
                migrate.step_back(connection)
            require_kept(before, rows_of(connection), but=MOVED if oldest == 1 else set())
        open_once(url)
        with connected(url) as connection:
            after = rows_of(connection)
            assert after.keys() == before.keys()
            for table in ("messages", "turns", "posts", "deliveries", "trace"):
                assert after[table].keys() == before[table].keys()


@pytest.mark.parametrize(("dialect", "version"), STORES)
def test_what_waits_in_it_is_taken_up_by_this_version(dialect: str, version: int, tmp_path: Path) -> None:
    with restored(dialect, version, tmp_path) as url:
        open_once(url)
        with connected(url) as connection:
            if dialect == "postgres":
                leases.join(connection, "me")
            (lease,) = leases.claim(connection, "me", ["kbtool"], now=120.0, limit=9)
            taken = turns.take(connection, lease, lambda *_: Mode.REPLY, 120.0, merges=True)
            assert taken is not None
            assert (taken.work.messages, taken.work.text) == ((12, 13), "And by post?\nHello?")
            assert taken.facts.dify_conversation == "c-1"


OPEN = """\
import asyncio, pathlib, sys
from bridge.store import open_store
asyncio.run(open_store(pathlib.Path(sys.argv[1]), sys.argv[2]).__aexit__(None, None, None))
"""


@pytest.fixture(scope="module")
def old_kbtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree without the newest step: a kbtool that does not know it."""
    folder = tmp_path_factory.mktemp("old")
    for package in ("kbtool", "bridge"):
        shutil.copytree(ROOT / package, folder / package)
    (newest,) = (folder / "bridge" / "store" / "migrations" / "versions").glob(f"v{NEWEST}_*.py")
    newest.unlink()
    return folder


def serve(tree: Path, folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    """`kbtool bridge serve` of that tree; it ends by itself where the store is refused."""
    (folder / "kb.toml").write_text('[bridge]\nstore = "bridge.sqlite"\n', encoding="utf-8")
    _, database = address(url)
    environment = {
        **os.environ, "PYTHONPATH": str(tree), "CHATWOOT_BOT_TOKEN": "t", "CHATWOOT_WEBHOOK_SECRET": "s",
        "DIFY_APP_KEY": "app-x", "KBTOOL_DATABASE_URL": database,
    }  # fmt: skip
    command = [sys.executable, "-m", "kbtool", "bridge", "serve", "--chatwoot-url", "http://127.0.0.1:9",
               "--port", "0", "--ops-port", "0"]  # fmt: skip
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False,
                          timeout=60)  # fmt: skip


@pytest.mark.parametrize("dialect", BOTH)
def test_a_bridge_of_before_refuses_it_in_a_sentence_and_takes_it_after_the_step_back(
    dialect: str, old_kbtool: Path, tmp_path: Path
) -> None:
    with emptied(dialect, tmp_path) as url:
        open_once(url)
        refused = serve(old_kbtool, tmp_path, url)
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)
        assert (
            f"written by a newer kbtool (store version {NEWEST}, this one knows {NEWEST - 1})"
            in refused.stderr
        )
        assert "kbtool bridge downgrade" in refused.stderr

        assert downgrade(*address(url)) == (str(NEWEST), str(NEWEST - 1))
        path, database = address(url)
        taken = subprocess.run(
            [sys.executable, "-c", OPEN, str(path), database], capture_output=True, text=True, check=False,
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(old_kbtool)},
        )  # fmt: skip
        assert taken.returncode == 0, taken.stderr
        with connected(url) as connection:
            assert migrate.version_of(connection) == str(NEWEST - 1)


def test_the_command_steps_back_and_says_what_is_next(tmp_path: Path) -> None:
    (tmp_path / "kb.toml").write_text("[bridge]\n", encoding="utf-8")
    call = [
        "bridge",
        "downgrade",
        "--config",
        str(tmp_path / "kb.toml"),
        "--store",
        str(tmp_path / "bridge.sqlite"),
    ]
    missing = CliRunner().invoke(app, call)
    assert "there is no bridge store" in str(missing.exception)
    assert not (tmp_path / "bridge.sqlite").exists()
    open_once(f"sqlite:///{tmp_path / 'bridge.sqlite'}")
    done = CliRunner().invoke(app, call)
    assert f"version {NEWEST - 1}, it was {NEWEST}" in done.stdout


def test_nothing_is_stepped_back_under_a_bridge_that_works_on_it(tmp_path: Path) -> None:
    with emptied("sqlite", tmp_path) as url:
        store = open_store(*address(url))
        with pytest.raises(ConfigError, match="another bridge works on this store"):
            downgrade(*address(url))
        run(store.__aexit__(None, None, None))
    with emptied("postgres", tmp_path) as url:
        open_once(url)
        with connected(url) as connection:
            leases.join(connection, "one that lives")
        with pytest.raises(ConfigError, match="a bridge works on it"):
            downgrade(*address(url))
        with connected(url) as connection:
            leases.leave(connection, "one that lives")
        assert downgrade(*address(url))[1] == str(NEWEST - 1)


def test_the_first_version_and_one_that_is_not_known_are_left_as_they_are(tmp_path: Path) -> None:
    with emptied("sqlite", tmp_path) as url:
        open_once(url)
        with connected(url) as connection:
            take_to(connection, 1)
        with pytest.raises(ConfigError, match="no version before the first"):
            downgrade(*address(url))
        with connected(url) as connection:
            assert "messages" in rows_of(connection)
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '999'")
        with pytest.raises(ConfigError, match="of store version 999, and this kbtool knows"):
            downgrade(*address(url))
