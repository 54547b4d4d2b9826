"""The threshold: the walk, the promise it keeps, and everything it refuses to promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from kbtool.evaluate.record import Outcome, QuestionKind, Result
from kbtool.tune import (
    Advice,
    Promise,
    Row,
    as_row,
    count_at,
    lower_bound,
    tune,
    upper_bound,
    walk,
)
from kbtool.tune.walk import curve
from tests.data.invented_run import invented_run, judged

PASS, FAIL = Outcome.PASS, Outcome.FAIL
FIVE = Promise(0.05, 0.90)
scores = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([0.5, 0.7, 0.705, 0.71]))
rows_of = st.lists(st.builds(Row, scores, st.booleans()), max_size=150)


def results(right: int, wrong_at: list[float], *, score: float = 0.9) -> list[Result]:
    good = [judged(f"r{i}", score=score) for i in range(right)]
    return [*good, *(judged(f"w{i}", FAIL, score=s) for i, s in enumerate(wrong_at))]


@pytest.mark.parametrize(
    ("budget", "needed", "allowed"),
    [
        (0.02, 114, (-1, -1, -1, -1, 0, 1, 2, 4, 5)),
        (0.03, 76, (-1, -1, -1, 0, 1, 2, 4, 7, 9)),
        (0.05, 45, (-1, 0, 0, 1, 3, 5, 9, 14, 18)),
        (0.10, 22, (0, 1, 3, 5, 9, 14, 22, 31, 40)),
    ],
)
def test_how_many_mistakes_a_set_allows(budget, needed, allowed):
    promise = Promise(budget, 0.90)
    assert tuple(promise.allowed(n) for n in (30, 50, 75, 100, 150, 200, 300, 400, 500)) == allowed
    assert promise.needed == needed
    assert (promise.allowed(needed - 1), promise.allowed(needed)) == (-1, 0)


@pytest.mark.parametrize("budget", [0.01, 0.03, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.99])
def test_the_allowance_is_the_exact_binomial_tail(budget, confidence):
    promise = Promise(budget, confidence)
    for n in [*range(1, 120), 200, 500, 1000, 3000]:
        k, delta = promise.allowed(n), 1 - confidence
        assert k < 0 or binom.cdf(k, n, budget) <= delta * (1 + 1e-9)
        assert binom.cdf(k + 1, n, budget) > delta * (1 - 1e-9)


@given(rows_of, st.sampled_from([0.02, 0.05, 0.10]), st.sampled_from([0.8, 0.9, 0.95]))
def test_a_walk_stops_where_the_binomial_tail_says(rows, budget, confidence):
    """In: the tail at the mistakes made is within δ. Out: with the next score's mistakes it would not be."""
    threshold, n, delta = walk(rows, Promise(budget, confidence)), len(rows), 1 - confidence
    if threshold is None:
        return
    assert binom.cdf(count_at(rows, threshold).wrong, n, budget) <= delta * (1 + 1e-9)
    below = {r.score for r in rows if r.score is not None and r.score < threshold}
    tails = {score: binom.cdf(count_at(rows, score).wrong, n, budget) for score in below}
    may_come_in = [score for score, tail in tails.items() if tail <= delta * (1 - 1e-9)]
    assert all(score > threshold - 0.0201 for score in may_come_in), "only rounding up leaves one out"


def test_bounds_of_a_rate():
    assert upper_bound(5, 110, 0.90) == pytest.approx(0.0827, abs=5e-5)
    assert upper_bound(0, 45, 0.90) == pytest.approx(1 - 0.1 ** (1 / 45))
    assert lower_bound(5, 5, 0.90) == pytest.approx(0.1 ** (1 / 5))
    assert (upper_bound(3, 3, 0.9), upper_bound(0, 0, 0.9), lower_bound(0, 9, 0.9)) == (1.0, None, 0.0)


def test_it_stops_half_way_above_the_first_mistake_too_many():
    rows = [Row(0.9, True)] * 98 + [Row(0.8, False), Row(0.6, False)]
    assert FIVE.allowed(100) == 1
    assert walk(rows, FIVE) == 0.7


def test_the_half_way_point_is_rounded_up():
    rows = [Row(0.9, True)] * 98 + [Row(0.633, False), Row(0.62, False)]
    assert walk(rows, FIVE) == 0.63
    assert walk([*rows[:-1], Row(0.63, False)], FIVE) == 0.64


def test_equal_scores_are_in_or_out_together():
    rows = [Row(0.9, True)] * 40 + [Row(0.8, True)] * 58 + [Row(0.8, False)] * 2
    assert walk(rows, FIVE) == 0.85


