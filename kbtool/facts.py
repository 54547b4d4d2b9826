"""Amounts, dates and URLs in a text, spelled one way: what an answer must not make up.

An answer that names one that stands in no source it was given is `unsupported_fact` (design decision 12).
Only these three kinds: they are what customers act on, and they can be compared without judgement.

What can be read in several ways (`03/04/2025`, `1.899 €`, `$`) counts in each, since a page rarely spells a
fact as the answer does. Not read: numbers in words or Chinese numerals (but for 百分之二十), cents, days with
neither a month's name nor a year (`24/7` is no date), the first day of a range of days, and the first price
of `3 - 10 €`, where the dash may be punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from kbtool.script import straight_quotes


def _by_sign(signs: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {sign: tuple(meant.split()) for meant, row in signs.items() for sign in row.split(", ")}


_SIGNS = _by_sign({
    "eur": "€, eur", "usd": "us$, usd", "usd cad aud nzd hkd twd sgd": "$", "cad": "ca$, c$, cad",
    "aud": "au$, a$, aud", "nzd": "nz$, nzd", "hkd": "hk$, hkd", "twd": "nt$, twd, ntd", "sgd": "s$, sgd",
    "gbp": "£, gbp", "chf": "chf", "sek nok dkk": "kr", "sek": "sek", "nok": "nok", "dkk": "dkk",
    "pln": "zł, pln", "czk": "kč, czk", "cny jpy": "¥", "cny": "cny, rmb", "jpy": "jpy", "krw": "₩, krw",
    "inr": "₹, inr",
})  # fmt: skip
"""Signs before or behind the amount, by what they may mean; a report names the first."""
_NAMES = _by_sign({
    "eur": "euro, euros, 欧元", "usd": "美元, 美金", "usd cad aud nzd hkd twd sgd": "dollar, dollars",
    "cad": "加元", "aud": "澳元", "hkd": "港元, 港币", "twd": "台币, 新台币", "sgd": "新元",
    "gbp": "pound, pounds, 英镑", "chf": "francs, 瑞士法郎", "sek": "kronor", "nok dkk": "kroner",
    "cny": "yuan, 元, 块, 人民币", "jpy": "yen, 日元, 円", "%": "%, percent, per cent, pct",
})  # fmt: skip
"""Only behind it: "pounds 20" is no price, and in 满100元3件 the 3 are pieces."""
_MEANINGS = {**_SIGNS, **_NAMES}


def _any_of(signs: Iterable[str]) -> str:
    """A pattern for one of the signs, the longest first; one of letters is no part of a longer word."""
    found = sorted(signs, key=len, reverse=True)
    return "|".join(
        ("(?<![a-z])" if "a" <= sign[0] <= "z" else "")
        + re.escape(sign)
        + ("(?![a-z])" if sign[-1] < "ƀ" and sign[-1].isalpha() else "")
        for sign in found
    )


_NUMBER = r"(?<!\d)(?<!\d[.,'])(?:\d{1,3}(?:[ ']\d{3}){1,4}(?!\d)(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)*)"
_AMOUNT = re.compile(
    rf"(?P<before>{_any_of(_SIGNS)}) ?(?P<a>{_NUMBER})(?:[-–—~至到](?P<b>{_NUMBER}))?"
    rf"|(?:(?<![a-z])(?P<c>{_NUMBER})(?:[-–—~至到]| to ))?(?P<d>{_NUMBER}) ?"
    rf"(?P<after>(?:{_any_of(_SIGNS)})(?!\d)|{_any_of(_NAMES)})"
)
_ONE_TO_NINE = "一二三四五六七八九"
_PERCENT = re.compile(
    rf"百分之(?:(?P<number>{_NUMBER})|(?P<tens>[{_ONE_TO_NINE}]?十)?(?P<one>[{_ONE_TO_NINE}])?(?P<all>百)?)"
)
_URL = re.compile(r"(?:https?://|www\.)[^\s<>()\"'，。；）】」]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?<![a-z])(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![a-z])\.?"
)
_DAY = r"(?<!\d)(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![a-z\d%])"
_IS_DATE = re.compile(r"(?:\d{4}-)?\d{2}-\d{2}")
_DATES = (
    re.compile(r"(?<!\d)(?P<year>\d{4})(?P<dot>[-/.])(?P<mon>\d{1,2})(?P=dot)(?P<day>\d{1,2})(?!\d)"),
    re.compile(
        r"(?<![\d/.-])(?P<day>\d{1,2})(?P<dot>[-/.]) ?(?P<mon>\d{1,2})(?P=dot) ?(?P<year>\d{4})(?!\d)"
    ),
    re.compile(r"(?:(?P<year>\d{4})\s*年\s*)?(?<!\d)(?P<mon>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*[日号]"),
    re.compile(rf"{_DAY}[ -](?:of )?{_MONTH}(?:,?[ -](?P<year>\d{{4}})(?!\d))?"),
    re.compile(rf"{_MONTH} ?{_DAY}(?:,? (?P<year>\d{{4}})(?!\d))?"),
)


@lru_cache(maxsize=4096)  # of a source it is asked for again by every answer that cites it
def facts(text: str) -> frozenset[str]:
    """The amounts, dates and URLs in `text`, in each reading: `249 eur`, `05-12`, `2025-05-12`, `a.test`."""
    return frozenset(reading for readings in _stated(text) for reading in readings)


def unsupported(answer: str, sources: Iterable[str]) -> frozenset[str]:
    """Facts of the answer that stand in no source in any reading, each in its first.

    Dates may differ in whether they name the year.
    """
    known = frozenset[str]().union(*(facts(source) for source in sources))
    days = {fact[-5:] for fact in known if _IS_DATE.fullmatch(fact)}

    def is_known(reading: str) -> bool:
        if reading in known or not _IS_DATE.fullmatch(reading):
            return reading in known
        return reading in days or reading[-5:] in known

    return frozenset(readings[0] for readings in _stated(answer) if not any(map(is_known, readings)))


def _stated(text: str) -> Iterator[tuple[str, ...]]:
    """Each fact as its readings, the likeliest first."""
    text = unicodedata.normalize("NFKC", straight_quotes(text)).casefold()
    for match in _URL.finditer(text):
        yield (match[0].rstrip(".,;:!?*_").removeprefix("https://").removeprefix("http://").rstrip("/"),)
    text = _URL.sub(" ", text)
    for pattern in _DATES:
        dates = [(match, _dates(match)) for match in pattern.finditer(text)]
        for match, readings in reversed(dates):
            if readings:
                yield readings
                text = f"{text[: match.start()]} {text[match.end() :]}"
    for match in _PERCENT.finditer(text):
        yield from _percents(match)
    for match in _AMOUNT.finditer(text):
        currencies = _MEANINGS[match["before"] or match["after"]]
        for number in filter(None, match.group("a", "b", "c", "d")):
            yield tuple(f"{reading} {currency}" for currency in currencies for reading in _numbers(number))


def _dates(match: re.Match[str]) -> tuple[str, ...]:
    """The readings that are days of a calendar; none for a version number or a part of a code."""
    found = match.groupdict()
    year = f"{found['year']}-" if found["year"] else ""
    day = int(found["day"])
    month = _MONTHS.index(found["month"][:3]) + 1 if found.get("month") else int(found["mon"])
    orders = [(month, day)]
    if found.get("dot") and match.start("day") < match.start("mon"):
        orders.append((day, month))
    days = (f"{year}{mon:02d}-{day:02d}" for mon, day in orders if 1 <= mon <= 12 and 1 <= day <= 31)
    return tuple(dict.fromkeys(days))


def _percents(match: re.Match[str]) -> Iterator[tuple[str, ...]]:
    """百分之20, 百分之二十 and 20% are one share."""
    if match["number"]:
        yield tuple(f"{reading} %" for reading in _numbers(match["number"]))
        return
    tens, one = match["tens"], match["one"]
    value = 10 * (_ONE_TO_NINE.index(tens[0]) + 1 if tens and len(tens) > 1 else bool(tens))
    value += _ONE_TO_NINE.index(one) + 1 if one else 0
    if match["all"]:
        value = 100 * (value or 1)
    if value:
        yield (f"{value} %",)


def _numbers(text: str) -> tuple[str, ...]:
    """`1,899.00`, `1.899,00`, `1 899` and `1899` are one number; `1.899` may be that one or under two."""
    digits = re.sub("[ ']", "", text)
    *groups, last = re.split("[.,]", digits)
    if not groups:
        return (_plain(digits, ""),)
    whole, decimal = _plain(digits, ""), _plain("".join(groups), last)
    marks = set(re.findall("[.,]", digits))
    if len(last) != 3 or len(marks) > 1 or len(groups[0]) > 3 or digits.startswith("0"):
        return (decimal,)
    return (whole,) if len(groups) > 1 else (whole, decimal)


def _plain(whole: str, fraction: str) -> str:
    whole = re.sub(r"\D", "", whole).lstrip("0") or "0"
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction.ljust(2, '0')}" if fraction else whole
