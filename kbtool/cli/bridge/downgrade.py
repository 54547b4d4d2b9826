"""`kbtool bridge downgrade`: the store one version back, for the kbtool of before."""

from __future__ import annotations

import typer

from kbtool.cli.bridge.options import StoreFile, store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config


def downgrade(store: StoreFile = None, config: Config = DEFAULT_CONFIG) -> None:
    """Take the bridge's store one version back, before an older kbtool is installed.

    Stop the bridge first, and keep a copy (kbtool bridge backup). Messages, decisions and what waits stay;
    what only the newer version kept is lost. `kbtool --version` says which version a kbtool works with; this
    one would bring the store forward again at its next start.
    """
    from bridge.store.downgrade import downgrade as step_back
    from kbtool.config import load

    path, database = store_of(load(config), store)
    was, now = step_back(path, database)
    where = "The store in PostgreSQL" if database else path
    typer.echo(f"{where}: version {now}, it was {was}. Next: install the kbtool that works with {now}.")
