"""Environments of the peers: one for each set of packages, made once and kept in a cache folder."""

from __future__ import annotations

import re
import subprocess
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool of others. `splits` and `converts` name its adapters, "" where it has none."""

    name: str
    packages: tuple[str, ...]
    splits: str = ""
    converts: str = ""

    @property
    def version(self) -> str:
        return self.packages[0].partition("==")[2]

    def python(self, cache: Path) -> Path:
        return cache / "peers" / re.sub(r"\W+", "-", "_".join(self.packages)) / "bin" / "python"


def peers() -> tuple[Peer, ...]:
    """All peers of peers.toml."""
    listed: list[dict[str, Any]] = tomllib.loads((HERE / "peers.toml").read_text(encoding="utf-8"))["peer"]
    return tuple(Peer(**{**peer, "packages": tuple(peer["packages"])}) for peer in listed)


def install(peer: Peer, cache: Path) -> str:
    """Make the peer's environment if it is not there; returns pip's complaint, or "" when it stands."""
    python = peer.python(cache)
    done = python.parent.parent / "installed"
    if done.exists():
        return ""
    venv.create(python.parent.parent, with_pip=True, clear=True)
    pip = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if pip.returncode:
        return (pip.stderr.strip().splitlines() or ["pip failed"])[-1]
    done.touch()
    return ""
