"""How long a turn waits for more of what its customer writes. Pure but for the clocks that it is given.

The app is asked at once. What it answers is posted `quiet` seconds after the customer's last message, so that
a burst gets one answer; after `longest` seconds nothing more is waited for. With `quiet` 0 nothing waits, and
every message is answered on its own. Waiting is measured by the monotonic clock, which does not jump.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.settings import Patience
from bridge.tables.turns import Work


@dataclass(frozen=True, slots=True)
class Burst:
    """When the post may go out, and when nothing more is added; by the monotonic clock."""

    posts_at: float
    ends_at: float

    @classmethod
    def of(cls, work: Work, patience: Patience, now: float, monotonic_now: float) -> Burst:
        """For the first messages of a turn. `now` is the wall clock's, as `work.last_at` is."""
        ends_at = monotonic_now + _left(work.first_at, patience.longest_burst, now)
        return cls(min(ends_at, monotonic_now + _left(work.last_at, patience.quiet, now)), ends_at)

    def grown(self, work: Work, patience: Patience, now: float, monotonic_now: float) -> Burst:
        """After more was added."""
        return Burst(
            min(self.ends_at, monotonic_now + _left(work.last_at, patience.quiet, now)), self.ends_at
        )


def _left(since: float, seconds: float, now: float) -> float:
    """What is left of them, whatever the wall clock did meanwhile."""
    return max(0.0, min(seconds, since + seconds - now))
