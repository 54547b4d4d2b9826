"""The run that later runs answer to: its file in `evals/baselines/`, and how often its endpoint flips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from kbtool.canary import Canary
from kbtool.errors import ConfigError
from kbtool.evaluate.record import Outcome, Result, RunSpec

_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Pinned:
    """One question as it was at the pin. `passed_twice`: also when it was asked again, unchanged."""

    id: str
    content_hash: str
    passed: bool
    passed_twice: bool
    critical: bool


@dataclass(frozen=True, slots=True)
class Baseline:
    """The run that later runs answer to, kept in `evals/baselines/<name>.json`.

    `flip_rate` is the share of the `reasks` questions that came out differently when they were asked a
    second time with nothing changed: the endpoint's own noise. None when nothing was asked twice.
    `canaries` tell whether the app still searches in the same way.
    """

    run_id: str
    date: str
    why: str
    fingerprint: str
    k: int
    threshold: float
    corpus_hash: str
    flip_rate: float | None
    reasks: int
    questions: tuple[Pinned, ...]
    canaries: tuple[Canary, ...] = ()

    @property
    def cautious_flip_rate(self) -> float:
        """Clopper and Pearson's 95 % upper bound of the flip rate; 1 when nothing was asked twice.

        Not the rate itself: a pin that happens to show few flips also counts many flaky questions as
        passed twice, so with the plain rate the same bad luck would raise the alarm and excuse it.
        """
        from scipy.special import betaincinv

        flips = round((self.flip_rate or 0.0) * self.reasks)
        return float(betaincinv(flips + 1, self.reasks - flips, 0.95)) if flips < self.reasks else 1.0

    def to_json(self) -> str:
        """One line a question, so that a re-pin reads well as a diff."""
        names = [f.name for f in fields(self) if f.name not in {"questions", "canaries"}]
        head = {"format": _FORMAT, **{name: getattr(self, name) for name in names}}
        head["canaries"] = [asdict(canary) for canary in self.canaries]
        lines = [json.dumps(asdict(q), ensure_ascii=False) for q in self.questions]
        body = json.dumps(head, ensure_ascii=False, indent=1)[:-2]
        questions = ",\n  ".join(lines)
        return f'{body},\n "questions": [\n  {questions}\n ]\n}}\n'

    @classmethod
    def from_json(cls, text: str, *, name: str) -> Baseline:
        """Raises ConfigError, naming the baseline, for anything that `to_json` did not write."""
        from pydantic import TypeAdapter, ValidationError

        broken = ConfigError(
            f"baseline {name}: not a baseline file", hint="Restore it from version control, or pin a new one."
        )
        try:
            written_as = json.loads(text).get("format")
        except (json.JSONDecodeError, AttributeError) as error:
            raise broken from error
        if written_as != _FORMAT:
            what = f"baseline {name}: has format {written_as}, not {_FORMAT}"
            raise ConfigError(what, hint="Pin a new one: kbtool eval pin --why …")
        try:
            return TypeAdapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            raise broken from error


def pin(
    results: Sequence[Result],
    spec: RunSpec,
    *,
    date: str,
    why: str,
    again: Mapping[str, bool],
    canaries: tuple[Canary, ...] = (),
) -> Baseline:
    """A baseline from a run; `again` is what came of asking (some of) the questions a second time."""
    decided = judged(results)
    second = {i: is_right for i, is_right in again.items() if i in decided}
    flips = sum(is_right != passed(decided[i]) for i, is_right in second.items())
    return Baseline(
        run_id=spec.run_id,
        date=date,
        why=why,
        fingerprint=spec.fingerprint,
        k=spec.k,
        threshold=spec.threshold,
        corpus_hash=spec.corpus_hash,
        flip_rate=flips / len(second) if second else None,
        reasks=len(second),
        questions=tuple(
            Pinned(
                id=i,
                content_hash=r.golden.content_hash,
                passed=passed(r),
                passed_twice=passed(r) and second.get(i, False),
                critical=r.golden.critical,
            )
            for i, r in sorted(decided.items())
        ),
        canaries=canaries,
    )


def judged(results: Sequence[Result]) -> dict[str, Result]:
    """Results with a pass or a fail: errors and what was not decided prove nothing either way."""
    return {r.golden.id: r for r in results if r.outcome in {Outcome.PASS, Outcome.FAIL}}


def passed(result: Result) -> bool:
    return result.outcome is Outcome.PASS
