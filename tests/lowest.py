"""Pins for pip: of each dependency in pyproject.toml the oldest version that it admits, for `make lowest`.

What the dependencies themselves depend on is left to pip. Run by a Python that has nothing installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
_BOUNDED = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)(?:; .+)?")


def lowest(project: Path = PROJECT) -> Iterator[tuple[str, str]]:
    """Each dependency of the project and of its extras, with the version that it begins at."""
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    for requirement in chain(table["dependencies"], *table["optional-dependencies"].values()):
        bounded = _BOUNDED.fullmatch(requirement)
        if bounded is None:
            raise SystemExit(f"pyproject.toml: {requirement} has no lower bound; say name>=version")
        yield bounded[1], bounded[2]


if __name__ == "__main__":
    for name, version in lowest():
        sys.stdout.write(f"{name}=={version}\n")
