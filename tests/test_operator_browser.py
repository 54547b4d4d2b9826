"""The operator's pages in a real browser: read, walked through by keyboard, and one click that writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from kbtool.golden import accepting
from tests.improving import ICELAND, pages, project


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def address(config: Path) -> Iterator[str]:
    with pages(config) as where:
        yield where


def opened(browser: Browser, address: str, width: int, scheme: Literal["light", "dark"] = "light") -> Page:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, locale="en")
    page = context.new_page()
    page.goto(address)
    return page


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_the_pages_fit_the_screen_and_say_nothing_to_the_console(
    browser: Browser, address: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    said: list[str] = []
    axe = Axe()
    page = opened(browser, f"{address}/kpi", width, scheme)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in ("/kpi", "/kpi?lang=zh", "/queue", "/queue?lang=zh", "topic"):
        if path == "topic":
            page.get_by_role("link", name=ICELAND).click()
        else:
            page.goto(f"{address}{path}")
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate(OVERFLOWING) == [], path
        assert page.evaluate(NAMELESS) == [], path
        assert axe.run(page).response["violations"] == [], path
    assert said == []
    page.context.close()


OVERFLOWING = """[...document.querySelectorAll('main *')].filter(one => {
    const box = one.getBoundingClientRect();
    const own = one.closest('main').getBoundingClientRect();
    return box.width > 1 && (box.right > own.right + 1 || box.left < own.left - 1);
}).map(one => one.outerHTML.slice(0, 80))"""
NAMELESS = """[...document.querySelectorAll('button, textarea, input:not([type=hidden]), a, meter')]
.filter(one => !one.textContent.trim() && !one.labels?.length && !one.getAttribute('aria-label')
).map(one => one.outerHTML)"""


def test_the_keyboard_walks_the_topics_and_chooses_a_section(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}/queue", 1280)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("a.ask").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(ICELAND)
    page.keyboard.press("2")
    expect(page.locator("#place-1")).to_be_checked()
    page.get_by_label("The question, as customers ask it").press("1")  # typed, not chosen
    expect(page.locator("#place-1")).to_be_checked()
    page.context.close()


def test_one_click_proposes_a_golden_question_also_without_scripts(
    browser: Browser, address: str, config: Path
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/queue")
    page.get_by_role("link", name=ICELAND).click()
    expect(page.locator("#place-0")).to_be_checked()
    page.get_by_role("button", name="Propose as a golden question").click()
    (proposed,) = accepting.read(config.parent / "evals" / "proposals" / "queue.yaml", config.parent)
    expect(page.locator(".notice")).to_contain_text(f"kbtool golden accept {proposed.id}")
    expect(page.get_by_role("link", name=ICELAND)).to_have_count(0)
    assert proposed.question == ICELAND
    context.close()


def test_no_other_site_can_press_the_button(browser: Browser, address: str) -> None:
    """A page elsewhere that sends our form: the browser names its origin, and it cannot know the token."""
    page = opened(browser, f"{address}/queue", 1280)
    path = page.locator("a.ask").last.get_attribute("href")
    assert path
    form = (
        f'<form method="post" action="{address}{path.partition("?")[0]}/dismiss"><button>Win</button></form>'
    )
    elsewhere = browser.new_page()
    elsewhere.set_content(form)
    elsewhere.get_by_role("button").click()
    expect(elsewhere.locator("body")).to_contain_text("Refused: the form came from another site")
    elsewhere.close()
    page.reload()
    assert page.locator("a.ask").last.get_attribute("href") == path
    page.context.close()
