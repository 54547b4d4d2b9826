"""What a command costs: seconds from start to exit, and the peak memory of it and of each of its children.

The kernel keeps every process's own high-water mark (VmHWM in /proc, Linux only). It is read every 20 ms, so
what a process takes in its last 20 ms may be missed; pages that a child shares with its parent count in both.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_STEP = 0.02
_PEAK = re.compile(rb"^VmHWM:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the wall and by the processors (children included), and peak bytes of each process."""

    wall: float
    cpu: float
    peaks: tuple[int, ...]
    output: bytes

    @property
    def largest(self) -> int:
        return max(self.peaks, default=0)


def run(command: Sequence[str | Path], *, cwd: Path, output: Path | None = None, give: bytes = b"") -> Cost:
    """Run the command to its end; its output goes to a file, or is handed back. Exit code 0 is asked for."""
    peaks: dict[int, int] = {}
    before = os.times()
    started = time.perf_counter()
    with (
        (output or Path(os.devnull)).open("wb") as file,
        subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=file if output else subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        said = b""
        sent = give
        while True:
            try:
                said, _ = process.communicate(sent or None, timeout=_STEP)
            except subprocess.TimeoutExpired:
                sent = b""
                for pid in _family(process.pid):
                    peaks[pid] = max(peaks.get(pid, 0), _peak(pid))
            else:
                break
    wall = time.perf_counter() - started
    after = os.times()
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit code {process.returncode}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(wall, cpu, tuple(sorted(peaks.values(), reverse=True)), said or b"")


def _family(root: int) -> list[int]:
    """The process and everything that it started, asked of the kernel process by process: it costs little."""
    found = [root]
    for pid in found:
        try:
            for task in os.scandir(f"/proc/{pid}/task"):
                found += map(int, Path(task.path, "children").read_bytes().split())
        except OSError:  # it ended meanwhile
            continue
    return found


def _peak(pid: int) -> int:
    try:
        status = Path("/proc", str(pid), "status").read_bytes()
    except OSError:
        return 0
    found = _PEAK.search(status)
    return int(found[1]) * 1024 if found else 0
