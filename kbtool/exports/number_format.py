"""A number as a spreadsheet shows it: 0.15 with the format `0%` is "15%", 12.5 with `"€"0.00` is "€12.50".

The part of Excel's format codes that prices and shares are written in (ECMA-376 part 1, 18.8.31): a section
of their own for negative numbers, literals, currency, thousands, fixed and optional decimals, percent. What
else a code may hold (dates, fractions, exponents, conditions) is left to the value itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from xml.etree.ElementTree import Element

_N = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_BUILT_IN = {1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 37: "#,##0", 39: "#,##0.00"}
_CURRENCY = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")
_COLOUR = re.compile(r"\[(?:black|blue|cyan|green|magenta|red|white|yellow|color ?\d+)\]", re.IGNORECASE)
_QUIET = re.compile(r"_.|\*.")  # room for a sign, and a sign to fill the cell with
_LITERAL = re.compile(r'"([^"]*)"|\\(.)')
_DIGITS = re.compile(r"[#0,]*[#0](?:\.[0#]+)?")
_SECTION = re.compile(r'(?:^|;)((?:"[^"]*"|\\.|[^;"\\])*)')
_PLAIN = re.compile(r"[^\W\d_A-Za-z]|[ $¥€£₩%+()/:-]")
_KEPT = 0xE000  # a private-use character stands for each literal while the rest is read
_LITERALS = re.compile("[\ue000-\uf8ff]")
_MOST_DECIMALS = 15
_LARGEST = 1e15  # beyond it a cell's digits are not its number's any more


def codes(styles: Element) -> Mapping[int, str]:
    """The format code of each cell style that shows a number in a way of its own, by the style's index."""
    own = {form.get("numFmtId", ""): form.get("formatCode", "") for form in styles.iter(f"{_N}numFmt")}
    uses = styles.findall(f"{_N}cellXfs/{_N}xf")
    known = {str(number): code for number, code in _BUILT_IN.items()} | own
    return {
        index: code
        for index, use in enumerate(uses)
        if (code := known.get(use.get("numFmtId", ""), "")) and shown(1.0, code) is not None
    }


def shown(value: float, code: str) -> str | None:
    """`value` as the format `code` shows it; None for a code that is not one of plain numbers."""
    sections = _SECTION.findall(code)
    has_own = value < 0 and len(sections) > 1  # then the sign, or brackets, are part of the section
    section = sections[1] if has_own else sections[0] if sections else ""
    literals: list[str] = []

    def keep(literal: str) -> str:
        literals.append(literal)
        return chr(_KEPT + len(literals) - 1)

    bare = _CURRENCY.sub(lambda found: keep(found[1]), _QUIET.sub("", _COLOUR.sub("", section)))
    bare = _LITERAL.sub(lambda found: keep(found[1] or found[2] or ""), bare)
    places = list(_DIGITS.finditer(bare))
    around = _DIGITS.sub("", _LITERALS.sub("", bare))
    if len(places) != 1 or _PLAIN.sub("", around) or around.count("%") > 1 or not abs(value) < _LARGEST:
        return None
    number = abs(Decimal(repr(value))) * (100 if "%" in around else 1)
    digits = _digits(number, places[0].group())
    sign = "-" if value < 0 and not has_own else ""
    text = f"{sign}{bare[: places[0].start()]}{digits}{bare[places[0].end() :]}"
    return _LITERALS.sub(lambda mark: literals[ord(mark.group()) - _KEPT], text).strip()


def _digits(number: Decimal, pattern: str) -> str:
    whole, _, decimals = pattern.partition(".")
    fixed = number.quantize(Decimal(1).scaleb(-min(len(decimals), _MOST_DECIMALS)), ROUND_HALF_UP)
    text = f"{fixed:,f}" if "," in whole else f"{fixed:f}"
    optional = len(decimals) - len(decimals.rstrip("#"))
    while optional and text.endswith("0"):
        text, optional = text[:-1], optional - 1
    integer, _, rest = text.rstrip(".").partition(".")
    integer = integer.rjust(whole.replace(",", "").count("0"), "0")
    return f"{integer}.{rest}" if rest else integer
