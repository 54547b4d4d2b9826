"""The one verdict of a run: the same object prints, goes into the report and sets the exit code.

A run fails by any of four rules, each made so that an unchanged endpoint almost never trips it:

    critical     a critical question failed, or its answer said what it must not, and again when asked again
    regression   McNemar p <= 0.01 and at least 3 points lost, still so after asking the flipped ones again
    persistent   McNemar p <= 0.05 in two runs in turn against the same pin, still so after asking again
    broken       so many questions passed twice at the pin and failed twice now that the endpoint's own
                 flip rate explains it with a probability of at most 0.001

One weekly p <= 0.05 is something to watch. Re-asks decide here only; no reported rate contains them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kbtool.errors import Exit
from kbtool.evaluate.compare import Comparison, NotComparable, Settled, mcnemar
from kbtool.evaluate.metrics import Rate
from kbtool.evaluate.power import BROKEN_P, WATCH_P, chance_of_broken, detectable_drop
from kbtool.evaluate.record import Outcome, QuestionKind, Result

FAIL_P = 0.01
FAIL_POINTS = 0.03
FEWEST_PAIRS = 5
"""Below it not even losing every question reaches p <= 0.05, so any loss is something to watch."""

MOST_ERRORS = 0.02
MOST_STALE = 0.10
MOST_DIFFERENT = 0.05
MOST_FLAKY = 0.10
"""Above it the quarantine of flaky questions takes so many out that the endpoint is what needs mending."""


class Status(StrEnum):
    OK = "ok"
    WATCH = "watch"
    FAIL = "fail"
    INVALID = "invalid"
    NO_BASELINE = "no-baseline"


_EXIT = {Status.OK: Exit.OK, Status.FAIL: Exit.REGRESSION, Status.INVALID: Exit.INVALID}


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that spoke: its name, a sentence, and the questions it is about."""

    rule: str
    sentence: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the run means. `watches_drop`: pass it to the next run's `judge` as `watched_before`."""

    status: Status
    sentence: str
    reasons: tuple[Reason, ...]
    exit_code: Exit
    watches_drop: bool = False

    @property
    def is_measured(self) -> bool:
        """Whether the rates are those of the questions, and not of those that happened to get through."""
        return not {reason.rule for reason in self.reasons} & {"interrupted", "errors", "empty"}


def to_reask(results: Sequence[Result], comparison: Comparison | NotComparable | None) -> tuple[str, ...]:
    """Ids to ask once more before `judge`: every flip, and every critical question that is broken."""
    flipped = {*comparison.lost, *comparison.gained} if isinstance(comparison, Comparison) else set()
    return tuple(r.golden.id for r in results if r.golden.id in flipped or r.breaks_critical)


def judge(
    results: Sequence[Result],
    comparison: Comparison | NotComparable | None,
    confirmations: Mapping[str, bool],
    *,
    forbidden_again: Collection[str] = (),
    stale: Collection[str] = (),
    stale_critical: Collection[str] = (),
    watched_before: bool = False,
    interrupted: str = "",
    strict: bool = False,
) -> Verdict:
    """The verdict on a run.

    `confirmations` says of each re-asked question whether it passed; what was not re-asked stands as
    first seen. `forbidden_again` are those whose second answer says what it must not. `interrupted` is why
    not everything was asked, "" where it was. `strict` turns a watch, and a missing baseline, into exit
    code 6.
    """
    invalid = _invalid(results, comparison, confirmations, stale)
    if interrupted:
        invalid.insert(0, Reason("interrupted", interrupted))
    if stale_critical:
        gone = f"{_critical_ones(sorted(stale_critical))} expects what the corpus no longer has"
        invalid.append(Reason("critical-stale", gone, tuple(sorted(stale_critical))))
    failed = _critical(results, confirmations, forbidden_again)
    watch: list[Reason] = []
    watches_drop = False
    if isinstance(comparison, Comparison):
        settled = comparison.settle(confirmations)
        watches_drop = comparison.p <= WATCH_P
        failed += _regression(comparison, settled, watched_before=watched_before)
        failed += _broken(comparison, settled)
        watch = [] if _is_regression(failed) else _drop(comparison)
        watch += _watch(comparison)
    watch += _app_differs(results)

    if invalid:
        status, sentence = Status.INVALID, f"This run proves nothing: {invalid[0].sentence}."
    elif failed:
        lead = "Fail" if failed[0].rule == "critical" else "Regression"
        status, sentence = Status.FAIL, f"{lead}: {failed[0].sentence}."
    elif not isinstance(comparison, Comparison):
        status, sentence = Status.NO_BASELINE, "No baseline is pinned: nothing says whether this got worse."
    elif watch:
        status, sentence = Status.WATCH, f"To watch: {watch[0].sentence}."
    else:
        status, sentence = Status.OK, "No regression."
    return Verdict(
        status=status,
        sentence=" ".join([sentence, _found(results), *_power(comparison)]),
        reasons=(*invalid, *failed, *watch),
        exit_code=_EXIT.get(status, Exit.PENDING if strict else Exit.OK),
        watches_drop=watches_drop,
    )


