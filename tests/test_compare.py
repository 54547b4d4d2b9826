"""Comparison with a pinned baseline: what is paired, what is refused, and the baseline's file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.errors import ConfigError
from kbtool.evaluate.canaries import choose
from kbtool.evaluate.compare import (
    Baseline,
    Comparison,
    NotComparable,
    change_interval,
    compare,
    mcnemar,
    pin,
)
from kbtool.evaluate.record import Outcome, Result
from tests.data.invented_run import SPEC, invented_run, judged

PASS, FAIL = Outcome.PASS, Outcome.FAIL


def run(**outcomes: Outcome | None) -> list[Result]:
    return [judged(name, outcome) for name, outcome in outcomes.items()]


def pinned(results: list[Result], again: dict[str, bool] | None = None) -> Baseline:
    return pin(results, SPEC, date="2026-11-14", why="first pin", again=again or {})


def compared(before: list[Result], now: list[Result]) -> Comparison:
    comparison = compare(pinned(before), now, SPEC)
    assert isinstance(comparison, Comparison)
    return comparison


def test_lost_and_gained_are_told_apart():
    comparison = compared(run(a=PASS, b=PASS, c=FAIL, d=FAIL), run(a=PASS, b=FAIL, c=PASS, d=FAIL))
    assert (comparison.lost, comparison.gained, comparison.n, comparison.change) == (("b",), ("c",), 4, 0.0)


def test_errors_and_undecided_questions_are_not_paired_and_not_gone():
    before = run(a=PASS, b=PASS, c=PASS, d=None)
    comparison = compared(before, [*run(a=PASS, b=Outcome.ERROR, d=PASS)])
    assert [p.id for p in comparison.pairs] == ["a"]
    assert comparison.lost == ()
    assert (comparison.gone, comparison.added) == (("c",), ("d",))


def test_an_edited_question_is_not_compared_with_its_old_self():
    comparison = compared(run(a=PASS, b=PASS), [judged("a"), judged("b", FAIL, question="Other words?")])
    assert (comparison.edited, comparison.lost, comparison.n) == (("b",), (), 1)


def test_other_settings_are_refused_with_the_reason():
    other = replace(SPEC, embedding_model="another-model")
    refused = compare(pinned(run(a=PASS)), run(a=FAIL), other)
    assert isinstance(refused, NotComparable)
    assert SPEC.fingerprint in refused.reason


def test_an_app_that_searches_otherwise_is_refused_though_its_settings_read_the_same():
    before, now = invented_run(), invented_run()
    baseline = pin(before, SPEC, date="2026-11-14", why="pin", again={}, canaries=choose(before))
    assert isinstance(compare(baseline, now, SPEC), Comparison)

    def scored(result: Result) -> Result:
        cited = tuple(replace(found, score=(found.score or 0.0) / 2) for found in result.reply.cited)
        return replace(result, reply=replace(result.reply, cited=cited))

    refused = compare(baseline, [scored(result) for result in now], SPEC)
    assert isinstance(refused, NotComparable)
    assert "searches in another way than at the pin of 2026-11-14" in refused.reason
    assert "5 moved" in refused.reason
    assert Baseline.from_json(baseline.to_json(), name="main") == baseline
    # Word statistics move with every page that is added; vectors do not.
    edited, moved = replace(SPEC, corpus_hash="other"), [scored(result) for result in now]
    assert isinstance(compare(baseline, moved, edited), Comparison)
    semantic = replace(edited, retrieval={"search_method": "semantic_search"})
    same = replace(baseline, fingerprint=semantic.fingerprint)
    assert isinstance(compare(same, moved, semantic), NotComparable)


def test_another_threshold_does_not_read_as_a_loss_of_the_knowledge_base():
    before = [judged("a"), judged("coins", PASS, answerable=False)]
    now = [judged("a"), judged("coins", FAIL, answerable=False)]
    same = compare(pinned(before), now, SPEC)
    assert isinstance(same, Comparison)
    assert same.lost == ("coins",)
    moved = compare(pinned(before), now, replace(SPEC, threshold=SPEC.threshold - 0.2))
    assert isinstance(moved, Comparison)
    assert (moved.lost, moved.n) == ((), 1)


def test_another_k_or_nothing_in_common_is_refused():
    assert isinstance(compare(pinned(run(a=PASS)), run(a=PASS), replace(SPEC, k=3)), NotComparable)
    assert isinstance(compare(pinned(run(a=PASS)), run(b=PASS), SPEC), NotComparable)


@pytest.mark.parametrize(
    ("gained", "at_05", "at_01"), [(0, 5, 7), (1, 7, 10), (2, 9, 12), (3, 10, 14), (5, 13, 17)]
)
def test_the_smallest_losses_that_count(gained, at_05, at_01):
    assert mcnemar(at_05, gained) <= 0.05 < mcnemar(at_05 - 1, gained)
    assert mcnemar(at_01, gained) <= 0.01 < mcnemar(at_01 - 1, gained)


@given(st.integers(0, 300), st.integers(0, 300))
def test_losing_more_is_never_less_surprising(lost, gained):
    assert 0 < mcnemar(lost + 1, gained) <= mcnemar(lost, gained) <= 1
    assert mcnemar(lost, gained) + mcnemar(gained, lost) >= 1


def test_asking_again_sorts_the_flips():
    comparison = compared(run(a=PASS, b=PASS, c=FAIL, d=FAIL), run(a=FAIL, b=FAIL, c=PASS, d=PASS))
    settled = comparison.settle({"a": True, "c": False, "d": True})
    assert settled.broken == ("b",), "not asked again, so it stands as first seen"
    assert settled.fixed == ("d",)
    assert settled.flaky == ("a", "c")


def test_the_interval_of_the_change_is_the_same_each_time_and_holds_the_change():
    comparison = compared(invented_run(7), invented_run(8, quality=0.7))
    low, high = change_interval(comparison)
    assert (low, high) == change_interval(comparison)
    assert -1 <= low < comparison.change < high <= 1


def test_no_flip_has_no_width():
    assert change_interval(compared(run(a=PASS, b=FAIL), run(a=PASS, b=FAIL))) == (0.0, 0.0)


def test_slices_are_adjusted_for_their_number_and_small_ones_only_counted():
    before = [judged(f"q{i}", tags=("big",), lang="en") for i in range(20)]
    now = [judged(f"q{i}", FAIL if i < 6 else PASS, tags=("big",), lang="en") for i in range(20)]
    few_before = [judged(f"z{i}", tags=("few",), lang="zh") for i in range(3)]
    changes = {(s.by, s.name): s for s in compared([*before, *few_before], [*now, *few_before]).slices}
    assert changes["tag", "big"].p == pytest.approx(2 * mcnemar(6, 0))
    assert (changes["tag", "few"].lost, changes["tag", "few"].p) == (0, None)


def test_a_pin_measures_its_own_noise():
    baseline = pinned(run(a=PASS, b=PASS, c=FAIL, d=PASS), {"a": True, "b": False, "c": False, "gone": True})
    assert baseline.flip_rate == pytest.approx(1 / 3)
    assert baseline.reasks == 3
    assert {q.id: q.passed_twice for q in baseline.questions} == {
        "a": True,
        "b": False,
        "c": False,
        "d": False,
    }


def test_without_a_second_asking_the_flip_rate_is_not_known():
    baseline = pinned(run(a=PASS))
    assert baseline.flip_rate is None
    assert baseline.cautious_flip_rate == 1


@pytest.mark.parametrize(
    ("flips", "reasks", "cautious"), [(0, 40, 0.0722), (2, 200, 0.0311), (6, 200, 0.0583)]
)
def test_the_flip_rate_is_read_with_caution(flips, reasks, cautious):
    baseline = replace(pinned(run(a=PASS)), flip_rate=flips / reasks, reasks=reasks)
    assert baseline.cautious_flip_rate == pytest.approx(cautious, abs=5e-5)


@pytest.mark.parametrize("results", [[], run(a=PASS, b=FAIL), invented_run()], ids=["empty", "two", "many"])
def test_a_baseline_survives_its_file(results):
    baseline = pinned(results, {"a": True})
    assert Baseline.from_json(baseline.to_json(), name="main") == baseline


def test_a_baseline_file_has_one_line_for_each_question():
    text = pinned([judged("退款-1", question="几天？"), judged("b")]).to_json()
    assert sum('"content_hash"' in line for line in text.splitlines()) == 2
    assert "退款-1" in text


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 1}', pinned(run(a=PASS)).to_json().replace('"k": 5', '"k": "5"')],
    ids=["nothing", "a list", "no fields", "few fields", "wrong type"],
)
def test_what_is_no_baseline_is_said_so_by_name(text):
    with pytest.raises(ConfigError, match="baseline main"):
        Baseline.from_json(text, name="main")


def test_a_baseline_of_another_format_is_refused():
    text = pinned(run(a=PASS)).to_json().replace('"format": 2', '"format": 1')
    with pytest.raises(ConfigError, match="format 1"):
        Baseline.from_json(text, name="main")
