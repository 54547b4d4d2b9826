"""The faults in force in one engine. They are used up here, so this is the only part of them that changes."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from kbtool.embedded.fault_kinds import (
    CannedAnswer,
    Cut,
    FailingEmbedding,
    FailingModel,
    Fault,
    HalfEmbedded,
    KnowledgeLimit,
    Latency,
    MissingRoute,
    NoWorker,
    OldModelKept,
    SlowEmbedding,
    SlowIndexing,
    SlowModel,
)

OnTheWay = TypeVar("OnTheWay", CannedAnswer, Latency, Cut)
Kind = TypeVar("Kind", bound=Fault)

_LIMITED = re.compile(
    r"POST .*/datasets$|(?:PATCH|DELETE) .*/datasets/[^/]+$|POST .*/(?:retrieve|hit-testing)$|"
    r"POST .*/document/create|POST .*/update[-_]by|DELETE .*/documents/[^/]+$|"
    r"(?:POST|PATCH|DELETE) .*/segments\b|(?:POST|PATCH|DELETE) .*/metadata\b"
)


class EmbeddingFailed(Exception):
    """The provider refused; the text is its own. It ends in `document.error` or a 400, never in a 5xx."""


class Faults:
    """The faults in force. `inject` adds one at any time."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = list(faults)
        self._counted: deque[float] = deque()

    def inject(self, *faults: Fault) -> None:
        self._faults += faults

    def withdraw(self, *faults: Fault) -> None:
        """Take back what was injected, where it is not used up."""
        self._faults = [fault for fault in self._faults if all(fault is not one for one in faults)]

    def canned_answer(self, method: str, path: str) -> CannedAnswer | None:
        """The answer to give instead of the real one, used up by one."""
        return self._on_the_way(CannedAnswer, method, path)

    def latency(self, method: str, path: str) -> float:
        slow = self._on_the_way(Latency, method, path)
        return slow.seconds if slow else 0.0

    def cut(self, method: str, path: str) -> Cut | None:
        return self._on_the_way(Cut, method, path)

    def missing_route(self, method: str, path: str) -> MissingRoute | None:
        missing = self._of(MissingRoute)
        return next((m for m in missing if m.method == method and re.fullmatch(m.path, path)), None)

    def is_over_limit(self, method: str, path: str) -> bool:
        """Whether this request is one too many for the knowledge limit; what passes is counted."""
        limit = next(iter(self._of(KnowledgeLimit)), None)
        if limit is None or not _LIMITED.match(f"{method} {path}"):
            return False
        now = time.monotonic()
        while self._counted and self._counted[0] <= now - limit.seconds:
            self._counted.popleft()
        if len(self._counted) >= limit.requests:
            return True
        self._counted.append(now)
        return False

    def embedding_error(self, texts: Sequence[str]) -> str | None:
        """The provider's message if one of `texts` cannot be embedded."""
        failing = [fault for fault in self._of(FailingEmbedding) if any(fault.marker in t for t in texts)]
        if not failing:
            return None
        self._use_up(failing[0])
        return failing[0].message

    def embedding_seconds(self, texts: Iterable[str]) -> float:
        slow = self._of(SlowEmbedding)
        return sum(fault.seconds for text in texts for fault in slow if fault.marker in text)

    def indexing_seconds(self) -> float:
        return sum(fault.seconds for fault in self._of(SlowIndexing))

    def has_no_worker(self) -> bool:
        return bool(self._of(NoWorker))

    def half_embedded(self) -> int | None:
        """After how many documents a change of model stops."""
        return next((fault.documents for fault in self._of(HalfEmbedded)), None)

    def old_model_kept(self) -> OldModelKept | None:
        return next(iter(self._of(OldModelKept)), None)

    def failing_model(self, query: str) -> FailingModel | None:
        return next((fault for fault in self._of(FailingModel) if fault.marker in query), None)

    def slow_model(self, query: str) -> SlowModel:
        slow = (fault for fault in self._of(SlowModel) if fault.marker in query)
        return next(slow, SlowModel(""))

    def _of(self, kind: type[Kind]) -> list[Kind]:
        return [fault for fault in self._faults if isinstance(fault, kind)]

    def _on_the_way(self, kind: type[OnTheWay], method: str, path: str) -> OnTheWay | None:
        for fault in self._of(kind):
            if fault.path in path and fault.method in ("", method):
                self._use_up(fault)
                return fault
        return None

    def _use_up(self, fault: CannedAnswer | Latency | Cut | FailingEmbedding) -> None:
        at = next(at for at, known in enumerate(self._faults) if known is fault)
        if fault.times > 1:
            self._faults[at] = replace(fault, times=fault.times - 1)
        elif fault.times == 1:
            del self._faults[at]
