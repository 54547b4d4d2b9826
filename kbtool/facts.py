"""Amounts, dates and URLs in a text, spelled one way: what an answer must not make up.

An answer that names one that stands in no source it was given is `unsupported_fact` (design decision 12).
Only these three kinds: they are what customers act on, and they can be compared without judgement.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_NUMBER = r"\d{1,3}(?:[,' \u00a0]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_SIGN = r"€|\$|£|¥|₩|eur\b|usd\b|gbp\b|cny\b|rmb\b|jpy\b|euros?\b|dollars?\b|pounds?\b|yuan\b|元|块|欧元|美元"
_AMOUNT = re.compile(
    rf"(?:(?P<before>{_SIGN})\s*(?P<a>{_NUMBER}))|(?:(?P<b>{_NUMBER})\s*(?P<after>{_SIGN}|%))"
)
_CURRENCY = {
    "€": "eur", "eur": "eur", "euro": "eur", "euros": "eur", "欧元": "eur",
    "$": "usd", "usd": "usd", "dollar": "usd", "dollars": "usd", "美元": "usd",
    "£": "gbp", "gbp": "gbp", "pound": "gbp", "pounds": "gbp",
    "¥": "cny", "cny": "cny", "rmb": "cny", "yuan": "cny", "元": "cny", "块": "cny",
}  # fmt: skip
_URL = re.compile(r"(?:https?://|www\.)[^\s<>()\"'，。；）】」]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
_IS_DATE = re.compile(r"(?:\d{4}-)?\d{2}-\d{2}")
_DATES = (
    re.compile(r"\b(?P<year>\d{4})[-/.](?P<mon>\d{1,2})[-/.](?P<day>\d{1,2})\b"),
    re.compile(r"(?:(?P<year>\d{4})\s*年\s*)?(?P<mon>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*[日号]"),
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}}))?\b"),
    re.compile(rf"\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year>\d{{4}}))?"),
)


def facts(text: str) -> frozenset[str]:
    """The amounts, dates and URLs in `text`, each in one spelling: `249 eur`, `05-12`, `https://…`."""
    found: set[str] = set()
    text = unicodedata.normalize("NFKC", text).casefold()
    for match in _URL.finditer(text):
        found.add(match[0].rstrip(".,;:!?*_").removeprefix("https://").removeprefix("http://").rstrip("/"))
    text = _URL.sub(" ", text)
    for pattern in _DATES:
        for match in pattern.finditer(text):
            found.add(_date(match))
        text = pattern.sub(" ", text)
    for match in _AMOUNT.finditer(text):
        sign = match["before"] or match["after"]
        found.add(f"{_number(match['a'] or match['b'])} {_CURRENCY.get(sign, sign)}")
    return frozenset(found)


def unsupported(answer: str, sources: Iterable[str]) -> frozenset[str]:
    """Facts of the answer that stand in no source. Dates may differ in whether they name the year."""
    known = frozenset[str]().union(*(facts(source) for source in sources))
    days = {fact[-5:] for fact in known if _IS_DATE.fullmatch(fact)}
    return frozenset(
        fact
        for fact in facts(answer) - known
        if not (_IS_DATE.fullmatch(fact) and fact[-5:] in days and _agrees(fact, known))
    )


def _agrees(date: str, known: frozenset[str]) -> bool:
    """Whether a source has this day without a year, or the answer has none."""
    return len(date) == len("05-12") or date[-5:] in known


def _date(match: re.Match[str]) -> str:
    groups = match.groupdict()
    month = _MONTHS.index(groups["month"]) + 1 if groups.get("month") else int(groups["mon"])
    year = f"{groups['year']}-" if groups.get("year") else ""
    return f"{year}{month:02d}-{int(groups['day']):02d}"


def _number(text: str) -> str:
    """`1,899.00`, `1 899` and `1899` are one number."""
    text = re.sub(r"[' \u00a0]", "", text)
    if re.search(r"[.,]\d{1,2}$", text):
        whole, cents = re.split(r"[.,](?=\d{1,2}$)", text)
        cents = cents.ljust(2, "0")
    else:
        whole, cents = text, "00"
    whole = re.sub(r"[.,]", "", whole)
    return whole if cents == "00" else f"{whole}.{cents}"
