"""One step back of a store at rest, so that the kbtool of before can go on with it (issue 10.2).

The newer kbtool does it: only it knows what it added.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.store import migrate
from bridge.store.address import require_postgres
from bridge.store.base import cause
from kbtool.errors import ConfigError

ALIVE = 30.0
"""Seconds. A bridge on a shared store says several times in those that it lives; who says nothing is dead."""
_BUSY = text("SELECT count(*) FROM replicas WHERE seen_at > extract(epoch FROM clock_timestamp()) - :seconds")


def downgrade(path: Path, url: str = "") -> tuple[str, str]:
    """The version that the store had, and the one before it, which it has now.

    The store is the PostgreSQL at `url`, else the file at `path`. Raises ConfigError where there is none, a
    bridge works on it, it is of a version that this kbtool does not know, or of the first.
    """
    where = "The store in PostgreSQL" if url else str(path)
    with _resting(path, url, where) as engine:
        try:
            with engine.begin() as connection:
                if url:
                    _refuse_if_busy(connection, where)
                was = migrate.version_of(connection)
                return was or "", migrate.step_back(connection, where)
        except SQLAlchemyError as error:
            raise ConfigError(f"{where}: not a bridge's store ({cause(error)})") from error


@contextmanager
def _resting(path: Path, url: str, where: str) -> Iterator[Engine]:
    """The store's engine, with nobody else on a file for as long as the block runs."""
    if url:
        require_postgres(url)
        from bridge.store.postgres import engine_of  # noqa: PLC0415 one of the two is needed

        engine = engine_of(url)
        try:
            yield engine
        finally:
            engine.dispose()
        return
    from bridge.store.sqlite import begin, configure, sole_owner  # noqa: PLC0415

    if not path.exists():
        raise ConfigError(f"{where}: there is no bridge store", hint="It is made by `kbtool bridge serve`.")
    with closing(sole_owner(path)):
        engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
        event.listen(engine, "connect", configure)
        event.listen(engine, "begin", begin)
        try:
            yield engine
        finally:
            engine.dispose()


def _refuse_if_busy(connection: Connection, where: str) -> None:
    from bridge.store.postgres import MIGRATING  # noqa: PLC0415

    connection.execute(MIGRATING)
    if connection.execute(_BUSY, {"seconds": ALIVE}).scalar_one():
        raise ConfigError(
            f"{where}: a bridge works on it, or did so {ALIVE:.0f} seconds ago",
            hint="Stop all bridges first; one that was killed counts for half a minute.",
        )
