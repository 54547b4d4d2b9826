"""The error-budget walk beside three other ways to a threshold, and how calm the threshold stays.

    python -m benchmarks.threshold        (or: make bench; a few minutes)

It makes the tables of docs/threshold.md. Before anything is simulated, each way is tried on answers whose
threshold is known.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np

from benchmarks.result import ROOT, Finding, Line, told
from benchmarks.threshold_worlds import WORLDS, World
from kbtool.evaluate.record import Golden, Outcome, Reply, Result
from kbtool.tune import Advice, Promise, Row, tune, upper_bound, walk

DOCUMENT = ROOT / "docs" / "threshold.md"
PROMISE = Promise(0.05, 0.90)
WRONG_SHARE = 0.10
"""What Learn-then-Test promises here: at most this share of wrong answers among its answers."""
SIZES = (50, 100, 200, 500)
TUNINGS = 1000
WEEKS, HALF_YEARS = 26, 100
JITTER, FLIPS = 0.015, 0.03

Method = Callable[[Sequence[Row]], float | None]


def fixed(rows: Sequence[Row]) -> float | None:
    del rows
    return 0.5


def best_f1(rows: Sequence[Row]) -> float | None:
    """The threshold whose answers have the best F1 of precision and recall of the right ones."""
    scores, right = _sorted(rows)
    hits = np.cumsum(right)
    answered = np.arange(1, len(rows) + 1)
    f1 = 2 * hits / (answered + right.sum()) if right.any() else hits
    return float(scores[int(np.argmax(f1))])


def learn_then_test(rows: Sequence[Row]) -> float | None:
    """Fixed-sequence testing (Angelopoulos et al. 2021): from the highest threshold of a grid down, as long
    as the wrong share among answers is surely within the limit at each.
    """
    scores, right = _sorted(rows)
    found = None
    for threshold in np.arange(0.99, -0.01, -0.01):
        answered = int((scores >= threshold).sum())
        if not answered:
            continue
        wrong = answered - int(right[:answered].sum())
        # So few answers that the test could not be passed say nothing yet: the sequence begins below them.
        if _bound(wrong, answered) <= WRONG_SHARE:
            found = float(threshold)
        elif _bound(0, answered) <= WRONG_SHARE:
            break
    return found


@cache
def _bound(wrong: int, n: int) -> float:
    return upper_bound(wrong, n, PROMISE.confidence) or 1.0


def error_budget(rows: Sequence[Row]) -> float | None:
    return walk(rows, PROMISE)


METHODS: dict[str, Method] = {
    "fixed 0.5": fixed,
    "best F1": best_f1,
    "Learn-then-Test": learn_then_test,
    "error-budget walk": error_budget,
}


def _sorted(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Scores from high to low, and whether each is right."""
    scores = np.array([row.score for row in rows], dtype=float)
    order = np.argsort(-scores, kind="stable")
    return scores[order], np.array([row.is_right for row in rows])[order]


def compared(
    world: World, n: int, rng: np.random.Generator, tunings: int
) -> dict[str, tuple[float, float, float]]:
    """By method: how often wrong answers are over the budget, how often their share is over the limit, and
    the mean coverage.
    """
    found = {name: np.zeros(3) for name in METHODS}
    for _ in range(tunings):
        rows = world.rows(n, rng)
        for name, method in METHODS.items():
            answered, wrong = world.answered(method(rows))
            is_over_share = bool(answered) and wrong / answered > WRONG_SHARE
            found[name] += (wrong > PROMISE.budget, is_over_share, answered)
    means = ((name, (sums / tunings).tolist()) for name, sums in found.items())
    return {name: (over_budget, over_share, cover) for name, (over_budget, over_share, cover) in means}


