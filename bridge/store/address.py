"""Whether an address is that of a PostgreSQL, and one that this installation can speak to."""

from __future__ import annotations

from importlib.util import find_spec

from kbtool.errors import ConfigError

SCHEMES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})


def require_postgres(address: str) -> None:
    """Raises ConfigError, without the address: it may hold a password."""
    scheme, found, _ = address.partition("://")
    if not found or scheme not in SCHEMES:
        shown = f"{scheme}://…" if found else "What is given as the store"
        raise ConfigError(
            f"{shown} is no address of a PostgreSQL",
            hint="It looks like postgresql://user@host/name; without it the bridge keeps a file.",
        )
    if find_spec("psycopg") is None:
        raise ConfigError(
            "psycopg is not installed, and a store in PostgreSQL needs it",
            hint="Install kbtool with its extra `postgres`: pipx install --force 'kbtool-….whl[postgres]'.",
        )
