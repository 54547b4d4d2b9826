"""How good a run was: rates with intervals, rank measures, score separation, slices.

Rank measures are trec_eval's, through ir_measures, over one ranked list of *documents* per question.
A ranking is handed over with scores made from ranks: trec_eval breaks ties by name, and several engines
return equal scores, so their raw scores would reorder what the customer was shown.

Unanswerable questions and small talk have nothing to find and stay out of the retrieval means; questions
that could not be asked are counted apart; a metric over nothing is None.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kbtool.evaluate.cost import Spent, spent
from kbtool.evaluate.record import Outcome, QuestionKind, Result

SMALLEST_SLICE = 15
"""Below it a slice shows counts only: at 85 % its interval would be wider than 36 points."""

_Z = 1.959963984540054  # 95 %, two-sided


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `n`."""

    hits: int
    n: int

    @property
    def value(self) -> float | None:
        return self.hits / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval (1927): right at small n and near 100 %, where p ± 1.96 se is not."""
        if not self.n:
            return None
        p, n, z2 = self.hits / self.n, self.n, _Z**2
        centre = p + z2 / (2 * n)
        spread = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        low, high = (centre - spread) / (1 + z2 / n), (centre + spread) / (1 + z2 / n)
        return (0.0 if self.hits == 0 else low, 1.0 if self.hits == n else high)


@dataclass(frozen=True, slots=True)
class RankMeasures:
    """Means over `n` questions, each in [0, 1], None over nothing. `hit_k` is at the app's own k."""

    n: int
    hit_1: float | None = None
    hit_3: float | None = None
    hit_5: float | None = None
    hit_k: float | None = None
    recall_5: float | None = None
    mrr_10: float | None = None
    ndcg_10: float | None = None
    map_10: float | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """Top scores by what they led to; `missing` counts questions whose best chunk had none."""

    right: tuple[float, ...]
    wrong: tuple[float, ...]
    unanswerable: tuple[float, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class Slice:
    """The questions of one tag, language or inbox (`by`): the headline, and what became of the answers.

    `good_answers` and `refusals` are as in `Metrics`, over nothing where no answer was asked for.
    """

    by: str
    name: str
    found: Rate
    good_answers: Rate = Rate(0, 0)
    refusals: Rate = Rate(0, 0)

    @property
    def has_rate(self) -> bool:
        return self.found.n >= SMALLEST_SLICE


@dataclass(frozen=True, slots=True)
class Metrics:
    """Everything that is said about a run as a whole.

    `found` is the headline: a relevant section within the app's own k. `good_answers` counts answers to
    answerable questions that would have been right had they been sent, `refusals` unanswerable questions
    that were rightly not answered; both are over nothing when only retrieval was asked. `auroc` is the
    chance that a right answer's top score is above a wrong one's (a missing score is below all others).
    """

    questions: int
    errors: int
    smalltalk: int
    unanswerable: int
    found: Rate
    good_answers: Rate
    refusals: Rate
    document: RankMeasures
    section: RankMeasures
    evidence: RankMeasures
    auroc: float | None
    scores: Scores
    slices: tuple[Slice, ...]
    spent: Spent

    @property
    def first_hit(self) -> Rate:
        """Of how many questions the very first chunk was of a relevant section."""
        return Rate(round((self.section.hit_1 or 0) * self.section.n), self.section.n)


def summarize(results: Sequence[Result], *, k: int) -> Metrics:
    """The metrics of a run; `k` is how many chunks the app itself gives to its model."""
    asked = [r for r in results if r.outcome is not Outcome.ERROR]
    questions = [r for r in asked if r.golden.kind is not QuestionKind.SMALLTALK]
    findable = [r for r in questions if r.golden.answerable]
    unanswerable = [r for r in questions if not r.golden.answerable]
    answered = [r for r in findable if r.reply.answer is not None]
    return Metrics(
        questions=len(results),
        errors=len(results) - len(asked),
        smalltalk=len(asked) - len(questions),
        unanswerable=len(unanswerable),
        found=_passed(findable),
        good_answers=Rate(sum(r.is_correct for r in answered), len(answered)),
        refusals=_passed([r for r in unanswerable if r.outcome is not None]),
        document=_document_level(findable, k),
        section=_place_level({r.golden.id: [section for section, _ in r.places] for r in findable}, k),
        evidence=_place_level({r.golden.id: ranks for r in findable if (ranks := _evidence_ranks(r))}, k),
        auroc=_auroc(questions),
        scores=_scores(questions),
        slices=_slices(questions),
        spent=spent([r.reply for r in asked]),
    )


def would_be_right(result: Result) -> bool:
    """Whether answering would have been right. Where no answer was asked for, a hit stands in for it."""
    if not result.golden.answerable:
        return False
    return result.is_correct if result.reply.answer is not None else result.outcome is Outcome.PASS


def measure(
    qrels: dict[str, dict[str, int]], rankings: Mapping[str, Sequence[str]], *, k: int
) -> RankMeasures:
    """trec_eval's measures over `qrels` (question -> document -> gain) and rankings, best first.

    A question of `qrels` without a ranking counts as one that found nothing.
    """
    if not qrels:
        return RankMeasures(n=0)
    import ir_measures as ir

    measures = {
        "hit_1": ir.Success @ 1,
        "hit_3": ir.Success @ 3,
        "hit_5": ir.Success @ 5,
        "hit_k": ir.Success @ k,
        "recall_5": ir.R @ 5,
        "mrr_10": ir.RR @ 10,
        "ndcg_10": ir.nDCG @ 10,
        "map_10": ir.AP @ 10,
    }
    run = {
        question: {document: 1 / (1 + rank) for rank, document in enumerate(ranking, start=1)}
        for question, ranking in rankings.items()
    }
    means = ir.calc_aggregate(set(measures.values()), qrels, run)
    return RankMeasures(n=len(qrels), **{name: float(means[m]) for name, m in measures.items()})


def _passed(results: Sequence[Result]) -> Rate:
    return Rate(sum(r.outcome is Outcome.PASS for r in results), len(results))


def _document_level(results: Sequence[Result], k: int) -> RankMeasures:
    qrels: dict[str, dict[str, int]] = {}
    for r in results:
        relevant = [document for document, is_relevant in r.ranking if is_relevant]
        wanted = len(
            {place.doc for place in r.golden.relevant}
        )  # may be the end of a slug: counted, not named
        missing = [f"missing {i}" for i in range(max(0, wanted - len(relevant)))]
        qrels[r.golden.id] = dict.fromkeys([*relevant, *missing], 1)
    return measure(qrels, {r.golden.id: [document for document, _ in r.ranking] for r in results}, k=k)


def _place_level(ranks: Mapping[str, Sequence[int | None]], k: int) -> RankMeasures:
    """From the ranks of each question's relevant places among the returned chunks, None where one is missing.

    A chunk has one position, so one that shows several places at once is one find. A place that comes again
    further down is found once: the repetition is a chunk like any other.
    """
    qrels: dict[str, dict[str, int]] = {}
    rankings: dict[str, list[str]] = {}
    for question, of_places in ranks.items():
        found = {rank for rank in of_places if rank is not None}
        missing = [f"missing {i}" for i, rank in enumerate(of_places) if rank is None]
        qrels[question] = dict.fromkeys([*(f"{rank}" for rank in found), *missing], 1)
        rankings[question] = [
            f"{rank}" if rank in found else f"other {rank}" for rank in range(1, max(found, default=0) + 1)
        ]
    return measure(qrels, rankings, k=k)


def _evidence_ranks(result: Result) -> list[int | None]:
    """Of the places that name evidence; a page's mere section is none."""
    places = zip(result.golden.relevant, result.places, strict=True)
    return [evidence for place, (_, evidence) in places if place.evidence]


def _auroc(results: Sequence[Result]) -> float | None:
    """Mann-Whitney's U over the number of pairs; ties count one half."""
    right = [-math.inf if r.top_score is None else r.top_score for r in results if would_be_right(r)]
    wrong = [-math.inf if r.top_score is None else r.top_score for r in results if not would_be_right(r)]
    if not right or not wrong:
        return None
    ordered = sorted(wrong)
    above = sum(bisect_left(ordered, score) + bisect_right(ordered, score) for score in right)
    return above / (2 * len(right) * len(wrong))


def _scores(results: Sequence[Result]) -> Scores:
    scored = [(r, r.top_score) for r in results if r.top_score is not None]
    return Scores(
        right=tuple(score for r, score in scored if would_be_right(r)),
        wrong=tuple(score for r, score in scored if r.golden.answerable and not would_be_right(r)),
        unanswerable=tuple(score for r, score in scored if not r.golden.answerable),
        missing=len(results) - len(scored),
    )


def _slices(results: Sequence[Result]) -> tuple[Slice, ...]:
    """By tag, language and inbox, the largest first."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        golden = result.golden
        names = [("tag", tag) for tag in dict.fromkeys(golden.tags)]
        for key in (*names, ("language", golden.lang), ("inbox", golden.inbox)):
            if key[1]:
                groups.setdefault(key, []).append(result)
    slices = [_slice(by, name, group) for (by, name), group in groups.items()]
    kinds = ("tag", "language", "inbox")
    return tuple(sorted(slices, key=lambda one: (kinds.index(one.by), -one.found.n, one.name)))


def _slice(by: str, name: str, results: Sequence[Result]) -> Slice:
    findable = [r for r in results if r.golden.answerable]
    answered = [r for r in findable if r.reply.answer is not None]
    refusable = [r for r in results if not r.golden.answerable and r.outcome is not None]
    good = Rate(sum(r.is_correct for r in answered), len(answered))
    return Slice(by, name, _passed(findable), good, _passed(refusable))
