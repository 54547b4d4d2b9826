"""The combined verdict against worlds whose truth is known: it seldom cries wolf, and sees what it promises.

`make soak` runs the same with 400 worlds a case instead of a few.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.stats import poisson

from kbtool.evaluate.gate import Status, detectable_drop
from tests.simulation import World, false_alarms

WORLDS = int(os.environ.get("KBTOOL_WORLDS", "40"))
KINDS = [World.even, World.uneven]
QUESTIONS, CRITICAL = 200, 10


@pytest.mark.parametrize("make", KINDS, ids=["even", "uneven"])
@pytest.mark.parametrize("flip_rate", [0.01, 0.03])
def test_an_unchanged_endpoint_fails_at_most_one_run_in_ten_half_years(make, flip_rate):
    rng = np.random.default_rng(26)
    alarms = [
        rule
        for _ in range(WORLDS)
        for rule in false_alarms(make(QUESTIONS, flip_rate, critical=CRITICAL, rng=rng), rng)
    ]
    # One alarm in ten half years is allowed; of so few worlds, chance makes more of it once in a hundred.
    assert len(alarms) <= poisson.ppf(0.99, 0.1 * WORLDS), alarms


@pytest.mark.parametrize("make", KINDS, ids=["even", "uneven"])
@pytest.mark.parametrize(("n", "flip_rate"), [(200, 0.01), (200, 0.03), (80, 0.01)])
def test_the_drop_that_the_verdict_says_it_can_notice_is_noticed_four_times_in_five(make, n, flip_rate):
    rng = np.random.default_rng(52)
    noticed = 0
    for _ in range(rounds := 3 * WORLDS):
        world = make(n, flip_rate, critical=0, rng=rng)
        baseline = world.pin(rng)
        drop = detectable_drop(n, baseline.cautious_flip_rate)
        assert drop is not None
        verdict = world.broken(drop, rng).week(baseline, rng, watched_before=False)
        noticed += verdict.status in {Status.WATCH, Status.FAIL}
    # 0.8 is promised; a simulation of so few rounds is off by this much once in a hundred times.
    assert noticed / rounds >= 0.8 - 2.33 * (0.8 * 0.2 / rounds) ** 0.5


def test_a_drop_that_stays_for_a_second_week_fails_the_run_where_the_first_only_warned():
    rng = np.random.default_rng(7)
    failed = 0
    for _ in range(rounds := WORLDS):
        world = World.even(QUESTIONS, 0.01, critical=0, rng=rng)
        baseline = world.pin(rng)
        worse = world.broken(0.05, rng)
        first = worse.week(baseline, rng, watched_before=False)
        second = worse.week(baseline, rng, watched_before=first.watches_drop)
        failed += Status.FAIL in {first.status, second.status}
    assert failed / rounds >= 0.8
