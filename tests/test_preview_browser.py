"""The preview in a real browser, opened from the file system."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

from kbtool.chunk import Bounds
from kbtool.model import Skipped
from kbtool.preview import render
from tests.test_preview import HOSTILE, NOTION, processed


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("preview") / "preview.html"
    pages = [
        processed(NOTION),
        processed("一二三四五。" * 90, title="退换货政策"),
        processed(f"| {'Wide | ' * 30}\n|{' --- |' * 30}\n\n`{'x' * 300}`", title=HOSTILE),
        *(processed(f"Page {number}.", title=f"Page {number}") for number in range(60)),
    ]
    skipped = [Skipped("folder/" + "x" * 200 + ".zip", "a zip inside the export", is_error=True)]
    path.write_text(render(pages, skipped, Bounds()), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_screen_and_says_nothing_to_the_console(
    browser: Browser, preview: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(preview)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    wide, seen = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    context.close()
    assert wide <= seen
    assert said == []
    assert asked == [preview]


def test_source_and_chunks_stand_side_by_side_where_there_is_room(browser: Browser, preview: str) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(preview)
    page.locator("summary").first.click()
    tops = "['.source', '.chunks'].map(part => document.querySelector(part).getBoundingClientRect().top)"
    source, chunks = page.evaluate(tops)
    page.set_viewport_size({"width": 390, "height": 900})
    above, below = page.evaluate(tops)
    page.close()
    assert source == chunks
    assert above < below


def test_with_scripts_off_everything_can_be_read_and_no_dead_control_is_there(
    browser: Browser, preview: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(preview)
    page.locator("summary").first.click()
    text = page.locator("#pages > details").first.inner_text()
    search = page.locator("#filter").is_visible()
    context.close()
    assert "drop_dividers" in text
    assert "Pack it." in text
    assert not search


def test_the_filter_is_a_key_away_and_narrows_the_list(browser: Browser, preview: str) -> None:
    page = browser.new_page()
    page.goto(preview)
    rows = page.locator("#pages > details:visible")
    everything = rows.count()
    page.keyboard.press("/")
    page.keyboard.type("退换")
    found, said = rows.count(), page.locator("#shown").inner_text()
    page.locator("#filter").fill("drop_dividers")
    by_rule = rows.count()
    page.locator("#filter").fill("")
    page.locator("#show-changed").check()
    changed = rows.count()
    page.close()
    assert everything == 63
    assert (found, said) == (1, "1 match")
    assert by_rule == 1
    assert 0 < changed < 5


def test_a_key_opens_a_page_and_the_print_has_the_totals(browser: Browser, preview: str) -> None:
    page = browser.new_page()
    page.goto(preview)
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    is_open = page.evaluate("document.activeElement.parentElement.open")
    page.emulate_media(media="print")
    totals, filters = page.locator("#totals").is_visible(), page.locator(".filters").is_visible()
    page.close()
    assert is_open
    assert totals
    assert not filters
