"""How long `kbtool --help` takes beside a bare typer application with as many commands in as many groups.

    python -m benchmarks.startup        (or: make bench)

Both run in turn, as whole processes of this interpreter, and both must show their help; medians of 25
interleaved rounds and their spread. The bound is 1.3.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from benchmarks.result import Finding, Line, spread, told
from kbtool.cli import app

# Byte code is cached, as it is wherever the program is installed.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
BARE = '''
import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
groups = {}
for name in %r:
    def command(config: str = "kb.toml", as_json: bool = False) -> None:
        """A command."""
    *path, last = name.split()
    group = app
    for at in range(len(path)):
        if tuple(path[: at + 1]) not in groups:
            groups[tuple(path[: at + 1])] = typer.Typer()
            group.add_typer(groups[tuple(path[: at + 1])], name=path[at])
        group = groups[tuple(path[: at + 1])]
    group.command(last)(command)
app()
'''


def commands() -> list[str]:
    """Of kbtool, each by its whole name."""

    def walk(command: Any, *names: str) -> Iterator[str]:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                yield from walk(inner, *names, name)
        else:
            yield " ".join(names)

    return list(walk(typer.main.get_command(app)))


def seconds(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True, env=ENVIRONMENT)
    elapsed = time.perf_counter() - started
    if b"Usage" not in done.stdout:
        raise SystemExit(f"{command} did not show its help")
    return elapsed


def measure(given: argparse.Namespace) -> Finding:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare.py").write_text(BARE % (commands(),), encoding="utf-8")
        ours = [sys.executable, "-c", "from kbtool.cli import main; main()", "--help"]
        bare = [sys.executable, "bare.py", "--help"]
        seconds(ours, folder), seconds(bare, folder)  # warm the byte-code caches
        rounds = 2 if given.short else given.rounds
        times = [(seconds(ours, folder), seconds(bare, folder)) for _ in range(rounds)]
    for label, values in zip(("kbtool --help", "bare typer"), zip(*times, strict=True), strict=True):
        print(f"{label:<14} {spread([1000 * value for value in values], 0)} ms")
    ratio = spread([a / b for a, b in times], 2, " ×")
    return Finding((Line("`kbtool --help` beside a bare typer application", ratio, "1.3 ×"),))


def main() -> None:
    told(__doc__, measure, rounds=25)


if __name__ == "__main__":
    main()
