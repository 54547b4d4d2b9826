"""The verdict: each rule alone, their order, and how seldom all of them together raise a false alarm."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.errors import Exit
from kbtool.evaluate.baseline import Baseline, Pinned, pin
from kbtool.evaluate.compare import Comparison, NotComparable, compare, mcnemar
from kbtool.evaluate.gate import Status, Verdict, judge, to_reask
from kbtool.evaluate.power import chance_of_broken, detectable_drop
from kbtool.evaluate.record import Check, Found, Outcome, Result
from tests.data.invented_run import SPEC, judged

PASS, FAIL, ERROR = Outcome.PASS, Outcome.FAIL, Outcome.ERROR


def baseline(results: list[Result], *, flip_rate: float | None = 0.01, reasks: int = 200) -> Baseline:
    """Nothing passed twice, so that only the rules on counts are looked at."""
    questions = tuple(
        Pinned(r.golden.id, r.golden.content_hash, r.outcome is PASS, False, r.golden.critical)
        for r in results
    )
    return Baseline(
        run_id="r",
        date="2026-11-14",
        why="test",
        fingerprint=SPEC.fingerprint,
        k=SPEC.k,
        threshold=SPEC.threshold,
        corpus_hash="c",
        flip_rate=flip_rate,
        reasks=reasks,
        questions=questions,
    )


def runs(n: int, *, lost: int = 0, gained: int = 0) -> tuple[list[Result], Comparison]:
    """`n` questions, of which the first `lost` passed only before and the next `gained` pass only now."""
    before = [judged(f"q{i}", FAIL if lost <= i < lost + gained else PASS) for i in range(n)]
    now = [judged(f"q{i}", FAIL if i < lost else PASS) for i in range(n)]
    comparison = compare(baseline(before), now, SPEC)
    assert isinstance(comparison, Comparison)
    return now, comparison


def verdict_on(
    n: int, *, lost: int, gained: int = 0, still_lost: int | None = None, before: bool = False
) -> Verdict:
    now, comparison = runs(n, lost=lost, gained=gained)
    still = lost if still_lost is None else still_lost
    confirmations = {i: number >= still for number, i in enumerate(comparison.lost)}
    confirmations |= dict.fromkeys(comparison.gained, True)
    return judge(now, comparison, confirmations, watched_before=before)


def test_nothing_lost_is_ok():
    verdict = verdict_on(200, lost=0)
    assert (verdict.status, verdict.exit_code, verdict.reasons) == (Status.OK, Exit.OK, ())
    assert verdict.sentence.startswith("No regression. 200 of 200 found (100.0%")
    assert "can notice drops of about 4 points" in verdict.sentence


@pytest.mark.parametrize(
    ("n", "lost", "gained", "status"),
    [
        (200, 4, 0, Status.OK),
        (200, 5, 0, Status.WATCH),
        (200, 7, 0, Status.FAIL),
        (200, 9, 1, Status.WATCH),
        (200, 10, 1, Status.FAIL),
        (400, 7, 0, Status.WATCH),
        (400, 12, 0, Status.FAIL),
        (200, 20, 20, Status.OK),
    ],
)
def test_the_counts_that_watch_and_fail(n, lost, gained, status):
    verdict = verdict_on(n, lost=lost, gained=gained)
    assert verdict.status is status
    assert verdict.watches_drop == (mcnemar(lost, gained) <= 0.05)


def test_a_drop_that_is_gone_on_asking_again_is_only_watched():
    assert verdict_on(200, lost=8, still_lost=6).status is Status.WATCH


def test_two_watches_in_a_row_fail():
    assert verdict_on(200, lost=5, before=True).status is Status.FAIL
    assert verdict_on(200, lost=5, before=True, still_lost=4).status is Status.WATCH


def test_a_watch_is_pending_only_when_strict():
    now, comparison = runs(200, lost=5)
    assert judge(now, comparison, {}).exit_code is Exit.OK
    assert judge(now, comparison, {}, strict=True).exit_code is Exit.PENDING


@pytest.mark.parametrize(
    ("first", "again", "status"),
    [
        (FAIL, {"c": False}, Status.FAIL),
        (FAIL, {"c": True}, Status.OK),
        (FAIL, {}, Status.FAIL),
        (ERROR, {"c": True}, Status.OK),
        (ERROR, {"c": False}, Status.FAIL),
        (ERROR, {}, Status.INVALID),
    ],
)
def test_a_critical_question_decides_alone(first, again, status):
    others = [judged(f"q{i}") for i in range(99)]
    before, now = [*others, judged("c", critical=True)], [*others, judged("c", first, critical=True)]
    comparison = compare(baseline(before), now, SPEC)
    assert to_reask(now, comparison) == ("c",)
    verdict = judge(now, comparison, again)
    assert verdict.status is status
    if status is Status.FAIL:
        assert "critical question c" in verdict.sentence


def test_a_critical_question_fails_without_any_baseline():
    verdict = judge([judged("c", FAIL, critical=True)], None, {"c": False})
    assert (verdict.status, verdict.exit_code) == (Status.FAIL, Exit.REGRESSION)


def test_a_critical_question_that_is_no_longer_asked_is_watched():
    before, now = [judged("a"), judged("c", critical=True)], [judged("a")]
    verdict = judge(now, compare(baseline(before), now, SPEC), {})
    assert verdict.status is Status.WATCH
    assert [r.rule for r in verdict.reasons] == ["critical-gone"]


def test_a_small_set_fails_on_questions_that_are_steadily_broken():
    """Forty questions: four lost are nothing to McNemar, but these four never failed before."""
    before = [judged(f"q{i}") for i in range(40)]
    steady = pin(before, SPEC, date="2026-11-14", why="test", again={f"q{i}": True for i in range(40)})
    now = [judged(f"q{i}", FAIL if i < 4 else PASS) for i in range(40)]
    comparison = compare(steady, now, SPEC)
    verdict = judge(now, comparison, dict.fromkeys(("q0", "q1", "q2", "q3"), False))
    assert verdict.status is Status.FAIL
    assert [r.rule for r in verdict.reasons] == ["broken"]
    assert judge(now, comparison, {"q3": True}).status is Status.OK


def test_no_baseline_is_never_ok():
    verdict = judge([judged("a")], None, {}, strict=True)
    assert (verdict.status, verdict.exit_code) == (Status.NO_BASELINE, Exit.PENDING)


@pytest.mark.parametrize(
    ("results", "stale", "rule"),
    [
        ([], (), "empty"),
        ([judged("a", None)], (), "empty"),
        ([*[judged(f"q{i}") for i in range(97)], *[judged(f"e{i}", ERROR) for i in range(3)]], (), "errors"),
        ([judged(f"q{i}") for i in range(89)], tuple(f"s{i}" for i in range(11)), "stale"),
    ],
    ids=["empty set", "nothing decided", "errors", "stale"],
)
def test_a_run_that_proves_nothing_is_invalid(results, stale, rule):
    verdict = judge(results, None, {}, stale=stale)
    assert (verdict.status, verdict.exit_code) == (Status.INVALID, Exit.INVALID)
    assert verdict.reasons[0].rule == rule


def test_two_errors_in_a_hundred_and_ten_stale_ones_are_let_pass():
    results = [*[judged(f"q{i}") for i in range(98)], judged("e1", ERROR), judged("e2", ERROR)]
    comparison = compare(baseline(results), results, SPEC)
    assert judge(results, comparison, {}, stale=tuple(f"s{i}" for i in range(11))).status is Status.OK


def test_a_refused_comparison_is_invalid_and_says_why():
    verdict = judge([judged("a")], NotComparable("other settings"), {})
    assert verdict.status is Status.INVALID
    assert "other settings" in verdict.sentence


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([PASS, FAIL, ERROR, None])), min_size=1, max_size=60),
    st.booleans(),
)
def test_never_a_wrong_green(world, strict):
    """OK is only said when something was compared, little failed to be asked and no critical one failed."""
    now = [judged(f"q{i}", outcome, critical=critical) for i, (critical, outcome) in enumerate(world)]
    before = [judged(f"q{i}", critical=critical) for i, (critical, _) in enumerate(world)]
    verdict = judge(now, compare(baseline(before), now, SPEC), {}, strict=strict)
    if verdict.status is Status.OK:
        outcomes = [r.outcome for r in now]
        assert PASS in outcomes
        assert outcomes.count(ERROR) <= 0.02 * len(now)
        assert not any(r.golden.critical and r.outcome in {FAIL, ERROR} for r in now)
        assert mcnemar(outcomes.count(FAIL), 0) > 0.05
        assert outcomes.count(FAIL) == 0 or outcomes.count(PASS) + outcomes.count(FAIL) >= 5
    assert (verdict.exit_code is Exit.OK) <= (verdict.status in {Status.OK, Status.WATCH})


@pytest.mark.parametrize(
    ("n", "points"), [(30, 14.0), (50, 8.6), (80, 6.8), (100, 5.5), (200, 3.3), (300, 2.5), (500, 1.7)]
)
def test_the_drop_that_a_set_can_notice(n, points):
    """At one question in a hundred lost, and one gained, by nothing but noise."""
    drop = detectable_drop(n, 0.02)
    assert drop is not None
    assert 100 * drop == pytest.approx(points)


def test_the_noticeable_drop_is_the_one_that_tossing_finds():
    """Each question falls, or flips; of the fallen, those that flipped at the pin do not count as broken."""
    rng = random.Random(3)
    n, flip_rate = 60, 0.04
    drop = detectable_drop(n, flip_rate)
    assert drop is not None
    noticed = 0
    for _ in range(rounds := 4000):
        fallen = sum(rng.random() < drop for _ in range(n))
        kinds = rng.choices("lgs", (flip_rate / 2, flip_rate / 2, 1 - flip_rate), k=n - fallen)
        broken = sum(rng.random() >= flip_rate for _ in range(fallen))
        is_watched = mcnemar(fallen + kinds.count("l"), kinds.count("g")) <= 0.05
        noticed += is_watched or chance_of_broken(broken, n, flip_rate) <= 0.001
    assert noticed / rounds == pytest.approx(0.8, abs=0.02)


@given(st.integers(1, 300), st.floats(0, 0.3))
def test_more_noise_never_makes_a_set_sharper(n, flip_rate):
    quiet, noisy = detectable_drop(n, flip_rate / 2), detectable_drop(n, flip_rate)
    assert noisy is None or (quiet is not None and quiet <= noisy + 0.02)


def test_four_questions_can_notice_nothing():
    """Whose pin was read with caution: no flip among four can still mean one in two."""
    assert detectable_drop(4, 0.527) is None


def test_the_chance_of_broken_questions_bounds_every_mixture_of_flakiness():
    """Ten coins among 100 steady questions flip 5 %: four asks of each give no more than the bound says."""
    rng = random.Random(5)
    worlds = [sum(rng.random() < 1 / 16 for _ in range(10)) for _ in range(20_000)]
    for broken in (1, 2, 3):
        observed = sum(w >= broken for w in worlds) / len(worlds)
        assert observed <= chance_of_broken(broken, 110, 5 / 110) + 0.01


def test_all_rules_together_seldom_raise_a_false_alarm():
    """40 half-years of 13 fortnightly runs, 100 questions, a tenth of them flaky, nothing ever changes."""
    rng = random.Random(11)
    alarms = 0
    for _ in range(40):
        steadiness = [rng.choice((0.7, 0.85, 0.3)) if i < 10 else float(i < 88) for i in range(100)]
        asked = [[judged(f"q{i}", FAIL), judged(f"q{i}", PASS)] for i in range(100)]

        def ask(steadiness: list[float] = steadiness, asked: list[list[Result]] = asked) -> list[Result]:
            return [both[rng.random() < p] for both, p in zip(asked, steadiness, strict=True)]

        again = {r.golden.id: r.outcome is PASS for r in ask()}
        pinned = pin(ask(), SPEC, date="2026-11-14", why="simulation", again=again)
        watched = False
        for _ in range(13):
            now = ask()
            comparison = compare(pinned, now, SPEC)
            second = {r.golden.id: r.outcome is PASS for r in ask()}
            confirmations = {i: second[i] for i in to_reask(now, comparison)}
            verdict = judge(now, comparison, confirmations, watched_before=watched)
            watched = verdict.watches_drop
            alarms += verdict.status is Status.FAIL
    assert alarms <= 4, "of 520 runs"


def test_a_real_drop_is_found():
    """20 of 100 questions break for good: all 20 worlds notice."""
    rng = random.Random(12)
    for _ in range(20):
        before = [judged(f"q{i}", PASS if rng.random() < 0.9 else FAIL) for i in range(100)]
        now = [judged(f"q{i}", FAIL) if i < 20 else before[i] for i in range(100)]
        comparison = compare(baseline(before), now, SPEC)
        assert judge(now, comparison, dict.fromkeys(to_reask(now, comparison), False)).status is Status.FAIL


def test_a_critical_question_whose_page_is_gone_makes_no_green_run():
    now = [judged(f"q{i}") for i in range(60)]
    verdict = judge(now, compare(baseline(now), now, SPEC), {}, stale=["window"], stale_critical=["window"])
    assert (verdict.status, verdict.exit_code) == (Status.INVALID, Exit.INVALID)
    assert "window" in verdict.reasons[0].ids


def test_an_app_that_searches_elsewhere_is_something_to_watch():
    best, other = (Found("page", (("Page",),), 0.9, text) for text in ("a text", "another text"))
    asked = [judged(f"q{i}") for i in range(60)]
    now = [
        replace(r, reply=replace(r.reply, answer="x", retrieved=(best, other), cited=(best,))) for r in asked
    ]
    moved = [replace(r, reply=replace(r.reply, cited=(other, best))) for r in now[:10]]
    same = judge(now, compare(baseline(now), now, SPEC), {})
    assert "app" not in {reason.rule for reason in same.reasons}
    mixed = [*moved, *now[10:]]
    verdict = judge(mixed, compare(baseline(now), mixed, SPEC), {})
    assert (verdict.status, verdict.reasons[0].rule) == (Status.WATCH, "app")


def forbidden(question_id: str = "c", *, critical: bool = True) -> Result:
    """A question that was found, and whose answer says what it must not."""
    check = Check("must_not_contain", is_held=False, note="says '60 days'")
    return replace(judged(question_id, critical=critical), checks=(check,))


@pytest.mark.parametrize(
    ("again", "forbidden_again", "status"),
    [
        ({"c": True}, ["c"], Status.FAIL),
        ({"c": False}, [], Status.FAIL),
        ({}, [], Status.FAIL),
        ({"c": True}, [], Status.OK),
    ],
)
def test_a_critical_question_whose_answer_is_forbidden_is_not_green(again, forbidden_again, status):
    others = [judged(f"q{i}") for i in range(99)]
    comparison = compare(baseline([*others, judged("c", critical=True)]), [*others, forbidden()], SPEC)
    assert to_reask([*others, forbidden()], comparison) == ("c",)
    verdict = judge([*others, forbidden()], comparison, again, forbidden_again=forbidden_again)
    assert verdict.status is status
    if status is Status.FAIL:
        assert "Fail: critical question c got an answer that says what it must not" in verdict.sentence
        assert "100 of 100 found" in verdict.sentence


def test_a_forbidden_answer_to_any_other_question_is_no_reason_to_fail():
    now = [judged("q"), forbidden(critical=False)]
    assert to_reask(now, None) == ()
    assert judge(now, None, {}).status is Status.NO_BASELINE
