"""What the judge said of one run, kept beside its replies, and what of it counts.

`judge.json` holds every judgement and how far the judge was to be believed that day, so that a run judged
again from its files comes out the same on any machine. An opinion becomes a check of the answer: shown
always, counted only where the criterion is trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kbtool.errors import ExportError
from kbtool.evaluate.assertions import first_failure
from kbtool.evaluate.metrics import Rate
from kbtool.evaluate.record import Check, Result
from kbtool.judge.agreement import Agreement, agreement
from kbtool.judge.asking import Judge, Judgement
from kbtool.judge.criteria import Criterion, Opinion, listed, material_of, series
from kbtool.judge.labels import Label
from kbtool.sync.waiting import Progress, quiet

JUDGED = "judge.json"
JUDGES = "judge:"
"""How the kind of a check begins that is a judge's opinion."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A run's judgements, by the key of their material, and the judge's agreement with people."""

    model: str
    series: str
    agreements: tuple[Agreement, ...]
    judgements: Mapping[str, Judgement]

    @property
    def trusted(self) -> frozenset[Criterion]:
        return frozenset(one.criterion for one in self.agreements if one.is_trusted)


@dataclass(frozen=True, slots=True)
class Standing:
    """One criterion over a run: `held` of those that have a verdict, `errors` without one."""

    criterion: Criterion
    held: Rate
    errors: int
    agreement: Agreement

    @property
    def sentence(self) -> str:
        share = "" if self.held.value is None else f" ({self.held.value:.0%})"
        return f"{self.criterion}: {self.held.hits} of {self.held.n}{share}. {self.worth}"

    @property
    def worth(self) -> str:
        """What is said beside the score: how many have none, and how far the judge is to be believed."""
        errors = f"{self.errors} without a verdict. " if self.errors else ""
        return f"{errors}The judge {self.agreement.sentence}."


async def judge_run(
    results: Sequence[Result], labels: Mapping[str, Label], judge: Judge, *, progress: Progress = quiet
) -> Judged:
    """Judge the answers of a run, and those that people have labelled: it says what the others are worth."""
    answers = [material for result in results if (material := material_of(result))]
    labelled = [label.material for label in labels.values()]
    said = await judge.judge([*answers, *labelled], progress=progress)
    own = {material.key for material in answers}
    return Judged(
        model=judge.model.name,
        series=series(judge.model.name),
        agreements=agreements(labels.values(), said),
        judgements={key: judgement for key, judgement in said.items() if key in own},
    )


def agreements(labels: Iterable[Label], said: Mapping[str, Judgement]) -> tuple[Agreement, ...]:
    """The judge against people, one criterion after the other."""
    pairs: dict[Criterion, list[tuple[bool, bool]]] = {criterion: [] for criterion in Criterion}
    for label in labels:
        judgement = said.get(label.material.key)
        for opinion in judgement.opinions if judgement else ():
            if opinion.criterion in label.holds:
                pairs[opinion.criterion].append((label.holds[opinion.criterion], opinion.holds))
    return tuple(agreement(criterion, found) for criterion, found in pairs.items())


def with_opinions(results: Sequence[Result], judged: Judged | None) -> tuple[Result, ...]:
    """The results with what the judge said of exactly these answers; as they are where nothing was judged.

    A trusted criterion that does not hold makes an answer wrong, as a failed assertion does. The headline,
    and so the verdict's comparison with the pin, is what was found: no judge has a part in it.
    """
    if judged is None:
        return tuple(results)
    return tuple(_with_opinion(result, judged) for result in results)


def standings(results: Sequence[Result], judged: Judged) -> tuple[Standing, ...]:
    """What the judge said of a run, criterion by criterion, with what that is worth."""
    found = []
    for one in judged.agreements:
        asked = [m for result in results if (m := material_of(result)) and one.criterion in m.criteria]
        said = [judged.judgements[m.key] for m in asked if m.key in judged.judgements]
        holds = [o.holds for judgement in said for o in judgement.opinions if o.criterion is one.criterion]
        if asked:
            found.append(Standing(one.criterion, Rate(sum(holds), len(holds)), len(asked) - len(holds), one))
    return tuple(found)


def write_judged(folder: Path, judged: Judged) -> None:
    content = {
        "model": judged.model,
        "series": judged.series,
        "agreements": [asdict(one) for one in judged.agreements],
        "judgements": [
            {"key": one.key, "opinions": listed(one.opinions), "error": one.error}
            for one in judged.judgements.values()
        ],
    }
    half = folder / f"{JUDGED}.part"
    half.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    half.replace(folder / JUDGED)


def read_judged(folder: Path) -> Judged | None:
    """What was judged of the run in `folder`, None where nothing was. Raises ExportError."""
    path = folder / JUDGED
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        judgements = [
            Judgement(
                one["key"],
                tuple(Opinion(Criterion(o["criterion"]), o["holds"], o["quote"]) for o in one["opinions"]),
                one["error"],
            )
            for one in content["judgements"]
        ]
        counts = [
            Agreement(
                **{**one, "criterion": Criterion(one["criterion"]), "interval": _interval(one["interval"])}
            )
            for one in content["agreements"]
        ]
        return Judged(
            content["model"], content["series"], tuple(counts), {one.key: one for one in judgements}
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path}: not what a judge said ({error})", hint="Remove that file.") from error


def _interval(found: list[float] | None) -> tuple[float, float] | None:
    return (found[0], found[1]) if found else None


def _with_opinion(result: Result, judged: Judged) -> Result:
    material = material_of(result)
    judgement = judged.judgements.get(material.key) if material else None
    if judgement is None or not judgement.opinions:
        return result
    said = tuple(
        Check(
            f"{JUDGES}{opinion.criterion}",
            opinion.holds,
            f"the judge says it is not {_ADJECTIVE[opinion.criterion]}: “{opinion.quote}”",
            counts=opinion.criterion in judged.trusted,
        )
        for opinion in judgement.opinions
    )
    checks = (*result.checks, *said)
    return replace(result, checks=checks, is_correct=result.is_correct and not first_failure(checks))


_ADJECTIVE = {
    Criterion.COMPLETE: "complete",
    Criterion.FAITHFUL: "faithful to its sources",
    Criterion.REFUSES: "a refusal",
}
