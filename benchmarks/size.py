"""How large the installed environment is, without the extras for development.

    python -m benchmarks.size           (or: make bench)

Installs the checkout into a new environment as `make` does, runs the demo there once (which makes the byte
code of what is imported), and adds up the disk blocks of all files, as `du` does. The bound is 420 MB.
Needs the package index; takes about a minute.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections import Counter
from pathlib import Path

from benchmarks.result import ROOT, Finding, Line, told


def size(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def measure(given: argparse.Namespace) -> Finding:
    """One form: there is no shorter one."""
    del given
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pins.txt").write_text("\n".join(pins["constraint-dependencies"]), encoding="utf-8")
        venv.create(folder / "venv", with_pip=True)
        pip: list[str | Path] = [
            folder / "venv" / "bin" / "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-compile",
        ]
        subprocess.run([*pip, "-c", folder / "pins.txt", ROOT], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(
            [folder / "venv" / "bin" / "kbtool", "demo"], cwd=ROOT, check=True, capture_output=True
        )
        packages = Counter(
            {path.name: size(path) for path in (folder / "venv").glob("lib/*/site-packages/*")}
        )
        whole = size(folder / "venv")
    for name, part in packages.most_common(6):
        print(f"{name:<14} {part / 1e6:6.0f} MB")
    python = ".".join(map(str, sys.version_info[:2]))
    what = f"installed environment, after one demo (Python {python})"
    return Finding((Line(what, f"{whole / 1e6:.0f} MB", "420 MB"),))


def main() -> None:
    told(__doc__, measure, rounds=1)


if __name__ == "__main__":
    main()
