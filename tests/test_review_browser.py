"""The review page in a real browser, framed by the sandbox's desk and by itself: drafts are seen and sent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Page, expect

from bridge.tables.drafts import State
from tests.bridging import Said
from tests.reviewing import AGENT, World, reviewed

DRAFT = "You have 30 days from the day it reached you."
HOSTILE = (
    "<img src=x onerror=\"document.title='caught'\"></textarea>"
    "<script>document.title='caught'</script>{{ t }}"
)
ANSWERS = {
    "How long?": Said(
        DRAFT,
        0.81,
        ("Returns › Time limit\n\nYou have 30 days.", "Label\n\nIn the box."),
        scores=(0.81, 0.62),
    ),
    "And by post?": Said("By post too: 30 days.", 0.7),
    HOSTILE: Said(HOSTILE, 0.9, (f"{HOSTILE}\n\nThirty days.",)),
}
EDITOR = "Your answer to the customer"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with reviewed(tmp_path_factory.mktemp("review"), ANSWERS) as at:
        yield at


def opened(browser: Browser, said: list[str], width: int = 1280, **options: Any) -> Page:
    page = browser.new_context(viewport={"width": width, "height": 800}, **options).new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    return page


def framed(page: Page, address: str) -> FrameLocator:
    """Chatwoot with the page in its frame, signed in."""
    page.goto(address)
    frame = page.frame_locator("#app")
    frame.locator("#token").fill(AGENT)
    frame.locator("#token").press("Enter")
    return frame


def turn_to(page: Page, number: int) -> None:
    """Another conversation is opened in Chatwoot, and the agent looks at the page again."""
    page.evaluate("n => document.body.dataset.conversation = n", str(number))
    inside = next(one for one in page.frames if "/review" in one.url)
    inside.evaluate("dispatchEvent(new Event('focus'))")


def by_itself(page: Page, world: World, path: str = "", query: str = "") -> None:
    page.goto(world.review + query)
    page.locator("#token").fill(AGENT)
    page.locator("#token").press("Enter")
    page.wait_for_selector("nav form")
    if path:
        page.goto(world.review + path + query)


def test_a_draft_is_edited_and_sent_from_chatwoots_frame_by_keys_alone(
    browser: Browser, world: World
) -> None:
    said: list[str] = []
    visit = world.ask("How long?")
    page = opened(browser, said)
    frame = framed(page, f"{world.desk}/app/{world.number(visit)}")
    editor = frame.get_by_label(EDITOR)
    expect(editor).to_have_value(DRAFT)
    expect(frame.locator("#send-name")).to_have_text("Send")
    editor.press("Control+End")
    editor.type(" The label is free.")
    expect(frame.locator("#send-name")).to_have_text("Edit & send")
    editor.press("Control+Enter")
    expect(frame.locator(".outcome")).to_contain_text("Sent with your changes")
    expect(frame.locator("#said")).to_contain_text("Sent with your changes")
    page.context.close()
    assert world.said_by_people(visit) == [f"{DRAFT} The label is free."]
    draft = world.draft(visit)
    assert (draft.state, draft.distance, draft.agent) == (State.EDITED, 19, 1)
    assert said == []


def test_the_page_follows_the_conversation_that_is_open_and_keeps_what_was_written(
    browser: Browser, world: World
) -> None:
    said: list[str] = []
    first, second = world.ask("How long?"), world.ask("And by post?")
    page = opened(browser, said)
    frame = framed(page, f"{world.desk}/app/{world.number(first)}")
    frame.get_by_label(EDITOR).fill("half a sentence")
    turn_to(page, world.number(second))
    expect(frame.get_by_label(EDITOR)).to_have_value("By post too: 30 days.", timeout=10_000)
    turn_to(page, world.number(first))
    expect(frame.get_by_label(EDITOR)).to_have_value("half a sentence", timeout=10_000)
    frame.get_by_label(EDITOR).press("Escape")
    expect(frame.get_by_label(EDITOR)).to_have_value(DRAFT)
    page.context.close()
    assert said == []


def test_what_the_customer_adds_meanwhile_is_said_and_nothing_is_sent(browser: Browser, world: World) -> None:
    said: list[str] = []
    visit = world.ask("How long?")
    page = opened(browser, said)
    by_itself(page, world, f"/c/1/{world.number(visit)}")
    expect(page.get_by_label(EDITOR)).to_have_value(DRAFT)
    world.ask("And by post?", visit)
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.get_by_label(EDITOR)).to_have_value("By post too: 30 days.", timeout=10_000)
    page.context.close()
    assert world.said_by_people(visit) == []
    assert said == []


def test_a_draft_is_discarded_with_a_reason_by_keys_alone(browser: Browser, world: World) -> None:
    said: list[str] = []
    visit = world.ask("How long?")
    page = opened(browser, said)
    by_itself(page, world, f"/c/1/{world.number(visit)}")
    page.keyboard.press("Alt+x")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("only in Norway")
    page.keyboard.press("Enter")
    expect(page.locator(".outcome")).to_contain_text("Discarded")
    page.context.close()
    assert world.draft(visit).why == "incomplete: only in Norway"
    assert said == []


def test_the_focus_goes_from_the_editor_to_send_to_discard(browser: Browser, world: World) -> None:
    visit = world.ask("How long?")
    page = opened(browser, [])
    by_itself(page, world, f"/c/1/{world.number(visit)}")
    page.get_by_label(EDITOR).focus()
    order = []
    for _ in range(2):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.localName"))
    page.context.close()
    assert order == ["send", "summary"]


def test_markup_of_customers_drafts_and_sources_is_text(browser: Browser, world: World) -> None:
    said: list[str] = []
    visit = world.ask(HOSTILE)
    page = opened(browser, said)
    by_itself(page, world, f"/c/1/{world.number(visit)}")
    expect(page.get_by_label(EDITOR)).to_have_value(HOSTILE)
    expect(page.locator(".asked")).to_have_text(HOSTILE)
    expect(page.locator(".sources")).to_contain_text("onerror")
    page.goto(world.review)
    expect(page.locator(".waiting")).to_contain_text("onerror")
    title = page.title()
    page.context.close()
    assert title == "Drafts"
    assert said == []


def test_a_message_of_another_window_than_chatwoots_shows_nothing_and_is_told(
    browser: Browser, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = world.ask("How long?"), world.ask("And by post?")
    page = opened(browser, [])
    frame = framed(page, f"{world.desk}/app/{world.number(first)}")
    expect(frame.get_by_label(EDITOR)).to_have_value(DRAFT)
    caplog.set_level(logging.INFO, "bridge")
    forged = (
        "n => window.postMessage(JSON.stringify({event: 'appContext',"
        " data: {conversation: {id: n, account_id: 1}}}), '*')"
    )
    inside = next(one for one in page.frames if "/review" in one.url)
    inside.evaluate(forged, world.number(second))
    world.until(lambda: "why=forged_message" in caplog.text)
    expect(frame.get_by_label(EDITOR)).to_have_value(DRAFT)
    page.context.close()


def test_a_page_that_is_not_chatwoot_cannot_frame_it(browser: Browser, world: World) -> None:
    said: list[str] = []
    visit = world.ask("How long?")
    page = opened(browser, said)
    other = world.desk.replace("127.0.0.1", "localhost")
    page.goto(f"{other}/app/{world.number(visit)}")
    page.wait_for_timeout(300)
    assert any("frame-ancestors" in line for line in said)
    assert page.frame_locator("#app").locator("#token").count() == 0
    page.context.close()


def test_a_session_holds_in_a_frame_of_another_site(browser: Browser, tmp_path: Path) -> None:
    """Chatwoot and the bridge on two sites: the cookie is a partitioned third-party one."""
    with reviewed(tmp_path, ANSWERS, is_elsewhere=True) as world:
        desk = world.desk.replace("127.0.0.1", "localhost")
        visit = world.ask("How long?")
        page = opened(browser, [])
        frame = framed(page, f"{desk}/app/{world.number(visit)}")
        expect(frame.get_by_label(EDITOR)).to_have_value(DRAFT)
        (cookie,) = page.context.cookies(world.review)
        page.context.close()
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "None")
    assert cookie.get("partitionKey")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(("scheme", "lang"), [("light", "en"), ("dark", "zh")])
def test_every_page_fits_can_be_used_by_everybody_and_is_quiet(
    browser: Browser, world: World, width: int, scheme: Literal["light", "dark"], lang: str
) -> None:
    said: list[str] = []
    visit, gone = world.ask(HOSTILE), world.ask("How long?")
    query = f"?lang={lang}"
    page = opened(browser, said, width, color_scheme=scheme)
    page.goto(world.review + query)
    problems = [found(page)]
    by_itself(page, world, query=query)
    problems.append(found(page))
    page.goto(f"{world.review}/c/1/{world.number(visit)}{query}")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    problems.append(found(page))
    page.goto(f"{world.review}/c/1/{world.number(gone)}{query}")
    page.locator("#text").press("Control+Enter")
    page.locator(".outcome .good").wait_for()
    problems.append(found(page))
    page.context.close()
    assert problems == [[]] * 4
    assert said == []


def found(page: Page) -> list[str]:
    """What axe finds serious, and whether the page is wider than the screen."""
    report = Axe().run(page).response
    assert len(report["passes"]) > 9  # it did look
    serious = [
        one["id"] + ": " + one["nodes"][0]["html"]
        for one in report["violations"]
        if one["impact"] in {"serious", "critical"}
    ]
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return serious + ["wider than the screen"] * wide
