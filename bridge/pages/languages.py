"""The language of a page: what its address says (`?lang=zh`), or what the browser likes best."""

from __future__ import annotations

from enum import StrEnum

from starlette.requests import Request


class Language(StrEnum):
    ENGLISH = "en"
    CHINESE = "zh"


_BY_NAME = {language.value: language for language in Language}


def language_of(request: Request) -> Language:
    """English where neither the address nor the browser names one of ours."""
    return asked_for(request) or accepted(request.headers.get("accept-language", ""))


def asked_for(request: Request) -> Language | None:
    """What the address says."""
    return _BY_NAME.get(request.query_params.get("lang", ""))


def accepted(header: str) -> Language:
    """The best of ours in an Accept-Language; what cannot be read counts as not said."""
    ranked: list[tuple[float, int, Language]] = []
    for place, part in enumerate(header.split(",")):
        tag, _, weight = part.partition(";")
        name = tag.strip().partition("-")[0].casefold()
        if name in _BY_NAME and (quality := _quality(weight)) > 0:
            ranked.append((-quality, place, _BY_NAME[name]))
    return min(ranked)[2] if ranked else Language.ENGLISH


def _quality(weight: str) -> float:
    """Of `q=0.8`; 1 where nothing is said, 0 where that is no number."""
    name, _, value = weight.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
