"""Brings a store to this version's schema when it is opened, and one step back when that is asked for.

alembic takes the steps (docs/decisions/0008-migrations.md). A store of the first release has none of its
marks; SQLite's own version number tells that it is one.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect

from kbtool.errors import ConfigError

FIRST = "1"


def upgrade(connection: Connection, where: str) -> None:
    """All steps forward, in the connection's transaction. `where` names the store in errors."""
    config = _config(connection)
    if version_of(connection) is None and inspect(connection).has_table("deliveries"):
        command.stamp(config, FIRST)
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigError(
            f"{where}: written by a newer kbtool (store version {version_of(connection)}, this one knows"
            f" {newest()})",
            hint="Install that version again, or bring the store back with it: kbtool bridge downgrade.",
        ) from error


def step_back(connection: Connection, where: str = "the store") -> str:
    """To the version before, for an older kbtool; the version that it is then.

    Raises ConfigError where there is nothing before it, or where only another kbtool knows what was.
    """
    version, known = version_of(connection), _versions()
    if version not in known:
        raise ConfigError(
            f"{where}: of store version {version or 'unknown'}, and this kbtool knows {FIRST} to {newest()}",
            hint="The kbtool that wrote it can bring it back; its own `kbtool --version` says what it knows.",
        )
    if version == FIRST:
        raise ConfigError(f"{where}: there is no version before the first", hint="It was left as it is.")
    command.downgrade(_config(connection), "-1")
    return version_of(connection) or ""


def version_of(connection: Connection) -> str | None:
    """The store's version; None where alembic has not been at it."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The version that this kbtool works with."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def _versions() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(_config(None))
    return frozenset(script.revision for script in scripts.walk_revisions())


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", "bridge.store:migrations")
    config.attributes["connection"] = connection
    return config
