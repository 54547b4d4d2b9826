"""How often the alarm about satisfaction cries wolf, and how soon it tells of a real drop: simulated.

    python benchmarks/csat_alarm.py [YEARS]

Ratings come at random (Poisson) and are good at random (Bernoulli); the rule of kbtool/kpi/alarm.py is looked
at with each of them. A false alarm is one in a world where nothing changes; one alarm silences those of the
next week.
"""

from __future__ import annotations

import statistics
import sys

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

from kbtool.kpi import alarm

DAY = 86_400.0
RATES, SHARES, WORLDS = (3, 10, 30), (0.7, 0.85, 0.95), 40


def main(years: float) -> None:
    print("Ratings a day | good | years to a false alarm | days to a drop of 20 points (half of 40 worlds)")
    for rate in RATES:
        for share in SHARES:
            rng = np.random.default_rng(7)
            times = ratings(rng, rate, days=round(365 * years))
            false = apart(times, alarms(times, rng.random(len(times)) < share))
            found = [days_to_alarm(rate, share, seed) for seed in range(WORLDS)]
            shown = f"{years / false:.0f}" if false else f"over {years:.0f}"
            print(f"{rate:>13} | {share:.0%} | {shown:>22} | {statistics.median(found):.0f}")


def ratings(rng: np.random.Generator, rate: float, days: int) -> npt.NDArray[np.float64]:
    """The times, in days."""
    counts = rng.poisson(rate, days)
    return np.concatenate([day + np.sort(rng.random(count)) for day, count in enumerate(counts)])


def alarms(times: npt.NDArray[np.float64], good: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """At which ratings the rule holds: as `alarm.drop`, for all of them at once."""
    sums = np.concatenate([[0], np.cumsum(good)])
    week, before = alarm.WEEK / DAY, alarm.BEFORE / DAY
    begins = np.searchsorted(times, times - week, side="right")
    begins_before = np.searchsorted(times, times - week - before, side="right")
    ends = np.arange(len(times)) + 1
    n, hits = ends - begins, sums[ends] - sums[begins]
    n_before, hits_before = begins - begins_before, sums[begins] - sums[begins_before]
    asked = (n >= alarm.LEAST_NOW) & (n_before >= alarm.LEAST_BEFORE) & (times > week + before)
    with np.errstate(divide="ignore", invalid="ignore"):
        asked &= hits_before / n_before - hits / n >= alarm.LEAST_DROP
    found = np.zeros(len(times), dtype=np.bool_)
    at = np.flatnonzero(asked)
    p = hypergeom.cdf(hits[at], n[at] + n_before[at], hits[at] + hits_before[at], n[at])
    found[at] = p <= alarm.ALPHA
    return found


def apart(times: npt.NDArray[np.float64], found: npt.NDArray[np.bool_]) -> int:
    """Alarms that are a week from the one before."""
    count, last = 0, -np.inf
    for at in times[found]:
        if at - last > alarm.WEEK / DAY:
            count, last = count + 1, at
    return count


def days_to_alarm(rate: float, share: float, seed: int, begin: int = 100) -> float:
    rng = np.random.default_rng(seed)
    times = ratings(rng, rate, days=begin + 60)
    chance = np.where(times < begin, share, share - 0.2)
    told = times[alarms(times, rng.random(len(times)) < chance)]
    after = told[told >= begin]
    return float(after[0] - begin) if len(after) else float("inf")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 200.0)
