"""`kbtool sandbox` in a real browser: one command, a customer, a desk, and what the bridge did in between."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.test_cli import ROOT, environment

ANSWERED = "switch kettle to fahrenheit"
UNANSWERED = "Do you have a store in Hamburg where I can try the brewer before I buy it?"
MARKUP = "<img src=x onerror=alert(1)> & <b>bold</b>"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The sandbox with the demo company's knowledge base, as a newcomer starts it."""
    folder: Path = tmp_path_factory.mktemp("sandbox")
    text = (ROOT / "kb.toml").read_text(encoding="utf-8")
    (folder / "kb.toml").write_text(re.sub(r'"(corpora|evals)/', rf'"{ROOT}/\1/', text), encoding="utf-8")
    command = [sys.executable, "-u", "-m", "kbtool", "sandbox", "--no-open"]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            found = re.search(r"Open (http://\S+)", line)
            if found:
                yield found[1]
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def ask(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.get_by_label("Your message").press("Enter")


def open_page(browser: Browser, address: str, width: int, complaints: list[str]) -> Page:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    return page


def test_a_fault_is_switched_on_and_off_again(browser: Browser, address: str) -> None:
    complaints: list[str] = []
    page = open_page(browser, address, 1280, complaints)
    page.get_by_text("Faults").click()
    page.get_by_label("The next post of a message").select_option("is refused with 500")
    page.get_by_label("Webhooks come").select_option("twice, under two ids")
    page.get_by_role("button", name="Switch").click()
    expect(page.locator("#faults-on")).to_have_text("2")
    ask(page, ANSWERED)
    expect(page.locator("#chat-log .message.bot")).to_have_count(1, timeout=30_000)
    page.reload()
    page.get_by_text("Faults").click()
    expect(page.locator("#faults-on")).to_have_text("1")  # the refusal was used up
    page.get_by_label("Webhooks come").select_option("once")
    page.get_by_role("button", name="Switch").click()
    expect(page.locator("#faults-on")).to_be_hidden()
    assert complaints == []
    page.close()


def test_an_answer_comes_with_its_source_and_a_handoff_shows_on_both_sides(
    browser: Browser, address: str
) -> None:
    complaints: list[str] = []
    page = open_page(browser, address, 1280, complaints)
    ask(page, ANSWERED)
    expect(page.locator(".chat .bot .text").first).to_contain_text("8 seconds", timeout=15_000)
    expect(page.locator(".chat .trace .sources").first).to_contain_text("Using the Fennbrook Kettle")
    expect(page.locator(".chat .trace .decision").first).to_contain_text("reply")

    # A new customer: with something said before, the bot would first ask what is meant.
    page.get_by_role("button", name="New customer").click()
    ask(page, UNANSWERED)
    expect(page.locator("#chat-state")).to_have_text("A person has this conversation", timeout=15_000)
    page.locator("#conversations button").first.click()
    expect(page.locator("#conversations .chip").first).to_have_text("open")
    expect(page.locator(".desk .private .text").first).to_be_visible()
    assert "no page" not in page.locator(".chat").inner_text()

    page.get_by_label("Reply to the customer").fill(MARKUP)
    page.get_by_label("Reply to the customer").press("Enter")
    expect(page.locator(".chat .agent .text").first).to_have_text(MARKUP)
    page.close()
    assert complaints == []


def test_on_a_phone_the_sides_are_tabs_and_nothing_is_wider_than_the_screen(
    browser: Browser, address: str
) -> None:
    complaints: list[str] = []
    page = open_page(browser, address, 390, complaints)
    ask(page, UNANSWERED + " " + "verylongword" * 12)
    expect(page.locator("#chat-state")).to_have_text("A person has this conversation", timeout=15_000)
    expect(page.locator(".desk")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_role("button", name="Desk").click()
    expect(page.locator(".chat")).to_be_hidden()
    expect(page.locator("#conversations")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
    assert complaints == []


def test_every_control_has_a_name(browser: Browser, address: str) -> None:
    page = open_page(browser, address, 1280, [])
    controls = page.locator("button:visible, textarea:visible, input:visible")
    assert controls.count() >= 6
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, textarea, input')].filter(control =>
            !control.textContent.trim() && !control.labels?.length && !control.getAttribute('aria-label')
        ).map(control => control.outerHTML)"""
    )
    page.close()
    assert nameless == []
