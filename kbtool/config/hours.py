"""When people are there: lines such as `mon-fri 09:00-17:30` in a time zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LINE = re.compile(r"(\w{3})(?:-(\w{3}))?\s+(\d\d:\d\d)-(\d\d:\d\d)")
_ALL_DAY = "24:00"


@dataclass(frozen=True, slots=True)
class Span:
    """From `opens` until just before `closes` on the weekday (0 is Monday). Midnight at the end is 0:00."""

    day: int
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Hours:
    """A week's spans in a zone. Without any, somebody is always there."""

    spans: tuple[Span, ...] = ()
    zone: str = "UTC"

    @classmethod
    def parse(cls, lines: Iterable[str], zone: str) -> Hours:
        """Raises ValueError with a sentence about the line, or the zone, that is none."""
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is no time zone, such as Europe/Berlin") from error
        spans = [span for line in lines for span in _spans(line)]
        return cls(tuple(sorted(spans, key=lambda span: (span.day, span.opens))), zone)

    def is_open(self, now: float) -> bool:
        """Whether somebody is there at `now`, seconds since 1970."""
        if not self.spans:
            return True
        here = datetime.fromtimestamp(now, ZoneInfo(self.zone))
        return any(
            span.day == here.weekday() and span.opens <= here.time() and _ends_after(span, here.time())
            for span in self.spans
        )

    def next_opening(self, now: float) -> datetime | None:
        """When somebody will be there next, in the zone's own time; None where somebody is there now.

        A time that the clock leaps over in spring is the one an hour later.
        """
        if self.is_open(now):
            return None
        zone = ZoneInfo(self.zone)
        today = datetime.fromtimestamp(now, zone).date()
        found: list[datetime] = []
        for ahead in range(8):
            day = today + timedelta(days=ahead)
            opens = [
                datetime.combine(day, span.opens, zone) for span in self.spans if span.day == day.weekday()
            ]
            found += [at for at in opens if at.timestamp() > now]
        first = min(found, key=datetime.timestamp)
        return first.astimezone(UTC).astimezone(zone)


ALWAYS = Hours()


def _ends_after(span: Span, here: time) -> bool:
    return span.closes == time(0) or here < span.closes


def _spans(line: str) -> list[Span]:
    parts = _LINE.fullmatch(line.strip().casefold())
    wanted = f"{line!r}: should be like mon-fri 09:00-17:30"
    if parts is None:
        raise ValueError(wanted)
    first, last, opens, closes = parts[1], parts[2] or parts[1], parts[3], parts[4]
    if first not in DAYS or last not in DAYS:
        raise ValueError(f"{line!r}: the days are {', '.join(DAYS)}")
    try:
        begin = time.fromisoformat(opens)
        end = time(0) if closes == _ALL_DAY else time.fromisoformat(closes)
    except ValueError as error:
        raise ValueError(wanted) from error
    if end != time(0) and end <= begin:
        raise ValueError(f"{line!r}: ends before it begins; a night is two lines, the first until 24:00")
    if closes != _ALL_DAY and end == time(0):
        raise ValueError(f"{line!r}: the end of a day is 24:00")
    number = DAYS.index(first)
    count = (DAYS.index(last) - number) % 7 + 1
    return [Span((number + more) % 7, begin, end) for more in range(count)]
