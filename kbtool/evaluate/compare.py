"""A run against a pinned one, question by question.

Two runs over the same questions are paired data: what says whether the knowledge base got worse is not
the difference of two rates but how many questions were lost and how many were gained. Only questions that
are in both, with unchanged content, are compared; runs under different settings are not compared at all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from math import comb

from kbtool.canary import Canary
from kbtool.errors import ConfigError
from kbtool.evaluate.canaries import seen
from kbtool.evaluate.metrics import SMALLEST_SLICE
from kbtool.evaluate.record import Outcome, Result, RunSpec

_FORMAT = 2
_RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Pinned:
    """One question as it was at the pin. `passed_twice`: also when it was asked again, unchanged."""

    id: str
    content_hash: str
    passed: bool
    passed_twice: bool
    critical: bool


@dataclass(frozen=True, slots=True)
class Baseline:
    """The run that later runs answer to, kept in `evals/baselines/<name>.json`.

    `flip_rate` is the share of the `reasks` questions that came out differently when they were asked a
    second time with nothing changed: the endpoint's own noise. None when nothing was asked twice.
    `canaries` tell whether the app still searches in the same way.
    """

    run_id: str
    date: str
    why: str
    fingerprint: str
    k: int
    threshold: float
    corpus_hash: str
    flip_rate: float | None
    reasks: int
    questions: tuple[Pinned, ...]
    canaries: tuple[Canary, ...] = ()

    @property
    def cautious_flip_rate(self) -> float:
        """Clopper and Pearson's 95 % upper bound of the flip rate; 1 when nothing was asked twice.

        Not the rate itself: a pin that happens to show few flips also counts many flaky questions as
        passed twice, so with the plain rate the same bad luck would raise the alarm and excuse it.
        """
        from scipy.stats import beta

        flips = round((self.flip_rate or 0.0) * self.reasks)
        return float(beta.ppf(0.95, flips + 1, self.reasks - flips)) if flips < self.reasks else 1.0

    def to_json(self) -> str:
        """One line a question, so that a re-pin reads well as a diff."""
        names = [f.name for f in fields(self) if f.name not in {"questions", "canaries"}]
        head = {"format": _FORMAT, **{name: getattr(self, name) for name in names}}
        head["canaries"] = [asdict(canary) for canary in self.canaries]
        lines = [json.dumps(asdict(q), ensure_ascii=False) for q in self.questions]
        body = json.dumps(head, ensure_ascii=False, indent=1)[:-2]
        questions = ",\n  ".join(lines)
        return f'{body},\n "questions": [\n  {questions}\n ]\n}}\n'

    @classmethod
    def from_json(cls, text: str, *, name: str) -> Baseline:
        """Raises ConfigError, naming the baseline, for anything that `to_json` did not write."""
        from pydantic import TypeAdapter, ValidationError

        broken = ConfigError(
            f"baseline {name}: not a baseline file", hint="Restore it from version control, or pin a new one."
        )
        try:
            written_as = json.loads(text).get("format")
        except (json.JSONDecodeError, AttributeError) as error:
            raise broken from error
        if written_as != _FORMAT:
            what = f"baseline {name}: has format {written_as}, not {_FORMAT}"
            raise ConfigError(what, hint="Pin a new one: kbtool eval pin --why …")
        try:
            return TypeAdapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            raise broken from error


@dataclass(frozen=True, slots=True)
class Pair:
    """One question in both runs."""

    id: str
    before: bool
    now: bool
    critical: bool
    passed_twice: bool


@dataclass(frozen=True, slots=True)
class NotComparable:
    """Why there is no comparison: a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class SliceChange:
    """Lost and gained in one slice; `p` is adjusted for the number of slices (Holm), None below 15."""

    by: str
    name: str
    lost: int
    gained: int
    p: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The pairs, and what could not be paired: `edited` since the pin, `added`, `gone` (not asked now)."""

    baseline: Baseline
    pairs: tuple[Pair, ...]
    slices: tuple[SliceChange, ...]
    edited: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def n(self) -> int:
        return len(self.pairs)

    @property
    def lost(self) -> tuple[str, ...]:
        return tuple(p.id for p in self.pairs if p.before and not p.now)

    @property
    def gained(self) -> tuple[str, ...]:
        return tuple(p.id for p in self.pairs if p.now and not p.before)

    @property
    def change(self) -> float:
        """Difference of the two rates over the pairs, in [-1, 1]; negative is worse."""
        return (len(self.gained) - len(self.lost)) / self.n

    @property
    def p(self) -> float:
        return mcnemar(len(self.lost), len(self.gained))

    @property
    def gone_critical(self) -> tuple[str, ...]:
        gone = set(self.gone)
        return tuple(q.id for q in self.baseline.questions if q.critical and q.id in gone)

    def settle(self, confirmations: Mapping[str, bool]) -> Settled:
        """Sort the flips by what a second asking said (id -> passed). Not re-asked stands as first seen."""
        broken = tuple(i for i in self.lost if not confirmations.get(i, False))
        fixed = tuple(i for i in self.gained if confirmations.get(i, True))
        flaky = tuple(i for i in (*self.lost, *self.gained) if i not in {*broken, *fixed})
        return Settled(broken, fixed, flaky)


@dataclass(frozen=True, slots=True)
class Settled:
    """Flips after asking again: `broken` and `fixed` stayed so, `flaky` went back without any change."""

    broken: tuple[str, ...]
    fixed: tuple[str, ...]
    flaky: tuple[str, ...]


def pin(
    results: Sequence[Result],
    spec: RunSpec,
    *,
    date: str,
    why: str,
    again: Mapping[str, bool],
    canaries: tuple[Canary, ...] = (),
) -> Baseline:
    """A baseline from a run; `again` is what came of asking (some of) the questions a second time."""
    judged = _judged(results)
    second = {i: passed for i, passed in again.items() if i in judged}
    flips = sum(passed != _passed(judged[i]) for i, passed in second.items())
    return Baseline(
        run_id=spec.run_id,
        date=date,
        why=why,
        fingerprint=spec.fingerprint,
        k=spec.k,
        threshold=spec.threshold,
        corpus_hash=spec.corpus_hash,
        flip_rate=flips / len(second) if second else None,
        reasks=len(second),
        questions=tuple(
            Pinned(
                id=i,
                content_hash=r.golden.content_hash,
                passed=_passed(r),
                passed_twice=_passed(r) and second.get(i, False),
                critical=r.golden.critical,
            )
            for i, r in sorted(judged.items())
        ),
        canaries=canaries,
    )


def compare(baseline: Baseline, results: Sequence[Result], spec: RunSpec) -> Comparison | NotComparable:
    """Pair a run with the baseline.

    What hangs on the threshold (unanswerable questions, small talk) is compared only under the same one.
    """
    if spec.fingerprint != baseline.fingerprint:
        return NotComparable(
            f"the baseline of {baseline.date} was measured under other settings "
            f"({baseline.fingerprint}, now {spec.fingerprint}): a difference would say nothing of the corpus"
        )
    drift = seen(results, baseline.canaries)
    is_same_corpus = spec.corpus_hash == baseline.corpus_hash
    if drift.has_moved and (is_same_corpus or not spec.scores_hang_on_corpus):
        return NotComparable(
            f"the app searches in another way than at the pin of {baseline.date}, though its settings read "
            f"the same: {drift.sentence}; a difference would say nothing of the corpus"
        )
    if spec.k != baseline.k:
        return NotComparable(f"a hit is within {baseline.k} chunks in the baseline, within {spec.k} here")
    if spec.threshold == baseline.threshold:
        return pair(baseline, results)
    return pair(baseline, results, without={r.golden.id for r in results if not r.golden.answerable})


def pair(
    baseline: Baseline, results: Sequence[Result], *, without: Collection[str] = ()
) -> Comparison | NotComparable:
    """Pair by question alone, whatever else was different: for two runs that are meant to differ."""
    judged = _judged([r for r in results if r.golden.id not in without])
    asked = {r.golden.id for r in results}
    pinned = {q.id: q for q in baseline.questions}
    same = [i for i, q in pinned.items() if i in judged and judged[i].golden.content_hash == q.content_hash]
    if not same:
        return NotComparable(f"no question of this run stands unchanged in the baseline of {baseline.date}")
    pairs = tuple(
        Pair(i, pinned[i].passed, _passed(judged[i]), judged[i].golden.critical, pinned[i].passed_twice)
        for i in same
    )
    return Comparison(
        baseline=baseline,
        pairs=pairs,
        slices=_slice_changes(pairs, judged),
        edited=tuple(sorted(pinned.keys() & judged.keys() - set(same))),
        added=tuple(sorted(judged.keys() - pinned.keys())),
        gone=tuple(sorted(pinned.keys() - asked)),
    )


def mcnemar(lost: int, gained: int) -> float:
    """Exact one-sided p (McNemar 1947): the chance of losing so many of the flips if both were as likely."""
    flips = lost + gained
    return float(Fraction(sum(comb(flips, i) for i in range(lost, flips + 1)), 2**flips))


def change_interval(comparison: Comparison, *, seed: int = 20) -> tuple[float, float]:
    """95 % paired bootstrap interval of `Comparison.change`.

    A pair is worth -1, 0 or +1, so drawing n pairs with replacement is one multinomial draw.
    """
    import numpy as np

    n, lost, gained = comparison.n, len(comparison.lost), len(comparison.gained)
    draws = np.random.default_rng(seed).multinomial(
        n, [lost / n, gained / n, (n - lost - gained) / n], size=_RESAMPLES
    )
    low, high = np.quantile((draws[:, 1] - draws[:, 0]) / n, [0.025, 0.975])
    return float(low), float(high)


def _judged(results: Sequence[Result]) -> dict[str, Result]:
    """Results with a pass or a fail: errors and what was not decided prove nothing either way."""
    return {r.golden.id: r for r in results if r.outcome in {Outcome.PASS, Outcome.FAIL}}


def _passed(result: Result) -> bool:
    return result.outcome is Outcome.PASS


def _slice_changes(pairs: Sequence[Pair], judged: Mapping[str, Result]) -> tuple[SliceChange, ...]:
    members: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        golden = judged[pair.id].golden
        names = [("tag", t) for t in golden.tags] + [("language", golden.lang), ("inbox", golden.inbox)]
        for by, name in names:
            if name:
                members.setdefault((by, name), []).append(pair)
    counts = {
        key: (sum(p.before and not p.now for p in group), sum(p.now and not p.before for p in group))
        for key, group in members.items()
    }
    adjusted = _holm({k: mcnemar(*counts[k]) for k, group in members.items() if len(group) >= SMALLEST_SLICE})
    return tuple(SliceChange(by, name, *counts[by, name], adjusted.get((by, name))) for by, name in members)


def _holm(p_values: Mapping[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Holm's step-down (1979): eight tags looked at are eight chances of a false alarm."""
    adjusted: dict[tuple[str, str], float] = {}
    running = 0.0
    for i, (key, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        running = max(running, min(1.0, p * (len(p_values) - i)))
        adjusted[key] = running
    return adjusted
