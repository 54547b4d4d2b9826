"""`kbtool bridge backup`: a copy of the store while the bridge runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kbtool.cli.bridge.options import StoreFile, store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config
from kbtool.errors import ConfigError


def backup(
    target: Annotated[Path, typer.Argument(help="The file to make.")],
    store: StoreFile = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Copy the bridge's SQLite store to a file while the bridge works on it, whole and checked or not at all.

    To go back: stop the bridge, put the copy where the store was (without the files `-wal` and `-shm` beside
    it), start the bridge. It goes on with what was open then.
    """
    from bridge.store.backup import back_up
    from kbtool.config import load

    path, database = store_of(load(config), store)
    if database:
        raise ConfigError(
            "The store is a PostgreSQL (KBTOOL_DATABASE_URL), which has its own tools",
            hint='Run: pg_dump --format=custom --file=bridge.dump "$KBTOOL_DATABASE_URL"',
        )
    size = back_up(path, target)
    typer.echo(
        f"{target}: {size / 1e6:.1f} MB, checked. It holds what customers wrote: keep it as the store."
    )
