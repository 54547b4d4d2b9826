"""How many questions a contact, and an inbox, may put to the AI within an hour: a flood costs no tokens.

Counted is what is really asked, in memory, over the last hour at any moment. Each bridge counts for itself,
and begins anew with its process: what holds across bridges and restarts is the route's monthly budget.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.settings import Limits

HOUR = 3600.0
_TIDY_EVERY = 1000
_Key = tuple[str, int, int]


@dataclass(slots=True)
class Rate:
    """`clock` is the monotonic one, in seconds; an argument, so that tests need not wait."""

    clock: Callable[[], float] = time.monotonic
    _asked: dict[_Key, deque[float]] = field(default_factory=dict)
    _since_tidied: int = 0

    def admit(self, limits: Limits, account: int, contact: int, inbox: int) -> str:
        """Count one question, "" where it may be asked; else whose limit is reached, in words.

        0 is a contact or an inbox that is not known, which only the other limit holds for.
        """
        now = self.clock()
        wanted = {
            ("contact", account, contact): limits.contact if contact > 0 else 0,
            ("inbox", account, inbox): limits.inbox if inbox > 0 else 0,
        }
        bounded = {key: limit for key, limit in wanted.items() if limit}
        for key, limit in bounded.items():
            if self._count(key, now) >= limit:
                return f"{key[0]} {key[2]}: {limit} questions in an hour"
        for key in bounded:
            self._asked.setdefault(key, deque()).append(now)
        self._tidy(now)
        return ""

    def _count(self, key: _Key, now: float) -> int:
        asked = self._asked.get(key)
        if asked is None:
            return 0
        while asked and asked[0] <= now - HOUR:
            asked.popleft()
        return len(asked)

    def _tidy(self, now: float) -> None:
        """Forget who has asked nothing for an hour: contacts are many."""
        self._since_tidied += 1
        if self._since_tidied < _TIDY_EVERY:
            return
        self._since_tidied = 0
        for key in [key for key in self._asked if not self._count(key, now)]:
            del self._asked[key]
