"""One ingest of a project at a time on one machine. The lock dies with its process, however it dies.

Between machines Dify has nothing to lock with; there, two runs meet the same plan and the same names, and
end with one copy of each page (`apply.py`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kbtool.errors import PlanError


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold the lock at `path` for the time of the block. Raises PlanError when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read(20).strip()
            raise PlanError(
                f"Another ingest of this project is at work (process {holder or 'unknown'})",
                hint="Wait until it is done; then this one will find little or nothing to do.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
