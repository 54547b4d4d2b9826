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
from kbtool.script import as_pattern, fold, is_mostly_cjk

_PATIENCE = 1.0
"""Seconds for one pattern: some take for ever on some answers."""

_CJK = frozenset({"zh", "ja", "ko"})
_UNITS = (
    "day", "hour", "minute", "second", "week", "month", "year", "item", "piece", "time", "litre", "liter",
    "gram", "kilogram", "metre", "meter", "watt", "volt", "degree", "cup",
)  # fmt: skip
_PLURAL = regex.compile(rf"(?<=\d)[\s-]?({'|'.join(_UNITS)})s?(?!\p{{L}})")
_UNIT = regex.compile(r"(?<=\d)[\s-]+(?=(?:[a-z]{1,3}|°[cf])(?!\p{L}))")


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
    made_up = sorted(unsupported(answer, [found.text for found in reply.cited]))
    yield Check("supported", not made_up, f"says {', '.join(made_up)}, which no source that it cites says")
    others = sorted({found.doc for found in reply.cited} - {found.doc for found in reply.retrieved})
    if reply.retrieved:
        # An app may search more than this dataset, so it is shown and does not count.
        note = f"cites {', '.join(others)}, which the dataset does not return"
        yield Check("retrieved", not others, note, counts=False)
    if golden.lang:
        is_held = not answer.strip() or is_mostly_cjk(answer) == (golden.lang.split("-")[0] in _CJK)
        yield Check("language", is_held, f"is not in the language of the question ({golden.lang})")


def says(answer: str, text: str) -> bool:
    """Whether the answer holds the text, in whatever spelling.

    Width, case and spaces do not count, nor does how a number and its unit are joined (`30-day`, `30 days`),
    nor how an amount or a date is written (`€4.90`, `4,90 EUR`). A text between slashes is a regular
    expression, searched in the answer as it stands, without regard to case.
    """
    pattern = as_pattern(text)
    if pattern:
        try:
            return pattern.search(answer, timeout=_PATIENCE) is not None
        except TimeoutError:
            return False
    if _holds(fold(answer), fold(text)) or _holds(_joined(answer), _joined(text)):
        return True
    wanted = facts(text)
    return bool(wanted) and _is_one_fact(text) and bool(wanted & facts(answer))


def _holds(answer: str, text: str) -> bool:
    """Whether the text stands in the answer, and not as a part of a longer number: `130 days` is not 30."""
    before = r"(?<!\d)(?<!\d[.,])" if text[:1].isdigit() else ""
    after = r"(?!\d)(?![.,]\d)" if text[-1:].isdigit() else ""
    return bool(text) and regex.search(before + regex.escape(text) + after, answer) is not None


def _joined(text: str) -> str:
    """Folded, with every number joined to its unit, which is singular."""
    return _UNIT.sub("", _PLURAL.sub(r"\1", fold(text)))


def _is_one_fact(text: str) -> bool:
    """Whether the text is an amount or a date and nothing else: `EUR 60`, not `free from EUR 60`."""
    letters = regex.findall(r"\p{L}+", text)
    return len(letters) <= 1 or bool(regex.fullmatch(r"[\d年月日\s.]+", text))


def _is_of(found: Found, relevant: Relevant) -> bool:
    return found.doc == relevant.doc and covers(relevant, found.paths)