def test_scores_too_close_for_two_digits_answer_fewer_never_more():
    rows = [Row(0.995, True)] * 40 + [Row(0.912, True)] * 58 + [Row(0.911, False)] * 2
    assert walk(rows, FIVE) == 0.92
    assert walk([Row(0.912, True)] * 98 + [Row(0.911, False)] * 2, FIVE) is None


def test_where_no_mistake_is_one_too_many_all_that_have_a_score_are_answered():
    rows = [Row(0.876, True)] * 60 + [Row(0.301, True)] * 10
    threshold = walk(rows, FIVE)
    assert threshold == 0.3
    assert count_at(rows, threshold).answered == 70


def test_missing_scores_are_never_answered_and_still_count():
    rows = [Row(0.9, True)] * 20 + [Row(None, True)] * 25
    assert walk(rows, FIVE) == 0.9
    assert count_at(rows, 0.0).coverage == 20 / 45
    assert walk(rows[:44], FIVE) is None


@given(rows_of, st.floats(0, 1), st.floats(0, 1))
def test_raising_the_threshold_never_answers_more(rows, a, b):
    low, high = count_at(rows, min(a, b)), count_at(rows, max(a, b))
    assert high.answered <= low.answered
    assert high.wrong <= low.wrong


@given(rows_of, st.sampled_from([0.02, 0.05, 0.10]), st.sampled_from([0.8, 0.9, 0.95]))
def test_a_walk_never_takes_more_mistakes_than_are_allowed(rows, budget, confidence):
    promise = Promise(budget, confidence)
    threshold = walk(rows, promise)
    if threshold is not None:
        at = count_at(rows, threshold)
        assert 0 <= at.wrong <= promise.allowed(len(rows))
        assert at.answered > 0
        assert round(threshold * 100) / 100 == threshold


@given(rows_of)
def test_the_curve_is_the_count_at_each_score(rows):
    scores = sorted({row.score for row in rows if row.score is not None})
    assert curve(rows) == tuple(count_at(rows, score) for score in scores)


@given(rows_of, st.randoms())
def test_the_order_of_the_questions_does_not_matter(rows, rng):
    shuffled = rows.copy()
    rng.shuffle(shuffled)
    assert walk(shuffled, FIVE) == walk(rows, FIVE)


@given(rows_of)
def test_a_larger_budget_never_answers_fewer(rows):
    small, large = walk(rows, Promise(0.05)), walk(rows, Promise(0.10))
    if small is not None:
        assert large is not None
        assert large <= small


@pytest.mark.parametrize(("n", "worst"), [(60, 0.10), (100, 0.10), (200, 0.10)])
def test_the_promise_holds(n, worst):
    """Scores are uniform and an answer is right with a chance equal to its score, so J(τ) = (1-τ)²/2."""
    rng = random.Random(n)
    tunings, broken = 1000, 0
    for _ in range(tunings):
        rows = [Row(s, rng.random() < s) for s in (rng.random() for _ in range(n))]
        threshold = walk(rows, FIVE)
        broken += threshold is not None and (1 - threshold) ** 2 / 2 > FIVE.budget
    assert broken / tunings <= worst
    assert n < 100 or broken > 0, "so loose a promise would have been kept by answering nothing"


def test_a_first_tuning_proposes_and_says_for_what_it_holds():
    proposal = tune(results(190, [0.8] * 5 + [0.4] * 5), current=0.5)
    assert (proposal.threshold, proposal.advice, proposal.reason) == (0.6, Advice.PROPOSE, "tuned")
    assert "90% confidence at most 5 in 100" in proposal.sentence
    assert "200 questions allow 5" in proposal.sentence
    assert "this one tuning, as long as conversations resemble these questions" in proposal.sentence
    assert "0% that no page answers, 0% critical" in proposal.sentence
    assert proposal.count is not None
    assert (proposal.count.answered, proposal.count.wrong, proposal.allowed) == (195, 5, 5)


