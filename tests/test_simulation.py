"""The combined verdict against worlds whose truth is known: it seldom cries wolf, and sees what it promises.

`make soak` runs the same with 1,000 worlds a case instead of a few, and prints the rates (docs/evals.md).
"""

from __future__ import annotations

import os
import sys
from collections import Counter

import numpy as np
import pytest
from scipy.stats import poisson

from kbtool.evaluate.gate import Status
from tests.simulation import WEEKS, Season, World, false_alarms, promised_drop

WORLDS = int(os.environ.get("KBTOOL_WORLDS", "40"))
KINDS = [World.even, World.uneven]
QUESTIONS, CRITICAL = 200, 10


def say(what: str, kind: str, n: int, flip_rate: float, found: str) -> None:
    """A line of the table in docs/evals.md; pytest shows it with -s."""
    sys.stdout.write(f"\n{what}: {kind}, n={n}, flips {flip_rate:.0%}, {WORLDS} worlds: {found}\n")


@pytest.mark.parametrize("make", KINDS, ids=["even", "uneven"])
@pytest.mark.parametrize("flip_rate", [0.01, 0.02, 0.03])
def test_an_unchanged_endpoint_fails_at_most_one_run_in_ten_half_years(make, flip_rate):
    rng = np.random.default_rng(26)
    alarms = [
        rule
        for _ in range(WORLDS)
        for rule in false_alarms(make(QUESTIONS, flip_rate, critical=CRITICAL, rng=rng), rng)
    ]
    rate = f"{len(alarms) / WORLDS:.3f} false alarms in {WEEKS} weeks {dict(Counter(alarms))}"
    say("unchanged", make.__name__, QUESTIONS, flip_rate, rate)
    # One alarm in ten half years is allowed; of so few worlds, chance makes more of it once in a hundred.
    assert len(alarms) <= poisson.ppf(0.99, 0.1 * WORLDS), alarms


@pytest.mark.parametrize("make", KINDS, ids=["even", "uneven"])
@pytest.mark.parametrize(("n", "flip_rate"), [(80, 0.01), (200, 0.01), (200, 0.02), (200, 0.03), (500, 0.02)])
def test_the_drop_that_the_verdict_says_it_can_notice_is_noticed_four_times_in_five(make, n, flip_rate):
    rng = np.random.default_rng(52)
    noticed, failed = 0, 0
    drops: Counter[int] = Counter()
    for _ in range(rounds := 3 * WORLDS):
        world = make(n, flip_rate, critical=0, rng=rng)
        season = Season(world.pin(rng))
        drop = promised_drop(world.week(season, rng))
        verdict = world.broken(drop, rng).week(Season(season.baseline), rng)
        noticed += verdict.status in {Status.WATCH, Status.FAIL}
        failed += verdict.status is Status.FAIL
        drops[round(100 * drop)] += 1
    points = drops.most_common(1)[0][0]
    found = f"{noticed / rounds:.3f} of drops noticed, {failed / rounds:.3f} failed at once"
    say(f"a drop as promised (mostly {points} points)", make.__name__, n, flip_rate, found)
    # 0.8 is promised; a simulation of so few rounds is off by this much once in a hundred times.
    assert noticed / rounds >= 0.8 - 2.33 * (0.8 * 0.2 / rounds) ** 0.5


@pytest.mark.parametrize("make", KINDS, ids=["even", "uneven"])
@pytest.mark.parametrize("flip_rate", [0.01, 0.03])
def test_a_drop_as_promised_that_stays_for_a_second_week_fails(make, flip_rate):
    rng = np.random.default_rng(7)
    failed = 0
    for _ in range(rounds := WORLDS):
        world = make(QUESTIONS, flip_rate, critical=0, rng=rng)
        season = Season(world.pin(rng))
        worse = world.broken(promised_drop(world.week(season, rng)), rng)
        failed += Status.FAIL in {worse.week(season, rng).status for _ in range(2)}
    say("the same drop for two weeks", make.__name__, QUESTIONS, flip_rate, f"{failed / rounds:.3f} failed")
    assert failed / rounds >= 0.8 - 2.33 * (0.8 * 0.2 / rounds) ** 0.5


def test_after_half_a_year_most_questions_that_are_tossed_like_coins_are_quarantined_and_hardly_another():
    rng = np.random.default_rng(3)
    coins, others = 0, 0
    for _ in range(rounds := max(5, WORLDS // 8)):
        world = World.uneven(QUESTIONS, 0.03, critical=CRITICAL, rng=rng)
        season = Season(world.pin(rng))
        for _ in range(WEEKS):
            world.week(season, rng)
        for id_ in season.quarantined:
            is_coin = world.chances[int(id_[1:])] == 0.5
            coins, others = coins + is_coin, others + (not is_coin)
    assert coins >= 0.9 * 12 * rounds
    assert others == 0
