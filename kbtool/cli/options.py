"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path, typer.Option("--config", "-c", help="The project's kb.toml.", envvar="KBTOOL_CONFIG")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
DEFAULT_CONFIG = Path("kb.toml")
