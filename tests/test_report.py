"""The report: one file that is whole without scripts or a network, and that no question can break."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup

from kbtool.evaluate.baseline import pin
from kbtool.evaluate.compare import compare
from kbtool.evaluate.gate import judge, to_reask
from kbtool.evaluate.metrics import Rate, summarize
from kbtool.evaluate.past import Before, Past
from kbtool.evaluate.plots import histogram, risk
from kbtool.evaluate.record import Check, Expected, Found, Outcome, Result
from kbtool.evaluate.report import render
from kbtool.evaluate.trend import trend
from kbtool.evaluate.view import View, check_rates, shown_questions, tasks_of
from kbtool.golden import Stale
from kbtool.judge.agreement import agreement
from kbtool.judge.asking import Judgement
from kbtool.judge.criteria import Criterion, Opinion, material_of
from kbtool.judge.verdicts import Judged
from kbtool.tune import tune
from tests.data.invented_run import SPEC, invented_run, judged

HOSTILE = '</script><script>alert(1)</script> & "quotes" \'n <b>bold</b> {{ 7 * 7 }} \u2028'


def view_of(results: list[Result], before: list[Result] | None = None, *, again: bool = False) -> View:
    comparison = None
    if before is not None:
        steady = {r.golden.id: r.outcome is Outcome.PASS for r in before}
        comparison = compare(pin(before, SPEC, date="2026-11-14", why="test", again=steady), results, SPEC)
    confirmations = dict.fromkeys(to_reask(results, comparison), again)
    return View(
        spec=SPEC,
        results=results,
        metrics=summarize(results, k=SPEC.k),
        verdict=judge(results, comparison, confirmations),
        proposal=tune(results, current=0.5),
        comparison=comparison,
        confirmations=confirmations,
    )


def past(run_id: str, found: int, *, fingerprint: str = SPEC.fingerprint) -> Past:
    rate, few = Rate(found, 163), Rate(9, 12)
    day, first = run_id[:10], Rate(found - 30, 163)
    return Past(run_id, day, rate, first, rate, few, "older", SPEC.golden_hash, fingerprint)


@pytest.fixture(scope="module")
def whole() -> View:
    """A run with everything in it: a regression, flaky questions, stale ones, an error and a past."""
    results, before = invented_run(7, quality=0.8), invented_run(7, quality=0.95)
    view = view_of(results, before)
    flaky = {i: number % 3 == 0 for number, i in enumerate(view.confirmations)}
    stale = replace(results[0].golden, id="old-plan", question="Is the old plan still sold?")
    return replace(
        view,
        confirmations=flaky,
        stale=[Stale(stale, "the page is gone")],
        past=[past("2026-11-07", 152, fingerprint="f" * 12), past(SPEC.run_id, 155)],
        previous={r.golden.id: Before.of(r) for r in before},
    )


@pytest.fixture(scope="module")
def page(whole: View) -> BeautifulSoup:
    return BeautifulSoup(render(whole), "lxml")


def data_of(page: BeautifulSoup):
    block = page.find("script", id="data")
    assert block is not None
    return json.loads(block.get_text())


def test_the_verdict_comes_first_and_is_the_verdict(page, whole):
    heading = page.find("h1")
    assert whole.verdict.sentence.startswith(" ".join(heading.get_text().split())[2:])
    assert heading.find_previous("h2") is None


def test_nothing_is_fetched_from_anywhere(page):
    assert not page.find_all(["link", "img", "iframe", "object", "base"])
    assert not page.find_all(src=True)
    assert all(link["href"].startswith("#") for link in page.find_all("a"))
    assert "url(" not in page.find("style").get_text()


def test_only_our_own_style_and_script_may_run(page):
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    script = page.find_all("script")[-1].get_text()
    for text in (page.find("style").get_text(), script):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not page.find_all(style=True), "the policy would drop it"


def test_every_question_is_there_without_scripts_and_every_link_leads_somewhere(page, whole):
    ids = [element["id"] for element in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in page.find_all("a")} <= set(ids)
    assert {f"q-{r.golden.id}" for r in whole.results} <= set(ids)
    assert len(page.select("#questions details")) == len(whole.results)


def test_state_never_hangs_on_colour_alone(page):
    signs = {"pass": "✓", "fail": "✗", "error": "!", "flaky": "≈", "open": "·"}
    for row in page.select("#questions details"):
        name = row["data-state"]
        assert row.summary.select_one(".sign").get_text() == signs[name]
        assert row.summary.select_one(".unseen").get_text() == f"{name}:"
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in page.find_all("svg"))


def test_a_broken_question_says_what_was_expected_and_what_came_first_instead(page, whole):
    broken = whole.settled.broken[0]
    result = next(r for r in whole.results if r.golden.id == broken)
    row = page.find("a", href=f"#q-{broken}").find_parent("li").get_text()
    assert result.golden.question in row
    assert " › ".join(result.golden.relevant[0].section) in row
    assert " › ".join(result.reply.retrieved[0].paths[0]) in row
    assert f"{result.reply.retrieved[0].score:.2f}" in row


def test_critical_and_newly_broken_questions_are_the_first_to_do(whole):
    tasks = tasks_of(whole, shown_questions(whole))
    urgent = [task.golden.critical or task.golden.id in whole.settled.broken for task in tasks]
    assert urgent == sorted(urgent, reverse=True)
    assert tasks[0].golden.critical
    assert [t.what for t in tasks].count("stale") == 1


def test_what_flipped_back_is_flaky_and_no_task(whole):
    states = {q.id: q.state.name for q in shown_questions(whole)}
    assert whole.settled.flaky
    assert {states[i] for i in whole.settled.flaky} == {"flaky"}
    assert not {t.golden.id for t in tasks_of(whole, shown_questions(whole))} & set(whole.settled.flaky)


def test_the_download_holds_what_the_page_shows(page, whole):
    data = data_of(page)
    assert data["verdict"]["sentence"] == whole.verdict.sentence
    assert data["verdict"]["exit_code"] == 3
    assert data["metrics"]["found"] == {"hits": whole.metrics.found.hits, "n": whole.metrics.found.n}
    assert data["fingerprint"] == SPEC.fingerprint
    assert data["comparison"]["broken"] == list(whole.settled.broken)
    assert [q["id"] for q in data["questions"]] == [q.id for q in shown_questions(whole)]
    assert [len(q.get("chunks", ())) for q in data["questions"]] == [
        len(row.select(".chunks .text")) for row in page.select("#questions details")
    ], "the script fills in their text by position"


def test_no_question_can_break_the_page():
    result = judged("hostile", Outcome.FAIL, question=HOSTILE, answer=HOSTILE, tags=('"><i>',))
    found = (Found(HOSTILE, ((HOSTILE,),), 0.4, HOSTILE),)
    result = replace(result, reply=replace(result.reply, retrieved=found), why=HOSTILE)
    page = BeautifulSoup(render(view_of([result])), "lxml")
    assert len(page.find_all("script")) == 2
    assert not page.find_all(["b", "i"])
    assert data_of(page)["questions"][0]["question"] == HOSTILE
    assert [ask.get_text() for ask in page.select("#questions .ask")] == [HOSTILE]


def test_500_questions_with_long_chinese_chunks_stay_under_a_megabyte_and_a_half():
    """Answers are long, too."""
    results = []
    for i, result in enumerate(r for seed in (1, 2, 3) for r in invented_run(seed)):
        name = f"{result.golden.id}-{i}"
        found = tuple(replace(f, text="退款到账时间说明。" * 400) for f in result.reply.retrieved) * 2
        reply = replace(result.reply, id=name, retrieved=found, answer="请先在订单页申请退款。" * 60)
        results.append(replace(result, golden=replace(result.golden, id=name), reply=reply))
    assert len(results) >= 500
    assert len(render(view_of(results, results)).encode()) < 1_500_000


@pytest.mark.parametrize(
    "results",
    [
        [],
        [judged("a", score=None)],
        [judged("a", None, answer=None, answerable=False)],
        [judged("a", Outcome.ERROR)],
        [judged("a", score=-0.2), judged("b", Outcome.FAIL, score=1.4)],
    ],
    ids=["empty", "no score", "nothing decided", "only an error", "odd scores"],
)
def test_a_poor_run_still_has_a_report(results):
    page = BeautifulSoup(render(view_of(results)), "lxml")
    assert len(page.select("#questions details")) == len(results)
    assert "nan" not in page.get_text().lower().split()


def test_a_refused_comparison_says_so():
    before, now = invented_run(7, copies=1), invented_run(7, copies=1)
    other = replace(SPEC, version="1.14.0")
    refused = compare(pin(before, other, date="2026-11-14", why="test", again={}), now, SPEC)
    view = replace(view_of(now), comparison=refused, verdict=judge(now, refused, {}))
    page = BeautifulSoup(render(view), "lxml")
    assert "other settings" in page.select("header")[0].get_text()
    assert "other settings" in data_of(page)["not_compared"]


def test_a_run_without_answers_shows_an_estimate():
    results = [replace(r, reply=replace(r.reply, answer=None)) for r in invented_run(7)]
    text = BeautifulSoup(render(view_of(results)), "lxml").get_text()
    assert "estimate" in text
    assert "not asked for in this run" in text


def test_bars_are_as_high_as_they_count():
    results = [judged("a", score=0.1), judged("b", score=0.1), judged("c", Outcome.FAIL, score=1.0)]
    view = view_of(results)
    plot = histogram(view.metrics.scores, view.proposal)
    assert plot is not None
    right, wrong, unanswerable = (bars for _, _, bars in plot.kinds)
    assert (max(right), max(wrong), max(unanswerable)) == (1.0, 0.5, 0.0)
    assert wrong[-1] == 0.5
    assert all(0 <= x <= 1 for _, _, x in plot.lines)


def test_the_risk_curve_stays_in_its_frame(whole):
    plot = risk(whole.proposal)
    assert plot is not None
    assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in plot.curve)
    assert risk(tune([judged("a", score=None)], current=0.5)) is None


def test_the_trend_needs_two_runs_and_marks_what_changed(whole):
    runs = [past("a", 152, fingerprint="f" * 12), past("b", 155), *whole.runs[-1:]]
    drawn = trend(runs, "b")
    assert drawn is not None
    assert [point.is_pinned for point in drawn.points] == [False, True, False]
    assert [what for _, what in drawn.changes] == [("settings",), ("knowledge base",)]
    assert drawn.pinned == drawn.points[1].y
    assert all(0 <= p.low <= p.y <= p.high <= 1 for p in drawn.points)
    unpinned = trend(runs, "removed since")
    assert unpinned is not None
    assert unpinned.pinned is None
    assert trend(replace(whole, past=()).runs) is None


def test_numbers_in_the_drawings_are_numbers(page):
    for element in page.select("svg *"):
        for name in ("x", "y", "width", "height", "cx", "cy", "points"):
            assert re.fullmatch(r"[-\d., ]*", element.get(name, ""))


def test_a_critical_question_with_a_forbidden_answer_is_the_first_to_do():
    check = Check("must_not_contain", is_held=False, note="says '60 days'")
    bad = replace(judged("c", critical=True), checks=(check,))
    view = view_of([judged("a", Outcome.FAIL), bad])
    first = tasks_of(view, shown_questions(view))[0]
    assert (first.golden.id, first.note) == ("c", "its answer says '60 days'")
    assert "its answer says &#39;60 days&#39;" in render(view)


def test_beside_every_score_of_a_judge_stands_what_it_is_worth():
    good, bad = judged("a", answer="Thirty days, from the day it arrives."), judged("b", answer="Who knows.")
    results = [
        replace(r, golden=replace(r.golden, expected=Expected((("Thirty days",),)))) for r in (good, bad)
    ]
    key = [material.key for r in results if (material := material_of(r))]
    opinion = Opinion(Criterion.COMPLETE, True, "Thirty days")
    said = {key[0]: Judgement(key[0], (opinion,)), key[1]: Judgement(key[1], (), "no JSON")}
    unknown, known = agreement(Criterion.COMPLETE, []), agreement(Criterion.COMPLETE, [(True, True)] * 40)
    for one, words in ((unknown, "no label yet, so nobody knows"), (known, "100% of 40 (40 both yes")):
        view = replace(view_of(results), judged=Judged("m", "s", (one,), said))
        rate = check_rates(view)[-1]
        assert (rate.kind, rate.held, rate.counts) == ("judge: complete", Rate(1, 1), False)
        assert rate.note.startswith("1 without a verdict. The judge ")
        assert words in render(view)
        assert data_of(BeautifulSoup(render(view), "lxml"))["checks"][-1]["note"] == rate.note


def test_a_judge_without_a_verdict_has_no_rate_and_without_a_judge_none_is_shown():
    results = [replace(judged("a"), golden=replace(judged("a").golden, expected=Expected((("x",),))))]
    view = replace(view_of(results), judged=Judged("m", "s", (agreement(Criterion.COMPLETE, []),), {}))
    assert check_rates(view)[-1].held == Rate(0, 0)
    assert "1 without a verdict" in render(view)
    assert not [one for one in check_rates(view_of(results)) if "judge" in one.kind]


def test_slices_show_answers_and_refusals_only_where_answers_were_asked_for(page):
    assert "Right refusals" in page.find(id="slices").get_text()
    silent = [replace(r, reply=replace(r.reply, answer=None)) for r in invented_run() if r.golden.answerable]
    slices = BeautifulSoup(render(view_of(silent)), "lxml").find(id="slices")
    assert slices is not None
    assert "Right refusals" not in slices.get_text()
