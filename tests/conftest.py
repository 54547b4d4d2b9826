"""Fixtures of all tests, and the rule about skips in CI."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.server import Server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """In CI a test that was skipped did not pass: what it needs must be installed there."""
    report: Any = yield
    if report.skipped and os.environ.get("CI") and not item.get_closest_marker("needs_server"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture
def server(tmp_path: Path) -> Callable[..., Server]:
    """Makes a server over one file, so that a second one finds what the first one left."""

    def make(**settings: Any) -> Server:
        return Server(tmp_path / "engine.sqlite", **settings)

    return make
