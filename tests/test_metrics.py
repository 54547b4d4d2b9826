"""Metrics: trec_eval's values, intervals, what is left out, and what is said of nothing."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.evaluate.metrics import Rate, measure, summarize
from kbtool.evaluate.record import Outcome, QuestionKind, Relevant, Result
from tests.data.invented_run import invented_run, judged

RANK = st.one_of(st.none(), st.integers(1, 10))
REFERENCE = json.loads((Path(__file__).parent / "data" / "reference_metrics.json").read_text())


def test_rank_measures_are_those_that_three_libraries_agree_on():
    means = measure(REFERENCE["qrels"], REFERENCE["rankings"], k=3)
    expected = REFERENCE["means"]
    assert means.n == 5
    assert means.hit_1 == pytest.approx(expected["hit@1"], abs=1e-12)
    assert means.hit_3 == means.hit_k == pytest.approx(expected["hit@3"], abs=1e-12)
    assert means.hit_5 == pytest.approx(expected["hit@5"], abs=1e-12)
    assert means.recall_5 == pytest.approx(expected["recall@5"], abs=1e-12)
    assert means.mrr_10 == pytest.approx(expected["mrr@10"], abs=1e-12)
    assert means.ndcg_10 == pytest.approx(expected["ndcg@10"], abs=1e-12)
    assert means.map_10 == pytest.approx(0.529138, abs=5e-7)


@pytest.mark.parametrize("question", ["t1", "t2"])
def test_the_order_that_was_given_is_the_order_that_counts(question):
    ties = REFERENCE["ties"]
    means = measure({question: ties["qrels"][question]}, {question: ties["ranking"]}, k=5)
    assert means.mrr_10 == ties["reciprocal_rank"][question]


def test_a_question_that_found_nothing_counts_as_nought():
    assert measure({"a": {"d": 1}, "b": {"d": 1}}, {"a": ["d"]}, k=5).hit_5 == 0.5


def test_over_nothing_every_metric_is_none():
    metrics = summarize([], k=5)
    assert metrics.found.value is None
    assert metrics.found.interval is None
    assert metrics.auroc is None
    assert metrics.slices == ()
    assert {metrics.section.hit_k, metrics.document.mrr_10, metrics.evidence.ndcg_10} == {None}


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [(30, 0.70, 0.95), (50, 0.72, 0.92), (100, 0.77, 0.91), (200, 0.79, 0.89), (500, 0.82, 0.88)],
)
def test_intervals_at_85_percent(n, low, high):
    """Wilson's interval is not symmetric in counts, so the two neighbours of 85 % span the printed one."""
    below, above = Rate(int(0.85 * n), n).interval, Rate(-int(-0.85 * n // 1), n).interval
    assert below is not None
    assert above is not None
    assert round(below[0], 2) <= low <= round(above[0], 2)
    assert round(below[1], 2) <= high <= round(above[1], 2)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_rate_and_stays_within_bounds(counts):
    rate = Rate(*counts)
    assert rate.interval is not None
    assert rate.value is not None
    low, high = rate.interval
    assert 0 <= low <= rate.value <= high <= 1


def test_unanswerable_smalltalk_and_errors_stay_out_of_the_headline():
    results = [
        judged("found", rank_section=1),
        judged("missed", Outcome.FAIL),
        judged("refused", Outcome.PASS, answerable=False, right=False),
        judged("answered-anyway", Outcome.FAIL, answerable=False),
        judged("not-decided", None, answerable=False, answer=None),
        judged("thanks", kind=QuestionKind.SMALLTALK),
        judged("down", Outcome.ERROR),
    ]
    metrics = summarize(results, k=5)
    assert metrics.found == Rate(1, 2)
    assert metrics.refusals == Rate(1, 2)
    assert (metrics.errors, metrics.smalltalk, metrics.unanswerable) == (1, 1, 3)
    assert metrics.section.n == metrics.document.n == 2


def test_a_relevant_document_that_was_not_returned_lowers_recall():
    places = (Relevant("a"), Relevant("b"))
    result = judged("two", ranking=(("a", True), ("c", False)), rank_section=1, relevant=places)
    metrics = summarize([result], k=5)
    assert metrics.document.recall_5 == 0.5
    assert metrics.section.hit_1 == 1


def placed(*ranks: tuple[int | None, int | None], evidence: str = "words") -> Result:
    """A question with so many relevant places, found at these section and evidence ranks."""
    places = tuple(Relevant("a", (f"Part {i}",), evidence) for i in range(len(ranks)))
    first = min((section for section, _ in ranks if section), default=None)
    outcome = Outcome.PASS if first and first <= 5 else Outcome.FAIL
    return replace(judged("q", outcome, rank_section=first, relevant=places), places=ranks)


def test_section_measures_come_from_where_each_relevant_section_stood():
    place = (Relevant("a", ("A",)),)
    results = [judged(str(rank), rank_section=rank, relevant=place) for rank in (1, 2, 6)]
    section = summarize([*results, judged("none", Outcome.FAIL, relevant=place)], k=2).section
    assert (section.hit_1, section.hit_3, section.hit_k, section.hit_5) == (0.25, 0.5, 0.5, 0.5)
    assert section.mrr_10 == pytest.approx((1 + 1 / 2 + 1 / 6) / 4)


def test_recall_and_ndcg_count_every_relevant_section():
    section = summarize([placed((1, None), (3, None), (None, None), (7, None))], k=5).section
    ideal = sum(1 / math.log2(1 + rank) for rank in (1, 2, 3, 4))
    assert section.recall_5 == 0.5
    assert section.ndcg_10 == pytest.approx(sum(1 / math.log2(1 + rank) for rank in (1, 3, 7)) / ideal)
    assert section.map_10 == pytest.approx((1 + 2 / 3 + 3 / 7) / 4)


def test_a_chunk_that_shows_two_sections_at_once_is_one_find():
    section = summarize([placed((2, None), (2, None))], k=5).section
    assert (section.hit_1, section.hit_3, section.recall_5, section.mrr_10) == (0, 1, 1, 0.5)


def test_evidence_measures_leave_out_places_that_name_no_evidence():
    plain = placed((1, 1), evidence="")
    plain = replace(plain, golden=replace(plain.golden, id="plain"))
    metrics = summarize([placed((1, 4), (2, None)), plain], k=5)
    assert (metrics.evidence.n, metrics.evidence.recall_5, metrics.evidence.mrr_10) == (1, 0.5, 0.25)
    assert (metrics.section.n, metrics.section.recall_5) == (2, 1)


@given(st.lists(st.tuples(RANK, RANK), min_size=1, max_size=4))
def test_no_level_says_other_than_the_headline(ranks):
    """hit@k at section level is the rate of the headline; trec_eval and we count the same."""
    result = placed(*ranks)
    metrics = summarize([result], k=5)
    assert metrics.section.hit_k == metrics.found.value
    assert metrics.section.mrr_10 == (1 / result.rank_section if result.rank_section else 0)


def test_auroc_is_the_chance_that_right_scores_above_wrong():
    results = [
        judged("a", score=0.9),
        judged("b", score=0.5),
        judged("c", Outcome.FAIL, score=0.5),
        judged("d", Outcome.FAIL, score=None),
    ]
    assert summarize(results, k=5).auroc == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_where_no_answer_was_asked_for_a_hit_stands_in():
    hit = judged("a", answer=None, right=False, score=0.8)
    miss = judged("b", Outcome.FAIL, answer=None, score=0.3)
    metrics = summarize([hit, miss], k=5)
    assert metrics.scores.right == (0.8,)
    assert metrics.scores.wrong == (0.3,)
    assert metrics.good_answers == Rate(0, 0)


def test_scores_are_told_apart_by_what_they_led_to():
    results = [
        judged("a", score=0.9),
        judged("b", score=None),
        judged("c", None, answerable=False, score=0.2),
    ]
    scores = summarize(results, k=5).scores
    assert (scores.right, scores.wrong, scores.unanswerable, scores.missing) == ((0.9,), (), (0.2,), 1)


def test_slices_count_a_question_under_each_of_its_tags_and_hide_small_rates():
    many = [judged(f"a{i}", tags=("billing", "refund"), inbox="web") for i in range(15)]
    few = [judged(f"b{i}", Outcome.FAIL, tags=("billing",), lang="zh") for i in range(3)]
    slices = {(s.by, s.name): s for s in summarize([*many, *few], k=5).slices}
    assert slices["tag", "billing"].found == Rate(15, 18)
    assert slices["tag", "refund"].found == Rate(15, 15)
    assert slices["inbox", "web"].has_rate
    assert not slices["language", "zh"].has_rate
    assert ("inbox", "") not in slices


def test_a_whole_run_adds_up():
    results = invented_run()
    metrics = summarize(results, k=5)
    assert metrics.questions == len(results)
    assert metrics.questions == metrics.errors + metrics.smalltalk + metrics.unanswerable + metrics.found.n
    assert metrics.section.hit_k == pytest.approx(metrics.found.value)
    languages = [s for s in metrics.slices if s.by == "language"]
    assert sum(s.found.n for s in languages) == metrics.found.n


def test_nothing_heavy_is_imported_before_it_is_needed():
    """`kbtool --help` imports these modules, and must not wait for scientific libraries."""
    modules = ["metrics", "compare", "gate", "report"]
    wanted = "; ".join(f"import kbtool.evaluate.{name}" for name in modules) + "; import kbtool.tune, sys"
    heavy = "{'numpy', 'scipy', 'pandas', 'ir_measures', 'jinja2', 'pydantic'}"
    done = subprocess.run(
        [sys.executable, "-c", f"{wanted}; print(*sorted({heavy} & sys.modules.keys()))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert done.stdout.strip() == ""
