"""What a customer wants that no page should answer: a person, the money back, a lawyer's attention.

Found by the words alone, before the AI is asked. kb.toml adds phrases, adds intents, or switches one off
(`[handoff.intents]`); the evaluation says how many golden questions each takes away.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import regex

from kbtool.script import as_pattern, plain

_TABLES: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
PERSON = "person"
NAMES = tuple(name for name in _TABLES if name != "words")
_ENDS = 3000
_WORD = regex.compile("%([a-z_]+)%")
_LATIN_EDGE = r"(?<![\p{Latin}\p{N}])%s(?![\p{Latin}\p{N}])"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The intent that was found, and the customer's words that gave it away."""

    intent: str
    words: str


@dataclass(frozen=True, slots=True)
class Intents:
    """Which intents are looked for: the built-in ones without `off`, and (name, phrase) pairs of one's own.

    A phrase is found as whole words, whatever its case and accents; `/…/` is a regular expression over the
    text as `plain` leaves it.
    """

    off: frozenset[str] = frozenset()
    own: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, table: Mapping[str, bool | tuple[str, ...]]) -> Self:
        """From kb.toml: `complaint = false` switches off, a list of phrases adds to an intent or makes one.

        Raises ValueError for a phrase that is no regular expression, or one that is empty.
        """
        lists = {name: phrases for name, phrases in table.items() if not isinstance(phrases, bool)}
        made = cls(
            off=frozenset(name for name, value in table.items() if value is False),
            own=tuple((name, phrase) for name, phrases in lists.items() for phrase in phrases),
        )
        for name, phrase in made.own:
            if not plain(phrase).strip("/ "):
                raise ValueError(f"{name}: an empty phrase would be found everywhere")
            as_pattern(phrase)  # the whole is put together when it is first searched: that takes 0.1 s
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """All that are looked for, in the order in which they are."""
        own = dict.fromkeys(name for name, _ in self.own)
        return tuple(name for name in (*NAMES, *(n for n in own if n not in NAMES)) if name not in self.off)

    def find(self, text: str) -> Wanted | None:
        """What the customer wants, if it is one of these; the gravest where it is several.

        Of a pasted document only the beginning and the end are searched, so that it takes milliseconds.
        """
        said = plain(text if len(text) <= 2 * _ENDS else f"{text[:_ENDS]}\n{text[-_ENDS:]}")
        for name, pattern in _compiled(self):
            if found := pattern.search(said):
                return Wanted(name, found[0].strip(" .,;!?"))
        return None


EVERY_INTENT = Intents()


@lru_cache(maxsize=64)
def _compiled(intents: Intents) -> tuple[tuple[str, regex.Pattern[str]], ...]:
    """One pattern for each intent that is on."""
    own: dict[str, list[str]] = {}
    for name, phrase in intents.own:
        own.setdefault(name, []).append(_pattern(phrase))
    return tuple(
        (name, regex.compile("|".join(f"(?:{one})" for one in (*_built_in(name), *own.get(name, ())))))
        for name in intents.names
    )


def _built_in(name: str) -> Iterator[str]:
    """The lines of the table, with its words put in."""
    words = _TABLES["words"]
    for text in _TABLES.get(name, {}).values():
        yield from filter(None, _WORD.sub(lambda found: words[found[1]], text).splitlines())


def _pattern(phrase: str) -> str:
    expression = as_pattern(phrase)
    return phrase[1:-1] if expression else _LATIN_EDGE % regex.escape(plain(phrase))
