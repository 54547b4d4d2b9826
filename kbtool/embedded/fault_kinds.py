"""The faults that an engine can be told to have. Tests of a client ask for them; by itself it has none.

    on the way    CannedAnswer, Latency, Cut, MissingRoute, KnowledgeLimit
    indexing      FailingEmbedding, SlowEmbedding, SlowIndexing, NoWorker, HalfEmbedded, OldModelKept
    answering     FailingModel, SlowModel

Where a fault has `path` and `method`, it is for requests whose path contains `path`, of that method or of
any. `times` says for how many requests; 0 is for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class CannedAnswer:
    """The next `times` requests are answered with `status` and `body`: JSON, or a page if it is text.

    With `is_done` each is carried out before, as when a proxy gives up on a server that works on.
    """

    path: str
    status: int
    body: Any = None
    times: int = 1
    method: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Latency:
    """Requests wait `seconds` before anything is done with them."""

    path: str
    seconds: float
    times: int = 0
    method: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks after `size` bytes of the answer's body, with `is_done` behind the work and
    without it before any. It needs a real socket: an engine that runs in process has no connection.
    """

    path: str
    size: int = 0
    times: int = 1
    method: str = ""
    is_done: bool = True


@dataclass(frozen=True, slots=True)
class MissingRoute:
    """A route that this version does not have: PATCH of a dataset before 1.2.0. `path` is a regular
    expression for the whole path; the answer is Flask's page, 404, or 405 where other methods are there.
    """

    path: str
    method: str
    status: int = 405


@dataclass(frozen=True, slots=True)
class KnowledgeLimit:
    """The Cloud's limit: a 403 for all but `requests` calls in sliding `seconds` (contract §1).

    Counted is what writes, and retrieving; reading and switching documents are not.
    """

    requests: int = 10
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class FailingEmbedding:
    """Text that contains `marker` cannot be embedded; `message` is the provider's own error text.

    A rate limit of the provider looks so too: a 400 with its text when asking [175], `error` when indexing.
    """

    marker: str
    message: str
    times: int = 0


@dataclass(frozen=True, slots=True)
class SlowEmbedding:
    """Embedding text that contains `marker` takes `seconds`."""

    marker: str
    seconds: float


@dataclass(frozen=True, slots=True)
class SlowIndexing:
    """Every document takes `seconds` to index."""

    seconds: float


@dataclass(frozen=True, slots=True)
class NoWorker:
    """Nothing is ever indexed: documents stay `waiting`, without an error [349].

    It is looked at when the engine is made; while it runs there is `Engine.hold_indexing`.
    """


@dataclass(frozen=True, slots=True)
class HalfEmbedded:
    """A change of model stops after `documents` documents; the others stay `indexing`, without vectors."""

    documents: int


@dataclass(frozen=True, slots=True)
class OldModelKept:
    """A change of model does not happen, and the answer is 200.

    Without `is_shown` the dataset names the new model while its vectors are made by the old one, as reported
    of 1.16.1 (contract §2.9); with it the dataset goes on naming the old one, as when the credentials of the
    new model's provider fail (§2.7).
    """

    is_shown: bool = False


@dataclass(frozen=True, slots=True)
class FailingModel:
    """The language model fails on a question that contains `marker`, after `pieces` pieces of the answer."""

    marker: str
    message: str
    pieces: int = 0


@dataclass(frozen=True, slots=True)
class SlowModel:
    """A question with `marker`: `before` seconds to the first piece, `between` from piece to piece."""

    marker: str
    before: float = 0.0
    between: float = 0.0


Fault = (
    CannedAnswer
    | Latency
    | Cut
    | MissingRoute
    | KnowledgeLimit
    | FailingEmbedding
    | SlowEmbedding
    | SlowIndexing
    | NoWorker
    | HalfEmbedded
    | OldModelKept
    | FailingModel
    | SlowModel
)
