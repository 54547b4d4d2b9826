"""How long `kbtool --help` takes beside a bare typer application with as many commands.

    python benchmarks/startup.py        (or: make bench)

Both run in turn, as whole processes of this interpreter; medians of 25 interleaved rounds and their spread.
The issue's bound is 1.3.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 25
# Byte code is cached, as it is wherever the program is installed.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
BARE = '''
import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
for name in ("demo", "init", "clean", "chunk", "ingest", "tune", "golden", "eval", "embedded"):
    def command(config: str = "kb.toml", as_json: bool = False) -> None:
        """A command."""
    app.command(name)(command)
app()
'''


def seconds(command: list[str], folder: Path) -> float:
    started = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True, env=ENVIRONMENT)
    elapsed = time.perf_counter() - started
    if b"Usage" not in done.stdout:
        raise SystemExit(f"{command} did not show its help")
    return elapsed


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bare.py").write_text(BARE, encoding="utf-8")
        ours = [sys.executable, "-c", "from kbtool.cli import main; main()", "--help"]
        bare = [sys.executable, "bare.py", "--help"]
        seconds(ours, folder), seconds(bare, folder)  # warm the byte-code caches
        times = [(seconds(ours, folder), seconds(bare, folder)) for _ in range(ROUNDS)]
    for label, values in zip(("kbtool --help", "bare typer"), zip(*times, strict=True), strict=True):
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{label:<14} {middle * 1000:6.0f} ms  ({low * 1000:.0f} to {high * 1000:.0f})")
    ratios = sorted(a / b for a, b in times)
    middle = statistics.median(ratios)
    print(f"ratio          {middle:6.2f}     ({ratios[0]:.2f} to {ratios[-1]:.2f}), bound 1.3")


if __name__ == "__main__":
    main()
