"""What answers cost, and what a spent budget does. Unknown is never zero."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.guards.budget import Budgets
from bridge.holding import BUDGET_SPENT, RouteHold, Standing
from bridge.settings import BridgeSettings, Budget, Route
from bridge.store import open_store
from bridge.tables import alerts, usage
from bridge.tables.usage import UNKNOWN, Cost, Spent, month_of
from kbtool.handoff import Policy
from kbtool.hold import POLICY_STALE, Hold
from kbtool.model import Answer, Question
from tests.server import run

NOVEMBER = 1_795_600_000.0


def answer(tokens: int | None, price: str | None, currency: str = "USD") -> Answer:
    return Answer(Question("q"), "a", (), tokens=tokens, price=price, currency=currency)


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        (answer(120, "0.0035"), Cost(120, 0.0035, "USD")),
        (answer(120, "0.0"), Cost(120)),
        (answer(0, None), UNKNOWN),
        (answer(None, "NaN"), UNKNOWN),
        (answer(None, "0.5", ""), Cost(None, 0.5, "?")),
    ],
)
def test_a_price_of_nothing_is_unknown_and_not_free(told: Answer, cost: Cost) -> None:
    assert Cost.of(told) == cost


@pytest.mark.parametrize(
    ("spent", "budget", "share"),
    [
        (Spent(), Budget(money=10), None),
        (Spent(3, 300, 0, (("USD", 5.0),)), Budget(money=10), 0.5),
        (Spent(3, 300, 0, (), 3), Budget(money=10), None),
        (Spent(3, 300, 0, (), 3), Budget(money=10, tokens=400), 0.75),
        (Spent(3, 0, 3), Budget(tokens=400), None),
        (Spent(3, 300, 0, (("CNY", 2.0), ("USD", 9.0))), Budget(money=10), 0.9),
        (Spent(3, 300), Budget(), None),
    ],
)
def test_a_share_is_of_what_is_known(spent: Spent, budget: Budget, share: float | None) -> None:
    assert spent.share(budget) == share


@given(st.lists(st.tuples(st.none() | st.integers(1, 1000), st.none() | st.floats(0.01, 10))))
def test_an_answer_more_never_lowers_what_is_spent(costs: list[tuple[int | None, float | None]]) -> None:
    budget, last = Budget(money=10, tokens=1000), 0.0
    spent = Spent()
    for tokens, money in costs:
        paid = dict(spent.money)
        if money is not None:
            paid["USD"] = paid.get("USD", 0.0) + money
        spent = replace(
            spent,
            answers=spent.answers + 1,
            tokens=spent.tokens + (tokens or 0),
            untold=spent.untold + (tokens is None),
            money=tuple(paid.items()),
            unpriced=spent.unpriced + (money is None),
        )
        share = spent.share(budget)
        assert share is None or share >= last
        last = share or last


def test_a_month_is_that_of_the_place() -> None:
    end = 1_795_996_800.0  # 30 November 2026, midnight in UTC+0
    assert month_of(end, "UTC") == "2026-11"
    assert month_of(end + 86399, "Asia/Shanghai") == "2026-12"


def test_a_budget_is_told_at_80_percent_once_and_closed_at_100(tmp_path: Path) -> None:
    async def scenario() -> None:
        route = Route("web", "s", "t", budget=Budget(money=1.0))
        settings = BridgeSettings(tmp_path / "b.sqlite", (route,), Policy())
        standing, now = Standing(), [NOVEMBER]
        hold = RouteHold("web", None, standing)
        async with open_store(settings.store) as store:
            budgets = Budgets(store, standing, lambda: settings, lambda: now[0])

            async def told() -> list[str]:
                return [
                    one.message.key.split(":")[-1] for one in await store.read(lambda c: alerts.after(c, 0))
                ]

            for _ in range(7):
                await budgets.spend("web", Cost(10, 0.1, "USD"))
            assert await told() == []
            await budgets.spend("web", Cost(10, 0.1, "USD"))
            await budgets.spend("web", Cost(10, 0.1, "USD"))
            assert await told() == ["nearly"]
            assert hold.reason(0.0, to_customers=False) == ""
            await budgets.spend("web", Cost(10, 0.11, "USD"))
            assert await told() == ["nearly", "spent"]
            assert hold.reason(0.0, to_customers=False) == BUDGET_SPENT
            # Another process sees it at its start; the next month opens it again.
            other = Standing()
            await Budgets(store, other, lambda: settings, lambda: now[0]).refresh()
            assert other.spent == {"web"}
            now[0] += 30 * 86400
            await budgets.refresh()
            assert standing.spent == frozenset()

    run(scenario())


def test_answers_of_unknown_cost_are_told_once_and_close_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        route = Route("web", "s", "t", budget=Budget(money=1.0))
        settings = BridgeSettings(tmp_path / "b.sqlite", (route,), Policy())
        standing = Standing()
        async with open_store(settings.store) as store:
            budgets = Budgets(store, standing, lambda: settings, lambda: NOVEMBER)
            for _ in range(3):
                await budgets.spend("web", Cost(10))
            (alert,) = await store.read(lambda c: alerts.after(c, 0))
            assert alert.message.key == "budget:web:2026-11:unknown"
            spent = await store.read(lambda c: usage.spent(c, "web", "2026-11"))
            assert (spent.answers, spent.unpriced, spent.money) == (3, 3, ())
            assert standing.spent == frozenset()

    run(scenario())


def test_the_operators_mark_comes_before_what_the_bridge_found_out(tmp_path: Path) -> None:
    mark, standing = Hold(tmp_path / "hold.json"), Standing(stale="a canary sings another song")
    hold = RouteHold("web", mark, standing)
    assert hold.reason(0.0, to_customers=True) == POLICY_STALE
    assert hold.reason(0.0, to_customers=False) == ""
    mark.put("maintenance", 0.0)
    assert hold.reason(0.0, to_customers=False) == "maintenance"
