"""`kbtool sandbox` in a real browser: one command, a customer, a desk, and what the bridge did in between."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from bridge.pages.languages import Language
from bridge.sandbox.page.words import words_of
from bridge.sandbox.settings import AGENT_TOKEN
from tests.test_cli import ROOT, environment

ANSWERED = "switch kettle to fahrenheit"
UNANSWERED = "Do you have a store in Hamburg where I can try the brewer before I buy it?"
MARKUP = "<img src=x onerror=alert(1)> & <b>bold</b>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo company's kb.toml stands; the second sandbox finds the dataset that the first made."""
    made = tmp_path_factory.mktemp("sandbox")
    text = (ROOT / "kb.toml").read_text(encoding="utf-8")
    (made / "kb.toml").write_text(re.sub(r'"(corpora|evals)/', rf'"{ROOT}/\1/', text), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """The sandbox with the demo company's knowledge base, as a newcomer starts it."""
    with running(folder) as found:
        yield found


@contextmanager
def running(folder: Path, *options: str) -> Iterator[str]:
    command = [sys.executable, "-u", "-m", "kbtool", "sandbox", "--no-open", *options]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            for line in process.stdout:
                found = re.search(r"Open (http://\S+)", line)
                if found:
                    yield found[1]
                    break
        finally:
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


def test_a_draft_is_sent_from_the_page_beside_the_conversation(browser: Browser, folder: Path) -> None:
    """`kbtool sandbox --drafts`: the first half of what the product is for, by hand."""
    complaints: list[str] = []
    with running(folder, "--drafts") as address:
        customer = open_page(browser, address, 1280, complaints)
        ask(customer, ANSWERED)
        expect(customer.locator("#chat-state")).to_have_text("A person has this conversation", timeout=15_000)
        assert customer.locator("#chat-log .message.bot").count() == 0
        with customer.context.expect_page() as opened:
            customer.get_by_role("link", name="Its draft").click()
        desk = opened.value
        frame = desk.frame_locator("#app")
        frame.locator("#token").fill(AGENT_TOKEN)
        frame.locator("#token").press("Enter")
        editor = frame.get_by_label("Your answer to the customer")
        expect(editor).to_have_value(re.compile("8 seconds"), timeout=15_000)
        editor.fill("Hold the button for 8 seconds.")
        editor.press("Control+Enter")
        expect(customer.locator(".chat .agent .text").first).to_have_text(
            "Hold the button for 8 seconds.", timeout=15_000
        )
        customer.close()
        desk.close()
    assert complaints == []


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_in_chinese_where_somebody_reads_that(browser: Browser, address: str, width: int) -> None:
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN")
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(address)
    page.get_by_label("您的消息").fill(UNANSWERED)
    page.get_by_label("您的消息").press("Enter")
    expect(page.locator("#chat-state")).to_have_text("人工客服正在接待", timeout=15_000)
    page.get_by_text("故障").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("link", name="English").click()
    expect(page.get_by_label("Your message")).to_be_visible()
    context.close()
    assert complaints == []


def test_both_languages_have_the_same_words() -> None:
    english, chinese = words_of(Language.ENGLISH), words_of(Language.CHINESE)
    for ours, theirs in zip(english, chinese, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(value.strip() for value in theirs.values())
        fields = {name: re.findall(r"{\w+}", value) for name, value in ours.items()}
        assert {name: re.findall(r"{\w+}", value) for name, value in theirs.items()} == fields
