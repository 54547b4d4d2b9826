"""The two-minute demonstration in a real browser: `kbtool sandbox`, and nothing else is installed.

A draft is edited and sent, the edit comes up in the queue, becomes a golden question by one click, and the
next run asks it. Then what the page can break is broken, and the customer is answered all the same, once.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from bridge.sandbox.settings import AGENT_TOKEN
from tests.test_bridge_process import PAGE, QUESTION
from tests.test_cli import environment

CONFIG = """
[corpus]
sources = ["help"]
[dify]
dataset = "help"
[evals]
golden = ["evals/*.yaml"]
[handoff]
threshold = 0.2
"""
SLOW = 40_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kb.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "help").mkdir()
    (tmp_path / "evals").mkdir()
    (tmp_path / "help" / "Refunds.md").write_text(f"# Refunds\n\n{PAGE}\n", encoding="utf-8")
    return tmp_path


@contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[tuple[str, str]]:
    """The page's address, and the queue's."""
    command = [sys.executable, "-u", "-m", "kbtool", "sandbox", "--no-open", *options]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        page = ""
        try:
            for line in process.stdout:
                page = page or "".join(re.findall(r"Open (http://\S+)", line))
                if queue := re.search(r"(http://\S+/queue)", line):
                    yield page, queue[1]
                    break
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0


def ask(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.get_by_label("Your message").press("Enter")


def kbtool(folder: Path, *words: str) -> str:
    """In a process of its own: the browser has this one's event loop."""
    command = [sys.executable, "-m", "kbtool", *words]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0 or words[0] == "eval", done.stderr
    return done.stdout


def test_an_edited_draft_is_a_golden_question_of_the_next_run(browser: Browser, folder: Path) -> None:
    edited = "Within 30 days of the day on which it reached you, at our cost."
    with sandbox(folder, "--drafts") as (address, queue):
        customer = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en")
        customer.goto(address)
        ask(customer, QUESTION)
        expect(customer.locator("#chat-state")).to_have_text("A person has this conversation", timeout=SLOW)
        with customer.context.expect_page() as opened:
            customer.get_by_role("link", name="Its draft").click()
        frame = opened.value.frame_locator("#app")
        frame.locator("#token").fill(AGENT_TOKEN)
        frame.locator("#token").press("Enter")
        editor = frame.get_by_label("Your answer to the customer")
        expect(editor).to_have_value(re.compile("30 days"), timeout=SLOW)
        editor.fill(edited)
        editor.press("Control+Enter")
        expect(customer.locator(".chat .agent .text").first).to_have_text(edited, timeout=SLOW)

        operator = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en")
        operator.goto(queue)
        operator.get_by_role("link", name=QUESTION).click()
        expect(operator.locator("main")).to_contain_text(edited)
        operator.get_by_role("button", name=re.compile("golden", re.IGNORECASE)).click()
        expect(operator.get_by_role("link", name=QUESTION)).to_have_count(0)
        for page in (customer, opened.value, operator):
            page.close()

    (proposed,) = json.loads(kbtool(folder, "golden", "accept", "--json"))
    assert proposed["question"] == QUESTION
    kbtool(folder, "golden", "accept", proposed["id"], "--json")
    kbtool(folder, "ingest", "--yes")
    kbtool(folder, "eval", "run", "--target", "retrieval")
    (replies,) = (folder / "reports").glob("**/replies.jsonl")
    asked = [json.loads(line) for line in replies.read_text(encoding="utf-8").splitlines()]
    assert [one["id"] for one in asked] == [proposed["id"]]
    assert asked[0]["retrieved"][0]["doc"] == "refunds"


def test_what_is_broken_from_the_page_costs_no_customer_an_answer(browser: Browser, folder: Path) -> None:
    with sandbox(folder) as (address, _):
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en")
        page.goto(address)
        page.get_by_text("Faults").click()

        # The bridge dies while it waits for Dify, is started again, and answers: once.
        page.locator("#dify").select_option("takes 8 s for an answer")
        expect(page.locator("#notice")).to_have_text("Dify takes 8 s for an answer.")
        ask(page, QUESTION)
        expect(page.locator(".chat .trace").first).to_contain_text("asking Dify", timeout=SLOW)
        page.get_by_role("button", name="Kill the bridge").click()
        expect(page.locator("#notice")).to_contain_text("The bridge is not running")
        expect(page.locator("#notice")).not_to_contain_text("The bridge is not running", timeout=SLOW)
        page.locator("#dify").select_option("is well")
        expect(page.locator(".chat .bot .text").first).to_contain_text("30 days", timeout=SLOW)
        expect(page.locator(".chat .bot .text")).to_have_count(1)

        # Without its model people get the customer, who is told so.
        page.locator("#dify").select_option("has no quota left")
        page.get_by_role("button", name="New customer").click()
        ask(page, QUESTION)
        expect(page.locator("#chat-state")).to_have_text("A person has this conversation", timeout=SLOW)
        expect(page.locator(".chat .bot .text")).to_have_count(1)
        page.close()


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_the_switches_fit_the_screen_and_everybody_can_use_them(
    browser: Browser, folder: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    with sandbox(folder) as (address, _):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.get_by_text("Faults").click()
        page.locator("#dify").select_option("is down (503)")
        expect(page.locator("#notice")).to_contain_text("customers are handed to people")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert Axe().run(page).response["violations"] == []
        context.close()
