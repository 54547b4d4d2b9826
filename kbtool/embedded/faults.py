"""Faults by configuration: tests of a client ask for them, the engine itself never has any.

One `Faults` belongs to one engine; it counts down canned answers, so it is the only part that changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kbtool.embedded.settings import (
    CannedAnswer,
    FailingEmbedding,
    FailingModel,
    Fault,
    SlowEmbedding,
    SlowIndexing,
    SlowModel,
)


class EmbeddingFailed(Exception):
    """The provider refused; the text is its own. It ends in `document.error` or a 400, never in a 5xx."""


class Faults:
    """The faults in force. `inject` adds one at any time."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = list(faults)

    def inject(self, *faults: Fault) -> None:
        self._faults += faults

    def canned_answer(self, method: str, path: str) -> CannedAnswer | None:
        """The answer to give instead of the real one, used up by one."""
        for at, fault in enumerate(self._faults):
            if isinstance(fault, CannedAnswer) and fault.path in path and fault.method in ("", method):
                if fault.times > 1:
                    self._faults[at] = replace(fault, times=fault.times - 1)
                else:
                    del self._faults[at]
                return fault
        return None

    def embedding_error(self, texts: Iterable[str]) -> str | None:
        """The provider's message if one of `texts` cannot be embedded."""
        markers = [fault for fault in self._faults if isinstance(fault, FailingEmbedding)]
        return next((fault.message for text in texts for fault in markers if fault.marker in text), None)

    def embedding_seconds(self, texts: Iterable[str]) -> float:
        slow = [fault for fault in self._faults if isinstance(fault, SlowEmbedding)]
        return sum(fault.seconds for text in texts for fault in slow if fault.marker in text)

    def indexing_seconds(self) -> float:
        return sum(fault.seconds for fault in self._faults if isinstance(fault, SlowIndexing))

    def failing_model(self, query: str) -> FailingModel | None:
        failing = (fault for fault in self._faults if isinstance(fault, FailingModel))
        return next((fault for fault in failing if fault.marker in query), None)

    def slow_model(self, query: str) -> SlowModel:
        slow = (fault for fault in self._faults if isinstance(fault, SlowModel))
        return next((fault for fault in slow if fault.marker in query), SlowModel(""))
