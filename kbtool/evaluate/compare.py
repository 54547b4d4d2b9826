"""A run against a pinned one, question by question.

Two runs over the same questions are paired data: what says whether the knowledge base got worse is not
the difference of two rates but how many questions were lost and how many were gained. Only questions that
are in both, with unchanged content, are compared; runs under different settings are not compared at all.

A question that is known to flip by itself is quarantined: listed, and left out of the pairs. Known is what
flipped against this pin and flipped back in `FLAKY_AFTER` earlier runs, which is as likely whether the pin
saw it pass or fail, so that among the others losses and gains stay equally likely. What flipped at the pin
itself is not left out: of questions that pass twice there, some fail later by chance alone and none can be
gained, and the test would see losses that are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb

from kbtool.evaluate.baseline import Baseline, judged, passed
from kbtool.evaluate.canaries import seen
from kbtool.evaluate.metrics import SMALLEST_SLICE
from kbtool.evaluate.record import Result, RunSpec

FLAKY_AFTER = 2
_RESAMPLES = 10_000


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
    """The pairs, and what could not be paired: `edited` since the pin, `added`, `gone` (not asked now).

    `quarantined` are known to flip by themselves and decide nothing, unless they are critical.
    """

    baseline: Baseline
    pairs: tuple[Pair, ...]
    slices: tuple[SliceChange, ...]
    edited: tuple[str, ...]
    added: tuple[str, ...]
    gone: tuple[str, ...]
    quarantined: tuple[str, ...] = ()

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
        return (len(self.gained) - len(self.lost)) / self.n if self.n else 0.0

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


def known_flaky(flipped_back: Iterable[Collection[str]]) -> frozenset[str]:
    """What went back on asking again in `FLAKY_AFTER` of the runs since the pin; one collection for each."""
    times = Counter(id_ for run in flipped_back for id_ in set(run))
    return frozenset(id_ for id_, count in times.items() if count >= FLAKY_AFTER)


def compare(
    baseline: Baseline, results: Sequence[Result], spec: RunSpec, *, flaky: Collection[str] = ()
) -> Comparison | NotComparable:
    """Pair a run with the baseline; of the `flaky` questions only critical ones take part.

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
        return pair(baseline, results, flaky=flaky)
    others = {r.golden.id for r in results if not r.golden.answerable}
    return pair(baseline, results, without=others, flaky=flaky)


def pair(
    baseline: Baseline,
    results: Sequence[Result],
    *,
    without: Collection[str] = (),
    flaky: Collection[str] = (),
) -> Comparison | NotComparable:
    """Pair by question alone, whatever else was different: for two runs that are meant to differ."""
    now = judged([r for r in results if r.golden.id not in without])
    asked = {r.golden.id for r in results}
    pinned = {q.id: q for q in baseline.questions}
    same = [i for i, q in pinned.items() if i in now and now[i].golden.content_hash == q.content_hash]
    if not same:
        return NotComparable(f"no question of this run stands unchanged in the baseline of {baseline.date}")
    quarantined = {i for i in same if i in flaky and not now[i].golden.critical}
    pairs = tuple(
        Pair(i, pinned[i].passed, passed(now[i]), now[i].golden.critical, pinned[i].passed_twice)
        for i in same
        if i not in quarantined
    )
    return Comparison(
        baseline=baseline,
        pairs=pairs,
        slices=_slice_changes(pairs, now),
        edited=tuple(sorted(pinned.keys() & now.keys() - set(same))),
        added=tuple(sorted(now.keys() - pinned.keys())),
        gone=tuple(sorted(pinned.keys() - asked)),
        quarantined=tuple(sorted(quarantined)),
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
    if not n:
        return 0.0, 0.0
    draws = np.random.default_rng(seed).multinomial(
        n, [lost / n, gained / n, (n - lost - gained) / n], size=_RESAMPLES
    )
    low, high = np.quantile((draws[:, 1] - draws[:, 0]) / n, [0.025, 0.975])
    return float(low), float(high)


def _slice_changes(pairs: Sequence[Pair], now: Mapping[str, Result]) -> tuple[SliceChange, ...]:
    members: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        golden = now[pair.id].golden
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
