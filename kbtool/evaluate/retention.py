"""Which runs may go. Pure: names and dates in, names out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Kept:
    """A run on disk; `started` has its time zone."""

    run_id: str
    started: datetime


def expired(runs: Sequence[Kept], *, now: datetime, weeks: int, pinned: Collection[str]) -> tuple[str, ...]:
    """Ids of the runs older than so many weeks, oldest first.

    Never a pinned run, which later ones answer to, nor the newest, which an idle project would otherwise
    lose; and none from the future, since then the clock is wrong and not the run.
    """
    oldest = now - timedelta(weeks=weeks)
    newest = max((run.started for run in runs), default=now)
    return tuple(
        run.run_id
        for run in sorted(runs, key=lambda run: (run.started, run.run_id))
        if run.started < oldest and run.run_id not in pinned and run.started != newest
    )
