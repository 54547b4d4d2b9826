"""The report in a real browser, opened from the file system as a mail attachment is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from kbtool.evaluate.report import render
from tests.data.invented_run import invented_run
from tests.test_report import view_of


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    view = view_of(invented_run(7, quality=0.8), invented_run(7, quality=0.95))
    path.write_text(render(view), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_says_nothing_to_the_console(
    browser: Browser, report: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    wide, seen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    context.close()
    assert wide <= seen
    assert said == []
    assert asked == [report]


def test_with_scripts_off_the_figures_and_plots_are_there(browser: Browser, report: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report)
    text = page.inner_text("body")
    plots = page.locator("svg").count()
    context.close()
    assert "hit@5" in text
    assert "MRR@10" in text
    assert "threshold" in text.casefold()
    assert plots >= 2


def test_the_filter_narrows_the_list_and_a_key_opens_a_question(browser: Browser, report: str) -> None:
    page = browser.new_page()
    page.goto(report)
    rows = page.locator("details:visible")
    everything = rows.count()
    page.get_by_label("fail", exact=False).first.check()
    some = rows.count()
    first = page.locator("details:visible > summary").first
    first.focus()
    page.keyboard.press("Enter")
    is_open = page.evaluate("document.activeElement.parentElement.open")
    page.close()
    assert 0 < some < everything
    assert is_open


def test_the_rows_can_be_sorted_and_put_back(browser: Browser, report: str) -> None:
    page = browser.new_page()
    page.goto(report)

    def ids() -> list[str]:
        found: list[str] = page.eval_on_selector_all("#rows .body", "rows => rows.map(row => row.id)")
        return found

    def numbers(name: str) -> list[float]:
        known = f"rows => rows.map(row => row.dataset.{name}).filter(value => value).map(Number)"
        found: list[float] = page.eval_on_selector_all("#rows details", known)
        return found

    first = ids()
    page.get_by_label("Sort by").select_option("score")
    assert numbers("score") == sorted(numbers("score"), reverse=True)
    page.get_by_label("Sort by").select_option("rank")
    assert numbers("rank") == sorted(numbers("rank"))
    page.get_by_label("Sort by").select_option("order")
    assert ids() == first
    page.close()


def test_words_narrow_the_list_by_question_id_and_tag(browser: Browser, report: str) -> None:
    page = browser.new_page()
    page.goto(report)
    for words, expected in (("billing", "billing"), ("two-step SIGN-IN", "two-step sign-in")):
        page.get_by_label("Filter").fill(words)
        shown = page.locator("#rows details:visible").all_text_contents()
        assert shown
        assert all(expected in text.casefold() for text in shown)
    page.close()


def test_the_download_has_the_texts_of_the_page(browser: Browser, report: str) -> None:
    page = browser.new_page()
    page.goto(report)
    with page.expect_download() as begun:
        page.get_by_text("Download as JSON").click()
    data = json.loads(Path(begun.value.path()).read_text(encoding="utf-8"))
    page.close()
    asked = [question for question in data["questions"] if question.get("chunks")]
    assert all(chunk["text"] and chunk["title"] for question in asked for chunk in question["chunks"])
    assert all("answer" in question for question in data["questions"])
