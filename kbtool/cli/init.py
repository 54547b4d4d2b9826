"""`kbtool init`: a commented kb.toml to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kbtool.errors import ConfigError


def init(
    folder: Annotated[Path, typer.Argument(help="Where the knowledge base lives.")] = Path(),
) -> None:
    """Write a commented kb.toml."""
    from importlib.resources import files

    target = folder / "kb.toml"
    if target.exists():
        raise ConfigError(f"{target} is there already", hint="Remove it first if you want a fresh one.")
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(files("kbtool.cli").joinpath("kb.toml").read_text(encoding="utf-8"), encoding="utf-8")
    typer.echo(f"{target} written. Next: name your exports in it, then `kbtool chunk`.")
