"""The labelling page in a real browser, served as `kbtool eval label` serves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page

from kbtool.judge.criteria import Criterion, Material
from kbtool.judge.labels import read_labels
from kbtool.judge.page import Answer, create_app
from tests.judging import beside

HOSTILE = "<script>document.title='caught'</script> & \"quoted\" " + "x" * 300
REFUSAL = Material("do you take crypto", "I can't find this in the help pages.", answerable=False)
ANSWERS = (
    Answer(
        "return-window",
        Material(
            question="how long can i wait before i send the brewer back",
            answer="You have **30 days** from delivery.\n\nThe return label costs EUR 6.50.",
            sources=(
                "Returning a product › Time limit\n\nYou have 30 days from delivery.\n" * 6,
                "The label costs EUR 6.50.",
            ),
            expected=("30 days from delivery",),
            history=("I bought a brewer in March",),
        ),
    ),
    Answer(
        "descaling",
        Material("多久除垢一次？", "每三个月除垢一次。", ("除垢与清洁\n每三个月一次。",), ("三个月",)),
    ),
    Answer("hostile", Material(HOSTILE, HOSTILE, (HOSTILE,), (HOSTILE,))),
    Answer("pay-in-coins", REFUSAL),
)


@dataclass(frozen=True)
class Served:
    """Where the page is, and where its labels go."""

    address: str
    labels: Path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    labels = tmp_path / "evals" / "labels.jsonl"
    app = create_app(ANSWERS, labels, run="2026-03-02T090000-500ab", now=lambda: "2026-03-02T09:00:00+00:00")
    with beside(app) as address:
        yield Served(address, labels)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_answer_fits_the_screen_and_says_nothing_to_the_console(
    browser: Browser, served: Served, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    sizes = []
    for path in (*(f"/answers/{n}" for n in range(1, 5)), "/done"):
        page.goto(served.address + path)
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        sizes.append(page.evaluate("[document.documentElement.scrollWidth, innerWidth]"))
        assert page.title() != "caught"
    context.close()
    assert all(wide <= seen for wide, seen in sizes)
    assert said == []
    assert all(url.startswith((served.address, "data:")) for url in asked)


def label_all_by_keys(page: Page, address: str) -> int:
    """Yes to everything, by keys alone; how many answers there were."""
    page.goto(address)
    for number in range(1, 10):
        groups = page.locator("fieldset").count()
        if not groups:
            return number - 1
        before = page.url
        for _ in range(groups):
            page.keyboard.press("y")
        page.keyboard.press("Enter")
        page.wait_for_function("before => location.href !== before", arg=before)
    return -1


def test_a_person_labels_a_whole_run_without_a_mouse(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    labelled = label_all_by_keys(page, served.address)
    said = page.inner_text("h1")
    page.close()
    labels = read_labels(served.labels)
    assert labelled == len(ANSWERS) == len(labels)
    assert said == "Every answer of this run has a label."
    for answer in ANSWERS:
        assert labels[answer.material.key].material == answer.material
        assert labels[answer.material.key].holds == dict.fromkeys(answer.material.criteria, True)


def test_a_label_can_be_seen_again_and_changed(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    label_all_by_keys(page, served.address)
    number = sorted(answer.material.key for answer in ANSWERS).index(REFUSAL.key) + 1
    page.goto(f"{served.address}/answers/{number}")
    was_chosen = page.locator("input:checked").input_value()
    page.locator("input[value=no]").check()
    page.get_by_label("Note").fill("it says how to ask")
    page.locator("#save").click()
    page.wait_for_url("**/done")
    page.close()
    label = read_labels(served.labels)[REFUSAL.key]
    assert was_chosen == "yes"
    assert (label.holds, label.note) == ({Criterion.REFUSES: False}, "it says how to ask")
    assert len(served.labels.read_text(encoding="utf-8").splitlines()) == len(ANSWERS) + 1


def test_what_a_person_cannot_say_is_a_label_without_a_verdict(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    page.goto(served.address)
    for _ in range(page.locator("fieldset").count()):
        page.keyboard.press("u")
    page.keyboard.press("Enter")
    page.wait_for_url("**/answers/2")
    page.close()
    (label,) = read_labels(served.labels).values()
    assert label.holds == {}


def test_it_works_with_scripts_off(browser: Browser, served: Served) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.address)
    for group in page.locator("fieldset").all():
        group.get_by_label("Yes").check()
    page.locator("#save").click()
    page.wait_for_url("**/answers/2")
    context.close()
    assert len(read_labels(served.labels)) == 1


def test_a_letter_in_the_note_is_a_letter(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    page.goto(served.address)
    page.get_by_label("Note").click()
    page.keyboard.type("yes, nobody knows")
    chosen, note = page.locator("input:checked").count(), page.get_by_label("Note").input_value()
    page.close()
    assert (chosen, note) == (0, "yes, nobody knows")


def test_no_other_site_can_label_or_read(served: Served) -> None:
    form = {"token": "guessed", "complete": "yes", "faithful": "yes", "refuses": "yes"}
    refused = httpx.post(f"{served.address}/answers/1", data=form)
    rebound = httpx.get(served.address, headers={"host": "evil.example"})
    large = httpx.post(f"{served.address}/answers/1", content=b"x" * 200_000)
    nothing = httpx.get(f"{served.address}/answers/99")
    assert (refused.status_code, rebound.status_code) == (403, 400)
    assert (large.status_code, nothing.status_code) == (403, 404)
    assert not served.labels.exists()
    policy = httpx.get(f"{served.address}/answers/1").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_file_that_cannot_be_written_is_said_and_nothing_is_lost(browser: Browser, served: Served) -> None:
    served.labels.parent.parent.mkdir(exist_ok=True)
    served.labels.parent.write_text("a file where the folder should be", encoding="utf-8")
    page = browser.new_page()
    page.goto(served.address)
    for _ in range(page.locator("fieldset").count()):
        page.keyboard.press("y")
    page.keyboard.press("Enter")
    page.locator("[role=alert]").wait_for()
    said = page.inner_text("[role=alert]")
    page.close()
    assert "Not saved" in said
