"""What an answer says, cites and must not say: each check by itself, so that a report can show which failed.

Deterministic, in the order in which a person would look. No language model is asked: what is right must be
the same on Monday and on Tuesday.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex

from kbtool.evaluate.record import Check, Found, Golden, Relevant, Reply
from kbtool.facts import facts, unsupported
from kbtool.golden import covers
from kbtool.script import as_pattern, fold
from kbtool.writing import is_written_in

_PATIENCE = 1.0
"""Seconds for one pattern: some take for ever on some answers."""

_UNITS = {
    "d": "days, day, 天, 日", "h": "hours, hour, hrs, hr, 小时", "min": "minutes, minute, mins, 分钟",
    "s": "seconds, second, secs, sec, 秒钟, 秒", "week": "weeks, 周, 星期, 个星期",
    "month": "months, 个月, 月",
    "year": "years, yrs, yr, 年", "item": "items, pieces, piece, pcs, 件, 个", "time": "times, 次",
    "l": "litres, litre, liters, liter, 升", "ml": "millilitres, milliliters, 毫升",
    "g": "grams, gram, 克", "kg": "kilograms, kilogram, kilos, 公斤, 千克",
    "m": "metres, metre, meters, meter, 米",
    "cm": "centimetres, centimeters, 厘米", "mm": "millimetres, millimeters, 毫米", "w": "watts, watt, 瓦",
    "v": "volts, volt, 伏", "bar": "bars", "cup": "cups, 杯",
    "°c": "degrees celsius, degrees c, degree c, 摄氏度, ℃", "°f": "degrees fahrenheit, degrees f, 华氏度, ℉",
    "degree": "degrees, 度",
}  # fmt: skip
"""Units by how they are compared, with their other spellings."""

_SPELLED = {fold(word): unit for unit, words in _UNITS.items() for word in (unit, *words.split(", "))}
_UNIT = regex.compile(
    r"(?<=\d)[\s-]*(" + "|".join(sorted(map(regex.escape, _SPELLED), key=len, reverse=True)) + r")(?![a-z])"
)
_APART = regex.compile(r"(?<=\d)[\s-]+(?=(?:[a-z]{1,3}|°[cf])(?!\p{L}))")
_GROUPED = regex.compile(r"(?<![\d.,])\d{1,3}(?:[, ']\d{3})+(?![\d,])")
_DECIMAL_COMMA = regex.compile(r"(?<=(?<![\d.,])\d+),(?=\d{1,2}(?![\d.,]))")
_MARKER = regex.compile(r"\[\^?(\d{1,2})\]|【(\d{1,2})(?:[†:][^】]{0,40})?】")


def checks(golden: Golden, reply: Reply) -> tuple[Check, ...]:
    """What became of the answer to an answerable question; nothing where the app was not asked."""
    return tuple(_checks(golden, reply)) if reply.answer is not None else ()


def first_failure(found: Sequence[Check]) -> str:
    """The first check that did not hold, in words; "" where all did."""
    return next((check.note for check in found if check.counts and not check.is_held), "")


def _checks(golden: Golden, reply: Reply) -> Iterator[Check]:
    answer = reply.answer or ""
    for group in golden.expected.must_contain:
        is_held = any(says(answer, text) for text in group)
        yield Check("must_contain", is_held, f"does not say {' or '.join(repr(text) for text in group)}")
    for text in golden.expected.must_not_contain:
        yield Check("must_not_contain", not says(answer, text), f"says {text!r}")
    for doc in golden.expected.cite:
        is_held = any(found.doc == doc for found in reply.cited)
        yield Check("cite", is_held, f"does not cite {doc}")
    if golden.answerable:
        is_held = any(_is_of(found, place) for found in reply.cited for place in golden.relevant)
        yield Check("relevant", is_held, "cites no relevant source")
    invented = invented_citations(answer, [found.text for found in reply.cited])
    yield Check("invented", not invented, f"cites {', '.join(invented)}, and has {len(reply.cited)} sources")
    made_up = sorted(unsupported(answer, [found.text for found in reply.cited]))
    yield Check("supported", not made_up, f"says {', '.join(made_up)}, which no source that it cites says")
    others = sorted({found.doc for found in reply.cited} - {found.doc for found in reply.retrieved})
    if reply.retrieved:
        # An app may search more than this dataset, so it is shown and does not count.
        note = f"cites {', '.join(others)}, which the dataset does not return"
        yield Check("retrieved", not others, note, counts=False)
    if golden.lang:
        is_held = is_written_in(answer, golden.lang)
        yield Check("language", is_held, f"is not in the language of the question ({golden.lang})")


def says(answer: str, text: str) -> bool:
    """Whether the answer holds the text, in whatever spelling.

    Width, case and spaces do not count, nor does how a number is grouped (`1,500 W`, `1500 watts`), how it
    and its unit are joined and spelled (`30-day`, `30 days`; `2 h`, `2 hours`), nor how an amount or a date
    is written (`€4.90`, `4,90 EUR`). A text between slashes is a regular
    expression, searched in the answer as it stands, without regard to case.
    """
    pattern = as_pattern(text)
    if pattern:
        try:
            return pattern.search(answer, timeout=_PATIENCE) is not None
        except TimeoutError:
            return False
    if _holds(fold(answer), fold(text)) or _holds(_joined(answer), _joined(text), "(?![a-z])"):
        return True
    wanted = facts(text)
    return bool(wanted) and _is_one_fact(text) and bool(wanted & facts(answer))


def _holds(answer: str, text: str, behind: str = "") -> bool:
    """Whether the text stands in the answer, and not as a part of a longer number: `130 days` is not 30.

    `behind` is a pattern for what may follow: a unit is whole, so that `30d` is not in `30degree`.
    """
    before = r"(?<!\d)(?<!\d[.,])" if text[:1].isdigit() else ""
    after = r"(?!\d)(?![.,]\d)" if text[-1:].isdigit() else ""
    return bool(text) and regex.search(before + regex.escape(text) + after + behind, answer) is not None


def _joined(text: str) -> str:
    """Folded, with every number plain and joined to its unit, which is spelled in one way."""
    text = _GROUPED.sub(lambda found: regex.sub(r"\D", "", found[0]), fold(text))
    text = _UNIT.sub(lambda found: _SPELLED[found[1]], _DECIMAL_COMMA.sub(".", text))
    return _APART.sub("", text)


def invented_citations(answer: str, sources: Sequence[str]) -> list[str]:
    """Footnotes of the answer (`[3]`, `【3†source】`) that are none of its sources, in their order.

    What a source itself says is no footnote: `press [9]` on a page about the telephone.
    """
    found: dict[str, None] = {}
    for marker in _MARKER.finditer(answer):
        number = int(marker[1] or marker[2])
        if not 1 <= number <= len(sources) and not any(marker[0] in source for source in sources):
            found[marker[0]] = None
    return list(found)


def _is_one_fact(text: str) -> bool:
    """Whether the text is an amount or a date and nothing else: `EUR 60`, not `free from EUR 60`."""
    letters = regex.findall(r"\p{L}+", text)
    return len(letters) <= 1 or bool(regex.fullmatch(r"[\d年月日\s.]+", text))


def _is_of(found: Found, relevant: Relevant) -> bool:
    return found.doc == relevant.doc and covers(relevant, found.paths)
