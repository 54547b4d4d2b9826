"""One at a time: a lock on a file that the system gives back when its holder dies, however it dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kbtool.errors import ConfigError, KbtoolError


@contextmanager
def only_one(path: Path, *, what: str, error: type[KbtoolError] = ConfigError) -> Iterator[None]:
    """Hold the lock at `path` for the time of the block.

    `what` is what must not run twice, in words. Raises `error` while another process holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _take(file.fileno()):
            file.seek(0)
            holder = file.read().strip()
            who = f" (process {holder})" if holder.isdigit() else ""
            raise error(f"{what} is running already{who}", hint="Wait for it, or stop it and start again.")
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        # The file stays: whoever removed it could remove the one that the next holder has just locked.


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
