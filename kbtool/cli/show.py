"""What people see while they wait: a bar on a terminal, plain lines elsewhere. Always on stderr."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from kbtool.errors import Exit

if TYPE_CHECKING:
    from kbtool.sync.waiting import Progress

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
    "judge": "Judging",
    "embed": "Embedding",
}
_DONE = {"send": "sent", "verify": "read back", "delete": "deleted"}
SECONDS_BETWEEN_LINES = 10.0


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
    """What a log should hold: a line when a step begins and ends, and now and then one with the time left."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._steps: dict[str, tuple[float, int]] = {}
        self._shown: dict[str, float] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        now = self._now()
        started, first = self._steps.setdefault(what, (now, done))
        is_new, is_last = what not in self._shown, done >= total
        if self._shown.get(what) == math.inf or not (
            is_new or is_last or now - self._shown[what] >= SECONDS_BETWEEN_LINES
        ):
            return
        self._shown[what] = math.inf if is_last else now
        rate = (done - first) / (now - started) if now > started else 0.0
        left = (
            f", {rate:.1f}/s, {(total - done) / rate:.0f} s left" if rate and not (is_new or is_last) else ""
        )
        sys.stderr.write(f"{_WORDS.get(what, what)} {done}/{total}{left}\n")


class Seen:
    """Remembers what a progress was told, for the last line of a command that is interrupted."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, int]] = {}

    def also(self, progress: Progress) -> Progress:
        def tell(what: str, done: int, total: int) -> None:
            self._last[what] = (done, total)
            progress(what, done, total)

        return tell

    @property
    def words(self) -> str:
        """`12 of 40 sent, 8 of 40 read back`."""
        said = [
            f"{self._last[what][0]} of {self._last[what][1]} {word}"
            for what, word in _DONE.items()
            if what in self._last
        ]
        return ", ".join(said) or "nothing was sent yet"


def number(count: int, one: str, many: str = "") -> str:
    """`1 page`, `12 pages`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def is_confirmed(question: str) -> bool:
    """A person's yes. Where nobody can be asked, the command ends and names --yes."""
    if not sys.stdin.isatty():
        sys.stderr.write("error: not applied, since nobody can be asked here\n  Add --yes to apply it.\n")
        raise typer.Exit(Exit.USAGE)
    return typer.confirm(question)
