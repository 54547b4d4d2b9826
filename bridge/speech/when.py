"""When somebody will be there, in the customer's language: "on Monday at 09:00 (Europe/Berlin)". Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class _Form:
    """How a language says it. `days` begin with Monday and have the word before them that they need."""

    today: str
    tomorrow: str
    weekday: str
    date: str
    days: tuple[str, ...]


_FORMS: Mapping[str, _Form] = {
    "en": _Form(
        "today at {time} ({zone})",
        "tomorrow at {time} ({zone})",
        "on {day} at {time} ({zone})",
        "on {date} at {time} ({zone})",
        ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ),
    "zh": _Form(
        "今天 {time}（{zone}）",
        "明天 {time}（{zone}）",
        "{day} {time}（{zone}）",
        "{date} {time}（{zone}）",
        ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日"),
    ),
    "ja": _Form(
        "本日 {time}（{zone}）",
        "明日 {time}（{zone}）",
        "{day} {time}（{zone}）",
        "{date} {time}（{zone}）",
        ("月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日", "日曜日"),
    ),
    "ko": _Form(
        "오늘 {time} ({zone})",
        "내일 {time} ({zone})",
        "{day} {time} ({zone})",
        "{date} {time} ({zone})",
        ("월요일", "화요일", "수요일", "목요일", "금요일", "토요일", "일요일"),
    ),
    "de": _Form(
        "Heute ab {time} Uhr ({zone})",
        "Morgen ab {time} Uhr ({zone})",
        "Am {day} ab {time} Uhr ({zone})",
        "Am {date} ab {time} Uhr ({zone})",
        ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    ),
    "fr": _Form(
        "aujourd'hui à {time} ({zone})",
        "demain à {time} ({zone})",
        "{day} à {time} ({zone})",
        "le {date} à {time} ({zone})",
        ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
    ),
    "es": _Form(
        "hoy a las {time} ({zone})",
        "mañana a las {time} ({zone})",
        "el {day} a las {time} ({zone})",
        "el {date} a las {time} ({zone})",
        ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    ),
    "pt": _Form(
        "hoje às {time} ({zone})",
        "amanhã às {time} ({zone})",
        "{day} às {time} ({zone})",
        "em {date} às {time} ({zone})",
        ("na segunda-feira", "na terça-feira", "na quarta-feira", "na quinta-feira", "na sexta-feira",
         "no sábado", "no domingo"),
    ),
}  # fmt: skip
_A_WEEK = 7


def when(at: datetime, now: datetime, language: str) -> str:
    """`at` (with its zone) as somebody says it at `now`, by the clock of `at`; the zone is named.

    The customer may live by another clock, and theirs is not known.
    """
    form = _FORMS[language]
    days = (at.date() - now.astimezone(at.tzinfo).date()).days
    if days <= 0:
        sentence = form.today
    elif days == 1:
        sentence = form.tomorrow
    else:
        sentence = form.weekday if days < _A_WEEK else form.date
    zone = getattr(at.tzinfo, "key", "") or at.tzname() or "UTC"
    return sentence.format(time=f"{at:%H:%M}", zone=zone, day=form.days[at.weekday()], date=f"{at:%Y-%m-%d}")
