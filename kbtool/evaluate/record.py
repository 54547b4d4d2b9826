"""What a golden question is, and what became of it: the nouns of the evaluation.

    Golden      a question with what would be a right answer        (golden.py reads it)
    Reply       what the servers gave back for it, unjudged          (run.py asks, and appends it to a file)
    Result      the reply, judged at document, section, evidence level (score.py)
    RunSpec     everything a run depends on: two runs compare only where these agree

A `Reply` keeps the raw chunks and the raw answer, so a run can be scored again without asking again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache


class QuestionKind(StrEnum):
    QUESTION = "question"
    FOLLOWUP = "followup"
    SMALLTALK = "smalltalk"


class Outcome(StrEnum):
    """An error is neither: it is counted apart and never read as a fail (design decision 9)."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Relevant:
    """Where the answer stands: document slug, heading path (a suffix is enough), words that must be there."""

    doc: str
    section: tuple[str, ...] = ()
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the answer must say. `must_contain` is a list of alternatives: one of each group must occur."""

    must_contain: tuple[tuple[str, ...], ...] = ()
    must_not_contain: tuple[str, ...] = ()
    cite: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Golden:
    """One golden question. `file` and `line` say where it stands, for messages."""

    id: str
    question: str
    lang: str = ""
    tags: tuple[str, ...] = ()
    critical: bool = False
    answerable: bool = True
    kind: QuestionKind = QuestionKind.QUESTION
    history: tuple[str, ...] = ()
    relevant: tuple[Relevant, ...] = ()
    expected: Expected = Expected()
    inbox: str = ""
    file: str = ""
    line: int = 0

    @property
    def says_unanswerable(self) -> bool:
        """Whether a golden file has to say so: small talk is never answerable."""
        return not self.answerable and self.kind is not QuestionKind.SMALLTALK

    @property
    def content_hash(self) -> str:
        """Of all that decides right and wrong: a changed question is not compared with its old self."""
        return _content_hash(self)


@lru_cache(maxsize=4096)  # asked for again by every stage of a run
def _content_hash(golden: Golden) -> str:
    content = {
        "question": golden.question,
        "answerable": golden.answerable,
        "kind": golden.kind,
        "history": golden.history,
        "relevant": [(r.doc, r.section, r.evidence) for r in golden.relevant],
        "expected": [golden.expected.must_contain, golden.expected.must_not_contain, golden.expected.cite],
    }
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Found:
    """A returned chunk, resolved: which page, and which heading paths it covers (its own first)."""

    doc: str
    paths: tuple[tuple[str, ...], ...]
    score: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one question. `error` is empty or one sentence; then the rest means nothing.

    `latency` are the seconds of the app's answer, or of the search where only that was asked. `tokens` and
    `price` (a decimal, in `currency`) are of the whole conversation, None where not known, never 0 for it.
    """

    id: str
    content_hash: str
    retrieved: tuple[Found, ...] = ()
    answer: str | None = None
    cited: tuple[Found, ...] = ()
    error: str = ""
    latency: float | None = None
    tokens: int | None = None
    price: str | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at in an answer: its kind, whether it held, and a phrase for when not.

    One that does not count is shown, and makes no answer wrong.
    """

    kind: str
    is_held: bool
    note: str = ""
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """One question judged.

    `rank_document` is the 1-based position of the first relevant document among the returned ones
    (deduplicated in API order); `rank_section` that of the first chunk that covers a relevant section, and
    `rank_evidence` of the first that also holds the evidence, among the returned chunks. None when none
    does, or the question is unanswerable. `ranking` are the deduplicated (doc, is-relevant) pairs, `places`
    the section and evidence ranks of each relevant place, in the golden question's order.
    `outcome` is the headline: section-level hit within k for an answerable question, the right refusal for
    an unanswerable one (None where only retrieval was asked). `decision` is what `handoff.decide` made of
    the answer at the run's threshold, `is_correct` whether the answer would have been right had it been
    sent.
    """

    golden: Golden
    reply: Reply
    outcome: Outcome | None
    why: str
    rank_document: int | None = None
    rank_section: int | None = None
    rank_evidence: int | None = None
    ranking: tuple[tuple[str, bool], ...] = ()
    top_score: float | None = None
    decision: str = ""
    decision_reason: str = ""
    decision_detail: str = ""
    can_answer: bool = False
    is_correct: bool = False
    checks: tuple[Check, ...] = ()
    places: tuple[tuple[int | None, int | None], ...] = ()

    @property
    def says_forbidden(self) -> str:
        """What of `must_not_contain` the answer says, in words; "" where it says nothing of it."""
        said = [check.note for check in self.checks if check.kind == "must_not_contain" and not check.is_held]
        return "; ".join(said)

    @property
    def breaks_critical(self) -> bool:
        """Whether this is a critical question that failed, could not be asked, or got a forbidden answer.

        Whether the bridge would send that answer does not matter: at another threshold it would.
        """
        failed = self.outcome in {Outcome.FAIL, Outcome.ERROR} or bool(self.says_forbidden)
        return self.golden.critical and failed


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Self-description of a run; `fingerprint` is of everything that makes scores comparable."""

    run_id: str
    started: str
    target: str
    dataset: str
    app: str
    engine: str
    version: str
    embedding_model: str
    retrieval: Mapping[str, object] = field(default_factory=dict)
    k: int = 5
    threshold: float = 0.5
    policy: Mapping[str, object] = field(default_factory=dict)
    commit: str = ""
    corpus_hash: str = ""
    golden_hash: str = ""
    documents: int = 0
    chunks: int = 0
    questions: int = 0
    stale: tuple[str, ...] = ()
    stale_critical: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    seconds: float = 0.0
    is_finished: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether all questions were asked of dataset and app: what may be pinned, published, remembered."""
        return self.is_finished and self.asks_everything

    @property
    def asks_everything(self) -> bool:
        return self.target == "both" and not self.tags

    @property
    def scores_hang_on_corpus(self) -> bool:
        """Whether an edited page moves the scores of other pages' chunks, as word statistics do."""
        is_lexical = self.embedding_model == "words-and-bigrams"
        return is_lexical or self.retrieval.get("search_method") != "semantic_search"

    @property
    def fingerprint(self) -> str:
        """Of the settings whose change voids a threshold and a comparison (docs/contracts.md §6)."""
        content = {
            "engine": self.engine,
            "version": self.version,
            "model": self.embedding_model,
            "retrieval": dict(self.retrieval),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
