"""Figures and queue over PostgreSQL: the same rows as over a file."""

from __future__ import annotations

import time
from pathlib import Path

from bridge.improve import rows as improve
from bridge.kpi import rows as kpi
from bridge.store.base import Store
from bridge.store.postgres import PostgresStore
from bridge.store.sqlite import SqliteStore
from bridge.tables import handled
from tests.improving import a_week
from tests.postgres import database
from tests.server import run

NOW = time.time()


async def told(store: Store) -> tuple[object, ...]:
    """What the store says of a week, before and behind one item of it was seen to."""
    async with store:
        await store.write(lambda c: a_week(c, NOW))
        found = await store.read(lambda c: improve.items(c, 0.0))
        first = found[0].key
        done = [await store.write(lambda c: handled.add(c, [first], "golden", NOW)) for _ in range(2)]
        left = await store.read(lambda c: improve.items(c, 0.0))
        rows = await store.read(lambda c: kpi.rows(c, NOW - 28 * 86_400, NOW))
        assert done == [1, 0]
        assert first not in [item.key for item in left]
        assert len(left) == len(found) - 1
        return found, left, sorted(rows.said), sorted(rows.decided), sorted(rows.rated), rows.spent


def test_both_databases_tell_the_same(tmp_path: Path) -> None:
    with database() as url:
        shared = run(told(PostgresStore.open(url)))
    assert run(told(SqliteStore.open(tmp_path / "bridge.sqlite"))) == shared
