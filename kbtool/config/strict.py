"""What all tables of kb.toml have in common, and how their complaints are worded."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of kb.toml: frozen, and a key that it does not know is an error.

    What stands in quotes below a key is its meaning in docs/reference/configuration.md.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def lowered(message: str) -> str:
    """As it stands behind a colon."""
    return message[:1].lower() + message[1:]


def shown(value: Any) -> str:
    """As a message shows it: without what stands before an `@`, which may be a password."""
    return re.sub(r"(?<=//).*@|[^\s'\"/]+@", "…@", repr(value))[:60]