def _app_differs(results: Sequence[Result]) -> list[Reason]:
    """Where the app cites another best chunk than the dataset returns, the score is not the live one."""
    both = [r for r in results if r.reply.answer is not None and r.reply.retrieved]
    other = tuple(
        r.golden.id for r in both if [c.text for c in r.reply.cited[:1]] != [r.reply.retrieved[0].text]
    )
    if len(other) <= MOST_DIFFERENT * len(both):
        return []
    what = f"for {len(other)} of {len(both)} questions the app's best chunk is not the dataset's"
    return [Reason("app", f"{what}: does it search this dataset, with the settings of [retrieval]?", other)]


def _invalid(
    results: Sequence[Result],
    comparison: Comparison | NotComparable | None,
    confirmations: Mapping[str, bool],
    stale: Collection[str],
) -> list[Reason]:
    reasons = []
    errors = tuple(r.golden.id for r in results if r.outcome is Outcome.ERROR)
    everything = {r.golden.id for r in results} | set(stale)
    if len(errors) > MOST_ERRORS * len(results):
        missing = f"{len(errors)} of {len(results)} questions could not be asked"
        reasons.append(Reason("errors", f"{missing} (at most {MOST_ERRORS:.0%} may)", errors))
    if not any(r.outcome in {Outcome.PASS, Outcome.FAIL} for r in results):
        reasons.append(Reason("empty", "no question has a result"))
    if len(set(stale)) > MOST_STALE * len(everything):
        gone = f"{len(set(stale))} of {len(everything)} questions expect what the corpus no longer has"
        reasons.append(Reason("stale", f"{gone} (at most {MOST_STALE:.0%} may)", tuple(sorted(stale))))
    unknown = tuple(
        r.golden.id
        for r in results
        if r.golden.critical and r.outcome is Outcome.ERROR and r.golden.id not in confirmations
    )
    if unknown:
        reasons.append(Reason("critical-error", f"{_critical_ones(unknown)} could not be asked", unknown))
    if isinstance(comparison, NotComparable):
        reasons.append(Reason("not-comparable", comparison.reason))
    return reasons


def _critical(
    results: Sequence[Result], confirmations: Mapping[str, bool], forbidden_again: Collection[str]
) -> list[Reason]:
    mended = {i for i, passed in confirmations.items() if passed} - set(forbidden_again)
    broken = [r for r in results if r.breaks_critical and r.golden.id not in mended]
    missed = tuple(r.golden.id for r in broken if r.outcome is not Outcome.PASS)
    forbidden = tuple(r.golden.id for r in broken if r.outcome is Outcome.PASS)
    return [
        Reason("critical", f"{_critical_ones(ids)} {what}{_again(ids, confirmations)}", ids)
        for ids, what in ((missed, "failed"), (forbidden, "got an answer that says what it must not"))
        if ids
    ]


def _again(ids: Sequence[str], confirmations: Mapping[str, bool]) -> str:
    return ", and again when asked again" if all(i in confirmations for i in ids) else ""


def _regression(comparison: Comparison, settled: Settled, *, watched_before: bool) -> list[Reason]:
    first = (len(comparison.lost), len(comparison.gained))
    again = (len(settled.broken), len(settled.fixed))
    p = max(mcnemar(*first), mcnemar(*again))
    points = min(lost - gained for lost, gained in (first, again)) / max(1, comparison.n)
    what = f"{again[0]} broke and {again[1]} were mended of {comparison.n} compared"
    if p <= FAIL_P and points >= FAIL_POINTS:
        worse = f"{what} ({100 * points:.1f} points, p = {p:.2g}), after asking the flipped ones again"
        return [Reason("regression", worse, settled.broken)]
    if p <= WATCH_P and watched_before:
        return [Reason("persistent", f"{what}: the second run in turn with p ≤ {WATCH_P}", settled.broken)]
    return []


