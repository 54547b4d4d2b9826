"""Fixtures of all tests, and the rule about skips in CI."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# How long one example takes says how busy the machine is, not whether the law holds.
settings.register_profile("kbtool", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kbtool")

CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


def pytest_configure() -> None:
    """What a shell starts with `&` ignores Ctrl-C, and so do its children: tests that send it would wait."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """In CI a test that was skipped did not pass: what it needs must be installed there."""
    report: Any = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture
def server(tmp_path: Path) -> Callable[..., Server]:
    """Makes a server over one file, so that a second one finds what the first one left."""

    def make(**settings: Any) -> Server:
        return Server(tmp_path / "engine.sqlite", **settings)

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, driven by Playwright.

    For one module at a time: while it runs its event loop, no other test could run one.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    flags = [
        "--no-sandbox",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()
