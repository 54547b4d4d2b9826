"""When a page was last edited, as its own properties or front matter say it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

from kbtool.script import slugify

_NAMES = frozenset(
    slugify(name)
    for name in (
        "Last edited", "Last edited time", "Last edited on", "Last modified", "Last updated", "Updated",
        "Updated at", "Modified", "edit_time", "lastmod", "date", "Zuletzt bearbeitet", "최종 편집 일시",
        "최종 편집", "最終更新日時", "最終更新", "最后编辑时间", "上次编辑时间", "最近编辑时间", "更新时间",
    )
)  # fmt: skip
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_NUMBERS = re.compile(r"(\d{4})\s*(?:[-/.]|年|년)\s*(\d{1,2})\s*(?:[-/.]|月|월)\s*(\d{1,2})")
_ENGLISH = re.compile(r"([A-Z][a-z]{2})[a-z]*\.? (\d{1,2}), (\d{4})")
_EPOCH = re.compile(r"(\d{10})(?:\d{3})?")


def last_edited(properties: Mapping[str, str], lines: Iterable[str] = ()) -> str:
    """The date as `2026-03-01`, or "" where the page tells none.

    `lines` are those of a property block that has not been split from its page yet.
    """
    named = [(name, value) for name, value in properties.items()]
    named += [(name, value) for name, colon, value in (line.partition(":") for line in lines) if colon]
    found = [day for name, value in named if slugify(name) in _NAMES and (day := parse_date(value))]
    return max(found, default=date.min).isoformat() if found else ""


def parse_date(text: str) -> date | None:
    """The first date in a text as Notion and Lark write it, in English or Chinese, Japanese, Korean order.

    `March 1, 2026 4:23 PM`, `2026-03-01T08:00:00Z`, `2026年3月1日 15:20`, `2026년 3월 1일`, Lark's seconds
    since 1970.
    """
    text = text.strip().removeprefix("@")
    try:
        if found := _NUMBERS.match(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if (found := _ENGLISH.match(text)) and found[1].casefold() in _MONTHS:
            return date(int(found[3]), _MONTHS[found[1].casefold()], int(found[2]))
        if found := _EPOCH.fullmatch(text):
            return datetime.fromtimestamp(int(found[1]), UTC).date()
    except ValueError:
        return None
    return None