def comparison(tunings: int, broken_by_walk: list[float]) -> Iterator[str]:
    """The first table. How often the walk broke its promise, in each row, is added to the list."""
    yield "| world | n | fixed 0.5 | best F1 | Learn-then-Test | **error-budget walk** | best possible |"
    yield "|---|---|---|---|---|---|---|"
    for number, world in enumerate(WORLDS):
        joint, share = world.best(wrong=PROMISE.budget), world.best(wrong_share=WRONG_SHARE)
        for n in SIZES:
            found = compared(world, n, np.random.default_rng([number, n]), tunings)
            broken_by_walk.append(found["error-budget walk"][0])
            cells = []
            for name, (over_budget, over_share, cover) in found.items():
                broken = over_share if name == "Learn-then-Test" else over_budget
                cell = f"{cover:.2f} ({broken:.1%})"
                cells.append(f"**{cell}**" if name == "error-budget walk" else cell)
            named = world.name if n == SIZES[0] else ""
            yield f"| {named} | {n} | {' | '.join(cells)} | {joint:.2f} / {share:.2f} |"


def noise(world: World, n: int, rng: np.random.Generator) -> Iterator[list[Result]]:
    """Weekly runs of one golden set in which nothing changes: scores jitter, a few answers flip."""
    scores, right = world.draw(n, rng)
    while True:
        now = np.clip(scores + rng.uniform(-JITTER, JITTER, n), 0, 1)
        flips = rng.random(n) < FLIPS
        yield [_result(i, float(now[i]), bool(right[i] ^ flips[i])) for i in range(n)]


def _result(number: int, score: float, is_right: bool) -> Result:
    golden = Golden(f"q{number}", f"question {number}")
    outcome = Outcome.PASS if is_right else Outcome.FAIL
    reply = Reply(golden.id, golden.content_hash, answer="an answer")
    return Result(golden, reply, outcome, "", top_score=score, can_answer=True, is_correct=is_right)


def changes(weeks: Iterator[list[Result]], *, is_calm: bool) -> int:
    """How often 26 weekly tunings move the threshold, each written when it is proposed."""
    current, wanted, moved = 0.5, False, 0
    for week, results in zip(range(WEEKS + 1), weeks, strict=False):
        found = tune(
            results,
            PROMISE,
            current=current,
            is_tuned=is_calm and week > 0,
            wanted_before=wanted,
            floor=0.99,  # the floor would keep the threshold for another reason
        )
        wanted = found.wants_change and found.advice is not Advice.PROPOSE
        if found.advice is Advice.PROPOSE and found.threshold is not None and found.threshold != current:
            moved += week > 0
            current = found.threshold
    return moved


def calm(half_years: int) -> Iterator[str]:
    """The second table."""
    yield "| world | every week's own threshold | with the two-weeks rule |"
    yield "|---|---|---|"
    for number, world in enumerate(WORLDS):
        means = []
        for is_calm in (False, True):
            rng = np.random.default_rng([number, 26])
            moved = [changes(noise(world, 200, rng), is_calm=is_calm) for _ in range(half_years)]
            means.append(statistics.fmean(moved))
        yield f"| {world.name} | {means[0]:.1f} | **{means[1]:.1f}** |"


def require_right() -> None:
    """Right answers above wrong ones, so many that the promise can be given: the walk lets in every right
    one, and the best F1 is at the last of them. Where all are wrong, it lets in no more than the budget does.
    """
    sorted_out = [Row(1 - i / 200, is_right=i < 100) for i in range(200)]
    found = error_budget(sorted_out)
    last_right = 1 - 99 / 200
    if best_f1(sorted_out) != last_right or found is None or found > last_right:
        raise SystemExit(f"the walk found {found}, and the best F1 is at {best_f1(sorted_out)}")
    all_wrong = [Row(1 - i / 200, is_right=False) for i in range(200)]
    answered = sum((row.score or 0) >= (error_budget(all_wrong) or 2) for row in all_wrong)
    if answered > PROMISE.allowed(200):
        raise SystemExit(f"the walk lets in {answered} wrong answers")


def measure(given: argparse.Namespace) -> Finding:
    require_right()
    tunings, half_years = (20, 1) if given.short else (TUNINGS, HALF_YEARS)
    broken: list[float] = []
    text = "\n".join([*comparison(tunings, broken), "", *calm(half_years)])
    what = f"promises that the error-budget walk broke, worst of {len(broken)} simulated worlds"
    line = Line(what, f"{max(broken):.1%}", f"{1 - PROMISE.confidence:.0%}")
    return Finding((line,), text, "docs/threshold.md")


def main() -> None:
    told(__doc__, measure, rounds=1)


if __name__ == "__main__":
    main()
