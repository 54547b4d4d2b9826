"""What the bridge's commands share: their options, and where the store is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kbtool.config import Settings

StoreFile = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="FILE|URL",
        help="The bridge's database, if not that of kb.toml or the environment.",
    ),
]
Account = Annotated[int, typer.Option(help="Chatwoot's account, where a number is in several.")]
IsMessage = Annotated[bool, typer.Option("--message", help="The number is a message's.")]
Number = Annotated[int, typer.Argument(metavar="CONVERSATION|MESSAGE", help="A number as Chatwoot shows it.")]
DATABASE_URL = "KBTOOL_DATABASE_URL"


def store_of(settings: Settings, store: str | None) -> tuple[Path, str]:
    """The store's file, and the PostgreSQL in its stead, "" none. `store` overrules the environment."""
    if store is None:
        return settings.resolve(settings.bridge.store), os.environ.get(DATABASE_URL, "")
    is_url = "://" in store
    return settings.resolve(settings.bridge.store if is_url else store), store if is_url else ""
