"""Figures as people read them: the same rows on the page, in the weekly report and at the command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kbtool.kpi.definitions import Unit
from kbtool.kpi.figures import Figure, Figures


def _steps(*units: str) -> list[tuple[float, float, str]]:
    """Below how many seconds a time is told in which unit, of how many, and how."""
    bounds, sizes = (120.0, 7200.0, 172_800.0, 0.0), (1.0, 60.0, 3600.0, 86_400.0)
    forms = ("{:.0f}", "{:.0f}", "{:.1f}", "{:.1f}")
    told = (f"{form} {unit}" for form, unit in zip(forms, units, strict=True))
    return list(zip(bounds, sizes, told, strict=True))


_SECONDS = {
    "en": _steps("s", "min", "h", "d"),
    "zh": _steps("秒", "分钟", "小时", "天"),
}
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure in words. `state` is "met", "missed" or "" where nothing can be said; `over` is what of."""

    name: str
    title: str
    value: str
    target: str
    state: str
    over: str
    interval: str
    formula: str
    source: str


def rows(figures: Figures, targets: Mapping[str, float], language: str = "en") -> list[Row]:
    """All figures, in order, with their targets."""
    return [_row(one, targets.get(one.name), language) for one in figures.figures]


def _row(one: Figure, target: float | None, language: str) -> Row:
    definition = one.definition
    met = one.is_met(target)
    sign = "≥" if definition.is_floor else "≤"
    return Row(
        name=one.name,
        title=definition.title.of(language),
        value=("≥ " if one.is_least and one.value is not None else "") + in_words(one, one.value, language),
        target="" if target is None else f"{sign} {in_words(one, target, language)}",
        state="" if met is None else "met" if met else "missed",
        over=f"{one.hits} / {one.n}" if one.hits is not None and one.n else str(one.n),
        interval=_interval(one),
        formula=definition.formula.of(language),
        source=definition.source,
    )


def in_words(one: Figure, value: float | None, language: str = "en") -> str:
    """A value in the figure's unit."""
    if value is None:
        return NOTHING
    if one.definition.unit is Unit.SHARE:
        return f"{value:.0%}"
    if one.definition.unit is Unit.MONEY:
        return f"{value:.4f} {one.currency}".rstrip()
    steps = _SECONDS[language if language in _SECONDS else "en"]
    _, unit, words = next(step for step in steps if value < step[0] or not step[0])
    return words.format(value / unit)


def _interval(one: Figure) -> str:
    found = one.interval
    return "" if found is None else f"{found[0]:.0%}–{found[1]:.0%}"


def as_json(figures: Figures, targets: Mapping[str, float]) -> dict[str, object]:
    """For scripts: values as they are, None over nothing."""
    return {
        "since": figures.since,
        "until": figures.until,
        "matters": figures.matters,
        "waiting": figures.waiting,
        "handoffs": dict(figures.reasons),
        "drafts": dict(figures.fates),
        "figures": [
            {
                "name": one.name,
                "value": one.value,
                "unit": one.currency or one.definition.unit.value,
                "is_least": one.is_least,
                "of": one.n,
                "counted": one.hits,
                "target": targets.get(one.name),
                "met": one.is_met(targets.get(one.name)),
                "definition": one.definition.formula.en,
                "source": one.definition.source,
            }
            for one in figures.figures
        ],
    }
