"""What so many questions can tell: the smallest drop that is noticed, and how seldom flips look like one.

The binomial comes from scipy.special: scipy.stats has the same, and takes a second more to import.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WATCH_P = 0.05
BROKEN_P = 0.001


@lru_cache(maxsize=64)  # of a project it is the same number from one run to the next
def detectable_drop(n: int, flip_rate: float, power: float = 0.8) -> float | None:
    """The smallest true drop, in [0, 1], that one run notices with this power: by a watch, or as broken.

    Golden questions are a sample of what customers ask: each of the `n` falls with the drop's probability.
    Of the others a share of `flip_rate` differs between two askings with nothing changed, half of it to the
    worse; and of the fallen ones so large a share had flipped at the pin, and is not counted as broken.
    Summed over, not simulated. None when no drop would be noticed as often as that.
    """
    import numpy as np

    flip_rate = max(flip_rate, 1e-9)  # below it the binomial's logarithms run over
    enough_lost = _enough_lost(n)
    enough_broken = next((b for b in range(1, n + 1) if chance_of_broken(b, n, flip_rate) <= BROKEN_P), n + 1)

    fallen = np.arange(n + 1)
    is_broken = at_least(enough_broken, fallen, 1 - flip_rate)
    is_watched = np.ones(n + 1)
    for count in fallen:
        others = np.arange(n - count + 1)
        enough = enough_lost[others + count] - count
        chances = exactly(others, n - count, flip_rate) * at_least(enough, others, 0.5)
        is_watched[count] = chances.sum()
        if is_watched[count] > 1 - 1e-9:  # and of more, still surer
            break
    noticed = 1 - (1 - is_broken) * (1 - is_watched)

    def is_noticed(drop: float) -> bool:
        return bool((exactly(fallen, n, drop) * noticed).sum() >= power)

    drops = np.arange(1, int(1000 * (1 - flip_rate)) + 1) / 1000
    low, high = 0, len(drops)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_noticed(float(drops[middle])) else (middle + 1, high)
    return float(drops[low]) if low < len(drops) else None


def chance_of_broken(broken: int, n: int, flip_rate: float) -> float:
    """An upper bound on the chance that `broken` of `n` pass, pass, fail and fail with nothing changed.

    A question that passes with probability p flips between two askings with f = 2p(1-p) <= 1/2 and goes
    pass-pass-fail-fail with p²(1-p)² = f²/4 <= f/8. So however the flips are spread over the questions, at
    most `flip_rate`/8 of them do; a sum of unequal chances has a lighter tail than the binomial of their
    mean (Hoeffding 1956).
    """
    return float(at_least(broken, n, flip_rate / 8))


def _enough_lost(n: int) -> np.ndarray:
    """For each number of flips up to `n`, how many of them must be lost for p <= 0.05; it never falls."""
    import numpy as np

    enough, found = 1, []
    for flips in range(n + 1):
        while at_least(enough, flips, 0.5) > WATCH_P:
            enough += 1
        found.append(enough)
    return np.array(found)


def at_least(k: int | np.ndarray, n: int | np.ndarray, p: float) -> np.ndarray:
    """P(Bin(n, p) >= k), k >= 0; of arrays item by item."""
    import numpy as np
    from scipy.special import betainc

    k, n = np.asarray(k), np.asarray(n)
    beyond, all_of_them = k > n, k < 1
    inside = betainc(np.maximum(k, 1), np.maximum(n - k + 1, 1), p)
    return np.where(beyond, 0.0, np.where(all_of_them, 1.0, inside))


def exactly(k: np.ndarray, n: int | np.integer, p: float) -> np.ndarray:
    """P(Bin(n, p) = k), by logarithms: the ways to choose are no float for large n."""
    import numpy as np
    from scipy.special import gammaln, xlog1py, xlogy

    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    found: np.ndarray = np.exp(ways + xlogy(k, p) + xlog1py(n - k, -p))
    return found