def test_too_few_questions_keep_the_current_value_and_say_how_many_are_missing():
    proposal = tune(results(38, []), current=0.62)
    assert (proposal.threshold, proposal.reason) == (None, "few-questions")
    assert "stays at 0.62" in proposal.sentence
    assert "45 questions needed, 38 given, 7 missing" in proposal.sentence


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        ([judged(f"q{i}", score=None) for i in range(50)], "no-scores"),
        ([judged(f"q{i}", can_answer=False) for i in range(50)], "no-scores"),
        ([judged(f"q{i}", FAIL) for i in range(50)], "one-class"),
        (results(60, []), "one-class"),
        (results(48, [0.95, 0.95]), "no-safe-threshold"),
        (results(4, [0.95] + [0.2] * 95), "floor"),
        (results(97, []) + [judged(f"e{i}", Outcome.ERROR) for i in range(3)], "many-errors"),
        ([], "empty-run"),
        ([judged("t", kind=QuestionKind.SMALLTALK)], "empty-run"),
    ],
    ids=[
        "no scores",
        "nothing may be sent",
        "all wrong",
        "all right",
        "wrong at the top",
        "floor",
        "errors",
        "empty",
        "small talk only",
    ],
)
def test_when_nothing_can_be_promised_nothing_is_proposed(run, reason):
    proposal = tune(run, current=0.5)
    assert (proposal.threshold, proposal.advice, proposal.reason) == (None, Advice.CANNOT_SAY, reason)
    assert "stays at 0.50" in proposal.sentence


def test_a_run_of_one_class_says_what_it_lacks():
    right, wrong = tune(results(60, []), current=0.5), tune(results(0, [0.3] * 60), current=0.5)
    assert "all 60 answers are right" in right.sentence
    assert "all 60 answers are wrong" in wrong.sentence


def test_wrong_answers_that_are_never_sent_leave_nothing_to_be_afraid_of():
    refused = [judged(f"u{i}", answerable=False, can_answer=False) for i in range(5)]
    proposal = tune([*results(60, []), *refused], current=0.5)
    assert proposal.threshold == 0.9
    assert proposal.count is not None
    assert (proposal.count.answered, proposal.count.wrong) == (60, 0)


def test_settings_that_changed_since_the_run_keep_the_threshold():
    proposal = tune(
        results(190, [0.8] * 5 + [0.4] * 5), current=0.5, changed=("retrieval settings", "dataset")
    )
    assert (proposal.threshold, proposal.reason) == (None, "settings-changed")
    assert "stays at 0.50: since this run the retrieval settings and dataset changed" in proposal.sentence


def test_smalltalk_is_not_counted_and_unanswerable_questions_are():
    run = [
        *results(60, []),
        *(judged(f"t{i}", kind=QuestionKind.SMALLTALK) for i in range(9)),
        *(judged(f"u{i}", PASS, answerable=False, right=True, score=0.95) for i in range(2)),
    ]
    proposal = tune(run, current=0.5)
    assert proposal.n == 62
    assert proposal.reason == "no-safe-threshold", "the two best scores belong to what no page answers"


def test_an_answer_that_may_not_be_sent_is_unanswered_at_every_threshold():
    assert as_row(judged("a", can_answer=False, score=0.9)).score is None
    assert as_row(judged("a", can_answer=False, score=0.9, answer=None)).score == 0.9


def test_from_retrieval_alone_it_is_an_estimate_and_says_so():
    run = [judged(f"q{i}", answer=None, right=False, can_answer=False) for i in range(60)]
    missed = [judged(f"m{i}", FAIL, answer=None, score=0.4) for i in range(5)]
    proposal = tune([*run, *missed], current=0.5)
    assert proposal.is_estimate
    assert proposal.threshold == 0.55
    assert "promises nothing" in proposal.sentence
    assert "confidence" not in proposal.sentence


@pytest.mark.parametrize(
    ("current", "before", "advice", "reason", "wants"),
    [
        (0.61, False, Advice.KEEP, "small-change", False),
        (0.95, False, Advice.KEEP, "once", True),
        (0.95, True, Advice.PROPOSE, "tuned", True),
        (0.00, False, Advice.KEEP, "once", True),
    ],
    ids=["the same coverage", "much less coverage", "for the second time", "over the budget"],
)
def test_a_tuned_threshold_moves_only_for_a_reason_seen_twice(current, before, advice, reason, wants):
    run = results(180, [0.8] * 5 + [0.4] * 15)
    proposal = tune(run, current=current, is_tuned=True, wanted_before=before)
    assert (proposal.advice, proposal.reason, proposal.wants_change) == (advice, reason, wants)
    assert proposal.count is not None
    assert proposal.count.threshold == 0.6
    assert proposal.threshold == (current if advice is Advice.KEEP else 0.6)
    assert (advice is Advice.KEEP) == proposal.sentence.startswith(f"Keep {current:.2f}")


def test_a_whole_run_shows_its_curve_and_what_other_budgets_would_do():
    proposal = tune(invented_run(), current=0.5)
    coverages = [point.coverage for point in proposal.curve]
    assert coverages == sorted(coverages, reverse=True)
    assert [w.budget for w in proposal.what_if] == [0.03, 0.05, 0.10]
    assert proposal.what_if[1].count == proposal.count
