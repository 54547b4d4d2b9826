"""A copy of a bridge's store while the bridge works on it, whole or not at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from kbtool.errors import ConfigError, Unavailable

PAGES = 256
"""Pages (4 KiB each) copied at a time: the bridge writes in between."""
PAUSE = 0.005


def back_up(store: Path, target: Path) -> int:
    """Copy the SQLite `store` to `target`; how many bytes that is.

    The copy is of one moment, that of its end: SQLite copies again what is written meanwhile. It is checked
    (`PRAGMA integrity_check`), put on the disk and only then given its name, readable for its owner only.
    Raises ConfigError where there is no store or the target is taken, Unavailable where the copy cannot be
    written or is not sound.
    """
    if not store.exists():
        raise ConfigError(f"{store}: there is no bridge store", hint="It is made by `kbtool bridge serve`.")
    if target.exists():
        raise ConfigError(f"{target} is there already", hint="Give the copy another name.")
    partial = target.with_name(f"{target.name}.partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o600))
        _copy(store, partial)
        size = _on_the_disk(partial)
        partial.rename(target)
    except OSError as error:
        raise Unavailable(f"{target}: cannot be written ({error.strerror})") from error
    except sqlite3.Error as error:
        raise Unavailable(
            f"{target}: the copy failed ({error})", hint="Is the disk full? The store itself is as it was."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return size


def _copy(store: Path, partial: Path) -> None:
    source = sqlite3.connect(f"file:{store.absolute().as_posix()}?mode=ro", uri=True, timeout=10.0)
    with closing(source), closing(sqlite3.connect(partial)) as copy:
        source.backup(copy, pages=PAGES, sleep=PAUSE)
        # One file, without the write-ahead log that the store itself has beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
        (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise Unavailable(f"{store}: its copy is not sound ({found})")


def _on_the_disk(path: Path) -> int:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size
