"""What people see while they wait: a bar on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kbtool.sync.apply import Progress

_REDRAW = 0.1  # seconds
_WORDS = {
    "look": "Reading",
    "prepare": "Cleaning",
    "wait": "Waiting",
    "send": "Sending",
    "index": "Indexing",
    "verify": "Reading back",
    "delete": "Deleting",
    "ask": "Asking",
}


@contextmanager
def progress(*, is_quiet: bool = False) -> Iterator[Progress]:
    """A progress callback for the time of the block, with rate and time left on a terminal."""
    if is_quiet:
        yield _nothing
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description:<13}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>9}"),
            TimeRemainingColumn(),
        )
        # Drawn here and not by a thread of its own: processes can be forked while there is only one thread.
        with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bars:
            tasks = {}
            drawn = 0.0

            def show(what: str, done: int, total: int) -> None:
                nonlocal drawn
                if what not in tasks:
                    tasks[what] = bars.add_task(_WORDS.get(what, what), total=total, rate="")
                speed = bars.tasks[bars.task_ids.index(tasks[what])].speed
                bars.update(tasks[what], completed=done, total=total, rate=f"{speed:,.0f}/s" if speed else "")
                if done >= total or time.monotonic() - drawn >= _REDRAW:
                    drawn = time.monotonic()
                    bars.refresh()

            yield show


def _nothing(what: str, done: int, total: int) -> None:
    """No progress shown."""


class _Lines:
    """A line at the start and at the end of each step: what a log should hold."""

    def __init__(self) -> None:
        self._shown: set[tuple[str, bool]] = set()

    def __call__(self, what: str, done: int, total: int) -> None:
        state = (what, done >= total)
        if state not in self._shown and (done >= total or done <= 1):
            self._shown.add(state)
            sys.stderr.write(f"{_WORDS.get(what, what)} {done}/{total}\n")


def number(count: int, one: str, many: str = "") -> str:
    """`1 page`, `12 pages`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
