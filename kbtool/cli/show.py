"""What people see while they wait: a bar on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kbtool.sync.apply import Progress

_WORDS = {
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
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            tasks = {}

            def show(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(_WORDS.get(what, what), total=total)
                bars.update(tasks[what], completed=done, total=total)

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