def _broken(comparison: Comparison, settled: Settled) -> list[Reason]:
    broken_now = set(settled.broken)
    broken = tuple(p.id for p in comparison.pairs if p.passed_twice and p.id in broken_now)
    among = comparison.n + len(comparison.quarantined)  # the flip rate is that of all of them
    chance = chance_of_broken(len(broken), among, comparison.baseline.cautious_flip_rate)
    if not broken or chance > BROKEN_P:
        return []
    what = f"{len(broken)} questions that passed twice at the pin failed twice now"
    seldom = f"which flips alone do less than once in {1 / BROKEN_P:,.0f} runs"
    return [Reason("broken", f"{what}, {seldom}", broken)]


def _is_regression(failed: Sequence[Reason]) -> bool:
    return any(reason.rule in {"regression", "persistent", "broken"} for reason in failed)


def _drop(comparison: Comparison) -> list[Reason]:
    if comparison.p > WATCH_P:
        return []
    what = f"{len(comparison.lost)} lost and {len(comparison.gained)} gained (p = {comparison.p:.2g})"
    return [Reason("drop", f"{what}, too little to call a regression", comparison.lost)]


def _watch(comparison: Comparison) -> list[Reason]:
    reasons = []
    if comparison.n < FEWEST_PAIRS and comparison.lost:
        few = f"{len(comparison.lost)} of {comparison.n} lost, and so few questions cannot prove a regression"
        reasons.append(Reason("few", few, comparison.lost))
    flaky, asked = len(comparison.quarantined), comparison.n + len(comparison.quarantined)
    if flaky > MOST_FLAKY * asked:
        noisy = f"{flaky} of {asked} questions flip by themselves and are left out"
        steady = "set the app's temperature to 0, or mend those questions, and pin again"
        reasons.append(Reason("flaky", f"{noisy}; {steady}", comparison.quarantined))
    if comparison.gone_critical:
        were = "was" if len(comparison.gone_critical) == 1 else "were"
        gone = f"{_critical_ones(comparison.gone_critical)} of the baseline {were} not asked"
        reasons.append(Reason("critical-gone", gone, comparison.gone_critical))
    reasons += [
        Reason("slice", f"{s.by} {s.name}: {s.lost} lost and {s.gained} gained (p = {s.p:.2g}, adjusted)")
        for s in comparison.slices
        if s.p is not None and s.p <= WATCH_P
    ]
    return reasons


def _critical_ones(ids: Sequence[str]) -> str:
    return f"critical question {ids[0]}" if len(ids) == 1 else f"{len(ids)} critical questions"


def _found(results: Sequence[Result]) -> str:
    findable = [
        r
        for r in results
        if r.golden.answerable
        and r.golden.kind is not QuestionKind.SMALLTALK
        and r.outcome in {Outcome.PASS, Outcome.FAIL}
    ]
    found = Rate(sum(r.outcome is Outcome.PASS for r in findable), len(findable))
    if found.value is None or found.interval is None:
        return "There was nothing to find."
    low, high = found.interval
    return f"{found.hits} of {found.n} found ({found.value:.1%}, 95% interval {low:.0%}–{high:.0%})."


def _power(comparison: Comparison | NotComparable | None) -> list[str]:
    if not isinstance(comparison, Comparison):
        return []
    lost, gained = len(comparison.lost), len(comparison.gained)
    baseline = comparison.baseline
    pin = f"compared with the pin of {baseline.date}"
    since = f"Of {comparison.n} questions {pin}, {lost} were lost and {gained} gained."
    if not baseline.reasks:
        return [since, "How large a drop it can notice is unknown: nothing was asked twice at the pin."]
    drop = detectable_drop(comparison.n, baseline.cautious_flip_rate)
    if drop is None:
        return [since, "This set is too small to notice any drop by counting; its critical questions can."]
    # Rounded up: a drop of 5.4 points is not promised to be seen as one of 5.
    return [since, f"This set can notice drops of about {math.ceil(round(100 * drop, 6))} points."]
