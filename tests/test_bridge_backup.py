"""A backup is of one moment while the bridge writes, sound, and never half there."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.store import backup
from bridge.store.backup import back_up
from bridge.store.sqlite import SqliteStore
from bridge.tables import inbox
from kbtool.cli import app
from kbtool.errors import ConfigError, Unavailable
from tests.bridging import Said, stand
from tests.server import run

BODY = b"x" * 20_000


def numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as base:
        return [int(name) for (name,) in base.execute("SELECT delivery FROM deliveries ORDER BY id")]


def test_it_is_of_one_moment_while_deliveries_come_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All deliveries up to some number and none behind it, and at least those from before it began."""
    monkeypatch.setattr(backup, "PAGES", 20)

    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "s.sqlite") as store:

            async def keep(number: int) -> None:
                await store.write(lambda c: inbox.accept(c, "kbtool", str(number), BODY, 0.0))

            for number in range(100):
                await keep(number)
            copying = asyncio.create_task(
                asyncio.to_thread(back_up, tmp_path / "s.sqlite", tmp_path / "copy")
            )
            number = 100
            while not copying.done() and number < 5000:
                await keep(number)
                number += 1
                await asyncio.sleep(0.002)
            assert await copying > 100 * len(BODY)

    run(scenario())
    found = numbers(tmp_path / "copy")
    assert found == list(range(len(found)))
    assert len(found) >= 100
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o600


def test_a_bridge_goes_on_from_a_copy(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()

    async def scenario() -> None:
        hangs = {"How long?": Said("30 days.", hangs=True)}
        async with stand(tmp_path / "old", hangs) as at:
            async with at.bridge():
                visit = at.ask("How long?")
                await at.until(lambda: len(at.dify.asked) == 1)
                back_up(at.settings.store, tmp_path / "new" / "bridge.sqlite")
            at.dify.released.set()
            async with at.bridge(store=tmp_path / "new" / "bridge.sqlite"):
                await at.until(lambda: at.replies(visit) == ["30 days."])

    run(scenario())


def test_what_is_there_is_not_written_over_and_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as base:
        base.execute("CREATE TABLE t (x)")
    (tmp_path / "there").write_text("mine")
    with pytest.raises(ConfigError, match="is there already"):
        back_up(tmp_path / "s.sqlite", tmp_path / "there")
    with pytest.raises(ConfigError, match="no bridge store"):
        back_up(tmp_path / "none.sqlite", tmp_path / "copy")
    with pytest.raises(Unavailable, match="cannot be written"):
        back_up(tmp_path / "s.sqlite", tmp_path / "no such folder" / "copy")
    (tmp_path / "broken.sqlite").write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with pytest.raises(Unavailable, match="the copy failed"):
        back_up(tmp_path / "broken.sqlite", tmp_path / "copy")
    assert (tmp_path / "there").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.sqlite", "s.sqlite", "there"]


def test_the_command_says_what_it_made_and_names_the_tool_of_a_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kb.toml").write_text("[bridge]\nstore = 's.sqlite'\n")

    async def scenario() -> None:
        async with SqliteStore.open(tmp_path / "s.sqlite"):
            pass

    run(scenario())
    command = ["bridge", "backup", str(tmp_path / "copy"), "--config", str(tmp_path / "kb.toml")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "MB, checked" in done.output
    monkeypatch.setenv("KBTOOL_DATABASE_URL", "postgresql://me@host/name")
    done = CliRunner().invoke(app, command)
    assert "pg_dump" in getattr(done.exception, "hint", "")
