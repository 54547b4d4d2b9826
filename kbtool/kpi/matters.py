"""Rows cut into matters: a customer's one concern, which is what figures count.

Chatwoot's conversation is no such unit: the web widget goes on with the same one for years, WhatsApp begins a
new one after each closing (contract §4.4). A matter begins with a customer's message and ends when the
conversation is closed, or with `QUIET` hours of silence: nothing ever closes a conversation that the AI alone
has answered (bridge rule 30), so silence is how most of them end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from kbtool.handoff import Action
from kbtool.kpi.rows import By, Closed, Conversation, Decided, Rated, Rows, Said

QUIET = 24 * 3600.0
"""Seconds of silence that end a matter, and within which a contact who writes again has come back."""
Returns = Mapping[tuple[Conversation, int], bool | None]
_OfOne = TypeVar("_OfOne", Closed, Rated)
TAKEN_OVER = "taken_over"
"""The reason of a handoff that is none: a person had the conversation already."""


@dataclass(frozen=True, slots=True)
class Matter:
    """`said` is in order and begins with the customer's message. `closed_at` is None where silence ended it.

    `decided` are the AI's decisions in it, `ratings` what the customer gave for it.
    """

    conversation: Conversation
    said: tuple[Said, ...]
    closed_at: float | None = None
    decided: tuple[Decided, ...] = ()
    ratings: tuple[int, ...] = ()
    contact: int = 0

    @property
    def key(self) -> tuple[Conversation, int]:
        return self.conversation, self.said[0].id

    @property
    def begun(self) -> float:
        return self.said[0].at

    @property
    def ended(self) -> float:
        """When it was closed, or when the last word was said."""
        return self.said[-1].at if self.closed_at is None else self.closed_at

    @property
    def handoff(self) -> Decided | None:
        """The first."""
        handed = (d for d in self.decided if d.action == Action.HANDOFF and d.reason != TAKEN_OVER)
        return next(handed, None)

    @property
    def has_person(self) -> bool:
        return any(one.by is By.PERSON for one in self.said)

    @property
    def is_ai_alone(self) -> bool:
        """The AI answered, nobody else did, nothing was handed off. A draft that nobody sent is no answer."""
        replied = any(one.action == Action.REPLY for one in self.decided)
        answered = any(one.by is By.AI for one in self.said)
        return replied and answered and not self.has_person and self.handoff is None

    @property
    def is_small_talk(self) -> bool:
        """A greeting or thanks, and nothing asked."""
        talk = all(one.action == Action.SMALLTALK for one in self.decided)
        return bool(self.decided) and talk and not self.has_person

    def first(self, by: By, after: float) -> float | None:
        """When that side first spoke, not before that time."""
        return next((one.at for one in self.said if one.by is by and one.at >= after), None)

    def at_of(self, message: int) -> float | None:
        return next((one.at for one in self.said if one.id == message), None)


def matters(rows: Rows) -> list[Matter]:
    """All matters of the rows, by their begin."""
    said = sorted({one.id: one for one in rows.said}.values(), key=lambda one: (one.conversation, one.id))
    closings = _by_conversation(rows.closed)
    decided = {one.message: one for one in rows.decided}
    ratings = _by_conversation(rows.rated)
    found = [
        matter
        for conversation, own in groupby(said, key=attrgetter("conversation"))
        for matter in _of_conversation(
            conversation, list(own), closings.get(conversation, ()), decided, ratings.get(conversation, ())
        )
    ]
    return sorted(found, key=lambda matter: (matter.begun, matter.conversation))


def _of_conversation(
    conversation: Conversation,
    said: Sequence[Said],
    closings: Sequence[Closed],
    decided: Mapping[int, Decided],
    ratings: Sequence[Rated],
) -> list[Matter]:
    times = sorted(one.at for one in closings)
    parts: list[list[Said]] = []
    for one in said:
        is_over = not parts or _is_over(parts[-1][-1].at, one.at, times)
        if is_over and one.by is By.CUSTOMER:
            parts.append([one])
        elif not is_over:  # what people say behind the end is of no matter
            parts[-1].append(one)
    begins = [part[0].at for part in parts]
    given: dict[int, list[int]] = {}
    for rated in ratings:
        given.setdefault(bisect_right(begins, rated.at) - 1, []).append(rated.rating)
    return [
        Matter(
            conversation,
            tuple(part),
            _closing(part[-1].at, begins[number + 1 : number + 2], times),
            tuple(decided[one.id] for one in part if one.id in decided),
            tuple(given.get(number, ())),
            next((one.contact for one in part if one.by is By.CUSTOMER and one.contact > 0), 0),
        )
        for number, part in enumerate(parts)
    ]


def _is_over(last: float, at: float, times: Sequence[float]) -> bool:
    """Whether what is said `at` is no more of the matter whose last word was said at `last`."""
    return bisect_left(times, at) > bisect_left(times, last) or at - last > QUIET


def _closing(last: float, following: Sequence[float], times: Sequence[float]) -> float | None:
    """When it was closed: not before its last word, nor behind the next matter's first."""
    at = bisect_left(times, last)
    if at == len(times) or times[at] - last > QUIET or (following and times[at] > following[0]):
        return None
    return times[at]


def returns(found: Sequence[Matter]) -> Returns:
    """For each matter, by its key, whether its contact came back within `QUIET` seconds of its end, in
    whatever conversation; None where nobody knows who the contact is. Thanks alone are no coming back.
    """
    begins: dict[tuple[int, int], list[float]] = {}
    for matter in found:
        if not matter.is_small_talk:
            begins.setdefault((matter.conversation[0], matter.contact), []).append(matter.begun)
    for times in begins.values():
        times.sort()
    return {matter.key: _returned(matter, begins) for matter in found}


def _returned(matter: Matter, begins: Mapping[tuple[int, int], Sequence[float]]) -> bool | None:
    if matter.contact <= 0:
        return None
    times = begins.get((matter.conversation[0], matter.contact), ())
    at = bisect_right(times, max(matter.ended, matter.begun))
    return at < len(times) and times[at] - matter.ended <= QUIET


def _by_conversation(rows: Iterable[_OfOne]) -> dict[Conversation, list[_OfOne]]:
    found: dict[Conversation, list[_OfOne]] = {}
    for row in rows:
        found.setdefault(row.conversation, []).append(row)
    return found
