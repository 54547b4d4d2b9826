"""The weekly report's section about the bridge: figures with their meaning, and the gaps of the week."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.store.sqlite import SqliteStore
from kbtool.cli.support import support_of
from kbtool.config import Settings
from kbtool.evaluate.report import render
from kbtool.evaluate.support import Gap, Support
from kbtool.kpi.definitions import DEFINITIONS
from kbtool.kpi.figures import figures
from kbtool.kpi.rows import Rows, Spent
from tests.data.invented_run import invented_run
from tests.improving import ICELAND, a_week
from tests.server import run
from tests.test_report import view_of

COST = Rows(spent=Spent("2026-11", conversations=10, answers=12, unpriced=1, money={"USD": 0.5}))
GAP = Gap("do you ship to <Iceland>?", 7, {"unanswered": 6, "bad rating": 1}, "Shipping › Countries")


def page(support: Support | None) -> str:
    return render(replace(view_of(invented_run(7, quality=0.9)), support=support))


def test_it_shows_every_figure_with_its_target_and_its_meaning() -> None:
    shown = page(Support(figures(COST, 0.0, 86_400.0 * 28), {"cost": 0.01, "csat": 0.9}, [GAP], 12))
    for definition in DEFINITIONS:
        assert definition.title.en in shown
        assert definition.source in shown.replace("&#39;", "'")
    assert "≥ 0.0500 USD" in shown
    assert "≤ 0.0100 USD" in shown
    assert 'aria-label="missed"' in shown
    assert "12 topics of this week" in shown


def test_the_gaps_are_those_of_the_week_without_addresses_and_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KBTOOL_DATABASE_URL", raising=False)
    settings = Settings(root=tmp_path)

    async def fill() -> None:
        async with SqliteStore.open(settings.resolve(settings.bridge.store)) as store:
            await store.write(lambda c: a_week(c, time.time()))

    run(fill())
    support = support_of(settings)
    assert support is not None
    assert (support.gaps[0].question, support.gaps[0].times) == (ICELAND, 4)
    assert support.gaps[0].section == "Shipping › Countries"
    shown = page(support)
    assert "when will my order [number] come, [email]" in shown
    assert "marta@" not in shown


def test_what_a_customer_wrote_is_escaped() -> None:
    shown = page(Support(figures(Rows(), 0.0, 1.0), {}, [GAP], 1))
    assert "do you ship to &lt;Iceland&gt;?" in shown


def test_without_a_bridge_there_is_no_such_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KBTOOL_DATABASE_URL", raising=False)
    assert support_of(Settings(root=tmp_path)) is None
    assert 'id="support"' not in page(None)


def test_a_store_that_cannot_be_read_is_said_and_takes_nothing_from_the_week(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KBTOOL_DATABASE_URL", raising=False)
    store = tmp_path / ".kbtool" / "bridge.sqlite"
    store.parent.mkdir()
    store.write_text("not a database" * 100, encoding="utf-8")
    assert support_of(Settings(root=tmp_path)) is None
    assert "left out of the report" in capsys.readouterr().err
