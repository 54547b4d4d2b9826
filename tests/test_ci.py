"""The verdict in the forms that CI reads, for a run that failed and one that did not."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.evaluate.baseline import pin
from kbtool.evaluate.ci import github_commands, junit, step_summary
from kbtool.evaluate.compare import compare
from kbtool.evaluate.gate import judge
from kbtool.evaluate.metrics import summarize
from kbtool.evaluate.record import Outcome, Result
from kbtool.evaluate.view import View
from kbtool.golden import Stale
from kbtool.tune import Promise, tune
from tests.data.invented_run import SPEC, judged


def view_of(results: list[Result], before: list[Result] | None = None, stale: tuple[Stale, ...] = ()) -> View:
    again = {r.golden.id: r.outcome is Outcome.PASS for r in before or ()}
    baseline = pin(before, SPEC, date="2026-11-01", why="test", again=again) if before else None
    comparison = compare(baseline, results, SPEC) if baseline else None
    return View(
        spec=SPEC,
        results=results,
        metrics=summarize(results, k=5),
        verdict=judge(results, comparison, {}),
        proposal=tune(results, Promise(), current=0.5, is_tuned=False, wanted_before=False, floor=0.15),
        comparison=comparison,
        stale=stale,
    )


BEFORE = [judged(f"q{n}") for n in range(40)] + [judged("old-miss", Outcome.FAIL)]
AFTER = [judged(f"q{n}", Outcome.FAIL if n < 12 else Outcome.PASS) for n in range(40)] + [
    judged("old-miss", Outcome.FAIL),
    judged("unasked", Outcome.ERROR),
]


def cases(text: str) -> dict[str, ET.Element]:
    return {case.get("name", ""): case for case in ET.fromstring(text).findall("testcase")}


def test_junit_is_red_where_the_run_is_and_for_what_made_it_so():
    found = cases(junit(view_of(AFTER[:-1], BEFORE)))
    assert found["fail"].find("failure") is not None
    assert found["q3"].find("failure") is not None
    assert found["old-miss"].find("failure") is None
    assert found["old-miss"].find("skipped") is not None
    assert list(found["q20"]) == []


def test_junit_of_a_good_run_has_no_failure_though_old_misses_are_listed():
    root = ET.fromstring(junit(view_of(BEFORE, BEFORE)))
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("0", "0", "1")
    assert root.get("tests") == "42"


def test_an_error_is_no_failure():
    found = cases(junit(view_of(AFTER, BEFORE)))
    assert found["unasked"].find("error") is not None
    assert found["unasked"].find("failure") is None


@given(st.text(alphabet=st.characters(codec="utf-8")), st.text(alphabet='\x00\x1f\ud800\udfff￾&<>"]]>\n'))
def test_junit_is_xml_whatever_a_question_says(question, dirt):
    result = judged("q", Outcome.FAIL, question=question)
    ET.fromstring(junit(view_of([replace(result, why=dirt + question)])))


def test_annotations_stand_on_the_line_of_the_question():
    golden = replace(AFTER[0].golden, file="evals/en.yaml", line=12)
    results = [replace(AFTER[0], golden=golden), *AFTER[1:-1]]
    lines = list(github_commands(view_of(results, BEFORE)))
    assert lines[0].startswith("::error title=kbtool::Regression")
    assert any("file=evals/en.yaml,line=12,title=newly broken::q0" in line for line in lines)
    assert len(lines) <= 10
    assert list(github_commands(view_of(BEFORE, BEFORE))) == []


@pytest.mark.parametrize("text", ["a\nb", "::error::c", "100%", "x\r\n::set-output name=y::z"])
def test_no_question_can_give_the_runner_a_command(text):
    results = [judged("q0", Outcome.FAIL, question=text, critical=True), *BEFORE[1:]]
    for line in github_commands(view_of(results, BEFORE)):
        assert "\n" not in line
        assert "\r" not in line


def test_the_summary_has_the_verdict_the_rates_and_what_to_do():
    summary = step_summary(view_of(AFTER[:-1], BEFORE))
    assert summary.startswith("### ✗ Regression")
    assert "28 of 41 (68%)" in summary
    assert "**newly broken** `q0`" in summary


def test_the_summary_shows_no_tag_of_a_question():
    results = [judged("q0", Outcome.FAIL, question="<img src=x> | @team #1", critical=True), *BEFORE[1:]]
    summary = step_summary(view_of(results, BEFORE))
    assert "<img" not in summary
    assert "@team" not in summary
